#include "cases.h"

#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <ctime>

namespace millrace::bench {
namespace {

namespace cp = arrow::compute;
using View = std::string_view;

constexpr double kText = 20, kPath = 5;

// Calls Arrow's kernel `name` on columns.
std::function<arrow::Result<arrow::Datum>(const Columns&)> Kernel(
    const char* name, std::vector<const char*> columns,
    std::shared_ptr<cp::FunctionOptions> options = nullptr) {
  return [=](const Columns& all) {
    std::vector<arrow::Datum> args;
    for (const char* column : columns) args.emplace_back(all.Get(column));
    return cp::CallFunction(name, args, options.get());
  };
}

std::shared_ptr<cp::FunctionOptions> Match(const char* pattern) {
  return std::make_shared<cp::MatchSubstringOptions>(pattern);
}

std::shared_ptr<cp::FunctionOptions> To(std::shared_ptr<arrow::DataType> type) {
  return std::make_shared<cp::CastOptions>(cp::CastOptions::Safe(std::move(type)));
}

// A loop over a text column; f answers a number, so that nothing is left out.
template <typename F>
std::function<size_t(const Columns&)> LoopOver(const char* column, F f) {
  return [=](const Columns& all) {
    const arrow::StringArray& texts = all.Texts(column);
    size_t sum = 0;
    for (int64_t row = 0; row < kRows; ++row) sum += static_cast<size_t>(f(texts.GetView(row)));
    return sum;
  };
}

// A loop that makes a text of each: f appends it.
template <typename F>
std::function<size_t(const Columns&)> LoopInto(const char* column, F f) {
  return [=](const Columns& all) {
    const arrow::StringArray& texts = all.Texts(column);
    std::string out;
    std::vector<int32_t> ends;
    for (int64_t row = 0; row < kRows; ++row) {
      f(texts.GetView(row), &out);
      ends.push_back(static_cast<int32_t>(out.size()));
    }
    return out.size() + ends.size();
  };
}

// The same over numbers of 8 bytes.
template <typename F>
std::function<size_t(const Columns&)> LoopNumbers(const char* column, F f) {
  return [=](const Columns& all) {
    const auto* values = all.Get(column)->data()->GetValues<int64_t>(1);
    std::string out;
    std::vector<int32_t> ends;
    for (int64_t row = 0; row < kRows; ++row) {
      f(values[row], &out);
      ends.push_back(static_cast<int32_t>(out.size()));
    }
    return out.size() + ends.size();
  };
}

template <char kFirst, char kLast>
void SwapCase(View text, std::string* out) {
  for (char c : text) out->push_back(c >= kFirst && c <= kLast ? static_cast<char>(c ^ 0x20) : c);
}

View Stripped(View text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

View PartOf(View text, char separator, int index) {
  for (;;) {
    const size_t end = text.find(separator);
    if (index-- == 0 || end == View::npos) return text.substr(0, end);
    text.remove_prefix(end + 1);
  }
}

template <typename T>
size_t Parsed(View text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return static_cast<size_t>(value);
}

void PrintNumber(int64_t value, std::string* out) {
  char buffer[24];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

void PrintReal(int64_t bits, std::string* out) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  char buffer[32];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

template <size_t kSize>
std::function<void(int64_t, std::string*)> PrintTime(const char (&pattern)[kSize]) {
  return [pattern = std::string(pattern)](int64_t millis, std::string* out) {
    const time_t seconds = millis / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char buffer[40];
    out->append(buffer, std::strftime(buffer, sizeof(buffer), pattern.c_str(), &parts));
  };
}

}  // namespace

std::vector<Case> TextCases() {
  const auto trim = std::make_shared<cp::TrimOptions>(" ");
  const auto slice = std::make_shared<cp::SliceOptions>(2, 7);
  const auto pad = std::make_shared<cp::PadOptions>(16, "*");
  return {
      {"UPPER(word)", kText, Kernel("utf8_upper", {"word"}), LoopInto("word", SwapCase<'a', 'z'>)},
      {"LOWER(word)", kText, Kernel("utf8_lower", {"word"}), LoopInto("word", SwapCase<'A', 'Z'>)},
      {"LOWER(city)", kText, Kernel("utf8_lower", {"city"})},
      {"INITCAP(word)", kText, Kernel("utf8_capitalize", {"word"})},
      {"TRIM(padded)", kText, Kernel("utf8_trim", {"padded"}, trim),
       LoopInto("padded", [](View text, std::string* out) { out->append(Stripped(text)); })},
      {"LTRIM(padded)", kText, Kernel("utf8_ltrim", {"padded"}, trim)},
      {"SUBSTRING(word, 3, 5)", kText, Kernel("utf8_slice_codeunits", {"word"}, slice),
       LoopInto("word", [](View text, std::string* out) { out->append(text.substr(2, 5)); })},
      {"SUBSTRING(city, 3, 5)", kText, Kernel("utf8_slice_codeunits", {"city"}, slice)},
      {"LEFT(word, 4)", kText, {},
       LoopInto("word", [](View text, std::string* out) { out->append(text.substr(0, 4)); })},
      {"CHAR_LENGTH(word)", kText, Kernel("utf8_length", {"word"}),
       LoopOver("word", [](View text) { return text.size(); })},
      {"CHAR_LENGTH(city)", kText, Kernel("utf8_length", {"city"})},
      {"CONCAT(word, '-', path)", kText, {}, {}},
      {"word || path", kText, {}, {}},
      {"REPLACE(path, '/', '.')", kText,
       Kernel("replace_substring", {"path"}, std::make_shared<cp::ReplaceSubstringOptions>("/", "."))},
      {"REVERSE(word)", kText, Kernel("utf8_reverse", {"word"}),
       LoopInto("word", [](View text, std::string* out) { out->append(text.rbegin(), text.rend()); })},
      {"LPAD(word, 16, '*')", kText, Kernel("utf8_lpad", {"word"}, pad)},
      {"REPEAT(word, 2)", kText},
      {"TRANSLATE(word, 'abc', 'xyz')", kText},
      {"OVERLAY(word PLACING 'xx' FROM 3)", kText},
      {"SPLIT_INDEX(path, '/', 2)", kText, {},
       LoopInto("path", [](View text, std::string* out) { out->append(PartOf(text, '/', 2)); })},
      {"SPLIT(path, '/')", kPath,
       Kernel("split_pattern", {"path"}, std::make_shared<cp::SplitPatternOptions>("/"))},
      {"CONCAT_WS('-', word, path)", kText},
      {"ASCII(word)", kText},
      {"word = 'ABC'", kText},
      {"word IN ('apple', 'google', 'facebook')", kText},
      {"CASE WHEN i < 50 THEN word ELSE path END", kText},
      {"TO_BASE64(word)", kText},
      {"FROM_BASE64(word)", kText},
      {"URL_DECODE(path)", kText},
      {"URL_ENCODE(path)", kText},
      {"PARSE_URL(url, 'HOST')", kPath},
      {"USER_AGENT(agent, 'browser')", kPath},
  };
}

std::vector<Case> PatternCases() {
  const auto find_p = [](View text) { return text.find("/p/"); };
  const auto has_view = [](View text) { return text.find("view") != View::npos; };
  const auto no_match = std::make_shared<cp::ReplaceSubstringOptions>("[0-9]+", "#");
  return {
      {"POSITION('/p/' IN path)", kText, Kernel("find_substring", {"path"}, Match("/p/")),
       LoopOver("path", find_p)},
      {"LOCATE('z', word)", kText, Kernel("find_substring", {"word"}, Match("z")),
       LoopOver("word", [](View text) { return text.find('z'); })},
      {"LOCATE('i', city, 3)", kText},
      {"path LIKE '%view%'", kText, Kernel("match_like", {"path"}, Match("%view%")),
       LoopOver("path", has_view)},
      {"path LIKE '/shop%'", kText, Kernel("match_like", {"path"}, Match("/shop%")),
       LoopOver("path", [](View text) { return text.starts_with("/shop"); })},
      {"path LIKE '/s%/p/%w'", kText, Kernel("match_like", {"path"}, Match("/s%/p/%w"))},
      {"word LIKE '_a%'", kText, Kernel("match_like", {"word"}, Match("_a%"))},
      {"STARTSWITH(path, '/shop')", kText, Kernel("starts_with", {"path"}, Match("/shop"))},
      {"path SIMILAR TO '/(shop|blog)/%'", kPath},
      {"REGEXP(path, 'p/[0-9]+')", kPath,
       Kernel("match_substring_regex", {"path"}, Match("p/[0-9]+"))},
      {"REGEXP_EXTRACT(path, 'p/([0-9]+)', 1)", kPath,
       Kernel("extract_regex", {"path"}, std::make_shared<cp::ExtractRegexOptions>("p/(?P<n>[0-9]+)"))},
      {"REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)", kPath,
       Kernel("extract_regex", {"url"},
              std::make_shared<cp::ExtractRegexOptions>("(?P<a>&|^)channel_id=(?P<b>[^&]*)"))},
      {"REGEXP_REPLACE(path, '[0-9]+', '#')", kPath,
       Kernel("replace_substring_regex", {"path"}, no_match)},
      {"REGEXP_COUNT(path, '[a-z]+')", kPath,
       Kernel("count_substring_regex", {"path"}, Match("[a-z]+"))},
      {"REGEXP_INSTR(path, '[0-9]')", kPath,
       Kernel("find_substring_regex", {"path"}, Match("[0-9]"))},
      {"REGEXP_SUBSTR(path, '[0-9]+')", kPath},
      {"REGEXP_EXTRACT_ALL(path, '([a-z])+', 1)", kPath / 2},
  };
}

std::vector<Case> CastCases() {
  return {
      {"CAST(n_text AS BIGINT)", kText, Kernel("cast", {"n_text"}, To(arrow::int64())),
       LoopOver("n_text", Parsed<int64_t>)},
      {"CAST(x_text AS DOUBLE)", kText, Kernel("cast", {"x_text"}, To(arrow::float64())),
       LoopOver("x_text", Parsed<double>)},
      {"CAST(price_text AS DECIMAL(12, 2))", kText,
       Kernel("cast", {"price_text"}, To(arrow::decimal128(12, 2)))},
      {"CAST(flag_text AS BOOLEAN)", kText},
      {"CAST(day_text AS DATE)", kText, Kernel("cast", {"day_text"}, To(arrow::date32()))},
      {"CAST(ts_text AS TIMESTAMP(3))", kText,
       Kernel("cast", {"ts_text"}, To(arrow::timestamp(arrow::TimeUnit::MILLI)))},
      {"TRY_CAST(word AS BIGINT)", kText},
      {"CAST(n AS STRING)", kText, Kernel("cast", {"n"}, To(arrow::utf8())),
       LoopNumbers("n", PrintNumber)},
      {"CAST(i AS STRING)", kText, Kernel("cast", {"i"}, To(arrow::utf8()))},
      {"CAST(x AS STRING)", kText, Kernel("cast", {"x"}, To(arrow::utf8())),
       LoopNumbers("x", PrintReal)},
      {"CAST(price AS STRING)", kText, Kernel("cast", {"price"}, To(arrow::utf8()))},
      {"CAST(at AS STRING)", kText, Kernel("cast", {"at"}, To(arrow::utf8()))},
      {"CAST(CAST(at AS DATE) AS STRING)", kText},
      {"CAST(x AS DECIMAL(12, 2))", kText},
      {"CAST(price AS DOUBLE)", kText},
      {"price * 2", kText},
      {"price / 3", kText},
  };
}

std::vector<Case> TimeCases() {
  const auto day = std::make_shared<cp::StrftimeOptions>("%Y-%m-%d");
  const auto second = std::make_shared<cp::StrftimeOptions>("%Y-%m-%d %H:%M:%S");
  const auto read = std::make_shared<cp::StrptimeOptions>("%Y-%m-%d", arrow::TimeUnit::MILLI);
  return {
      {"DATE_FORMAT(ts, 'yyyy-MM-dd')", kText, Kernel("strftime", {"ts"}, day),
       LoopNumbers("ts", PrintTime("%Y-%m-%d"))},
      {"DATE_FORMAT(at, 'yyyy-MM-dd')", kText, Kernel("strftime", {"at"}, day),
       LoopNumbers("at", PrintTime("%Y-%m-%d"))},
      {"DATE_FORMAT(ts, 'HH:mm')", kText, {}, LoopNumbers("ts", PrintTime("%H:%M"))},
      {"DATE_FORMAT(at, 'yyyy-MM-dd HH:mm:ss')", kText, Kernel("strftime", {"at"}, second),
       LoopNumbers("at", PrintTime("%Y-%m-%d %H:%M:%S"))},
      {"DATE_FORMAT(at, 'yyyy-MM-dd HH:mm:ss.SSS')", kText},
      {"FROM_UNIXTIME(n)", kText},
      {"UNIX_TIMESTAMP(day_text, 'yyyy-MM-dd')", kText},
      {"TO_TIMESTAMP(ts_text)", kText},
      {"TO_TIMESTAMP(day_text, 'yyyy-MM-dd')", kText, Kernel("strptime", {"day_text"}, read)},
      {"TO_DATE(day_text)", kText},
      {"HOUR(at)", kText, Kernel("hour", {"at"})},
      {"YEAR(at)", kText, Kernel("year", {"at"})},
      {"EXTRACT(WEEK FROM at)", kText, Kernel("iso_week", {"at"})},
      {"FLOOR(at TO MONTH)", kText},
      {"FLOOR(at TO HOUR)", kText},
      {"TIMESTAMPDIFF(DAY, ts, at)", kText},
      {"TIMESTAMPADD(MONTH, i, at)", kText},
      {"at + INTERVAL '1' MONTH", kText},
      {"CONVERT_TZ(ts_text, 'UTC', 'Europe/Berlin')", kPath},
  };
}

std::vector<Case> JsonAndHashCases() {
  const auto name_of = [](View text, std::string* out) {
    thread_local simdjson::ondemand::parser parser;
    const simdjson::padded_string copy(text);
    simdjson::ondemand::document document = parser.iterate(copy);
    out->append(View(document["name"].get_string()));
  };
  return {
      {"JSON_VALUE(json, '$.name')", kPath, {}, LoopInto("json", name_of)},
      {"JSON_VALUE(json, '$.geo.city')", kPath},
      {"JSON_VALUE(json, '$.id' RETURNING INT)", kPath},
      {"JSON_VALUE(json, '$.tags[1]')", kPath},
      {"JSON_VALUE(json, '$.none')", kPath},
      {"JSON_QUERY(json, '$.geo')", kPath},
      {"JSON_QUERY(json, '$.tags')", kPath},
      {"JSON_EXISTS(json, '$.geo.lat')", kPath},
      {"json IS JSON", kPath},
      {"JSON_QUOTE(word)", kText},
      {"JSON_STRING(n)", kText},
      {"JSON_OBJECT('a' VALUE n, 'b' VALUE word)", kPath},
      {"MD5(word)", kPath},
      {"SHA1(word)", kPath},
      {"SHA256(word)", kPath},
      {"SHA512(word)", kPath / 2},
  };
}

}  // namespace millrace::bench
