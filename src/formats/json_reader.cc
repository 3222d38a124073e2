#include "formats/json_reader.h"

#include <algorithm>
#include <cstring>

#include "formats/text_value.h"

namespace millrace {
namespace {

constexpr int kMaxDepth = 500;
constexpr size_t kQuotedInMessage = 100;

// True for what may follow a scalar: , } ] and white space.
inline bool EndsScalar(char c) {
  constexpr uint64_t kLow = 1ULL << ',' | 1ULL << ' ' | 1ULL << '\n' | 1ULL << '\r' | 1ULL << '\t';
  const auto byte = static_cast<unsigned char>(c);
  return byte < 64 ? (kLow >> byte & 1) != 0 : c == '}' || c == ']';
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::unique_ptr<JsonReader::Node> JsonReader::MakeNode(const std::string& name,
                                                       ColumnBuilder& column) {
  auto node = std::make_unique<Node>();
  node->name = name;
  node->column = &column;
  node->kind = column.type().kind;
  std::vector<std::string> keys;
  for (size_t i = 0; i < column.num_children(); ++i) {
    const std::string& key = column.type().children[i].name;
    keys.push_back(key);
    const bool is_row = column.type().kind == TypeKind::kRow;
    node->members.push_back(MakeNode(is_row ? name + "." + key : name, column.child(i)));
  }
  node->keys = KeyFinder(keys);
  return node;
}

JsonReader::JsonReader(RowsBuilder& rows, bool lenient) : rows_(rows), lenient_(lenient) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < rows.num_columns(); ++i) {
    keys.push_back(rows.name(i));
    root_.members.push_back(MakeNode(rows.name(i), rows.column(i)));
  }
  root_.keys = KeyFinder(keys);
}

const uint32_t* JsonReader::Broken(const uint32_t* token, const char* what) {
  if (!failed_) {
    const size_t at = std::min<size_t>(*token, line_end_) - line_start_;
    error_ = fmt::format("broken JSON at byte {}: {}", at + 1, what);
  }
  failed_ = true;
  return nullptr;
}

// The token's text; of a string, what stands between its quotes.
std::string_view JsonReader::Scalar(const uint32_t* token) const {
  const char* begin = text_ + *token;
  const char* end = text_ + std::min<size_t>(token[1], line_end_);
  if (*begin == '"') {
    while (end > begin + 1 && end[-1] != '"') --end;
    return {begin + 1, static_cast<size_t>(end - begin - (end > begin + 1 ? 2 : 1))};
  }
  while (end > begin && EndsScalar(end[-1])) --end;
  return {begin, static_cast<size_t>(end - begin)};
}

bool JsonReader::ReadLine(size_t line_start, size_t line_end) {
  line_start_ = line_start;
  line_end_ = line_end;
  failed_ = false;
  const uint32_t* token = token_;
  if (Char(token) != '{') {
    Broken(token, "expected '{'");
    return false;
  }
  token = ReadObject(token, root_, rows_.rows());
  if (!token) return false;
  if (*token < line_end_) {
    Broken(token, "text behind the record");
    return false;
  }
  token_ = token;
  return true;
}

const uint32_t* JsonReader::ReadObject(const uint32_t* token, Node& node, int64_t row) {
  ++token;
  size_t previous = 0;
  if (Char(token) == '}') return token + 1;
  while (true) {
    // A key that is guessed may stand behind the line's end; the value is then found to be so.
    const char* quote = text_ + *token;
    int found = node.keys.Guess(quote, &previous);
    if (found == KeyFinder::kNotGuessed) [[unlikely]] {
      if (Char(token) != '"') return Broken(token, "expected a field name");
      if (Char(token + 1) != ':') return Broken(token + 1, "expected ':'");
      found = node.keys.Find(quote, text_ + token[1], &previous);
    }
    token += 2;
    if (found < 0) {
      token = Char(token) == '"' ? token + 1 : Skip(token, 0);
    } else {
      Node& member = *node.members[static_cast<size_t>(found)];
      // A key again: the last wins.
      if (member.column->size() != row) member.column->Truncate(row);
      token = Read(token, member);
    }
    if (!token) return nullptr;
    const char c = Char(token);
    ++token;
    if (c == ',') continue;
    return c == '}' ? token : Broken(token - 1, "expected ',' or '}'");
  }
}

const uint32_t* JsonReader::Read(const uint32_t* token, Node& node) {
  const int64_t size = node.column->size();
  const uint32_t* next = ReadTyped(token, node);
  if (next) [[likely]]
    return next;
  if (failed_) return nullptr;
  return WrongType(token, node, size);
}

// The value at `token` is not of the node's type: NULL instead of it, or an error.
const uint32_t* JsonReader::WrongType(const uint32_t* token, Node& node, int64_t size) {
  const uint32_t* next = Skip(token, 0);
  if (!next) return nullptr;
  if (lenient_) {
    node.column->Truncate(size);
    node.column->AppendNull();
    return next;
  }
  const size_t begin = *token;
  const char first = text_[begin];
  const bool nested = first == '{' || first == '[';
  const std::string_view shown =
      nested ? std::string_view(text_ + begin, next[-1] + 1 - begin) : Scalar(token);
  const bool cut = shown.size() > kQuotedInMessage;
  const char* quote = first == '"' ? "\"" : "";
  error_ = fmt::format("field `{}`: cannot read {}{}{}{} as {}", node.name, quote,
                       shown.substr(0, kQuotedInMessage), cut ? "..." : "", quote,
                       node.column->type().Nullable().ToString());
  failed_ = true;
  return nullptr;
}

const uint32_t* JsonReader::ReadTyped(const uint32_t* token, Node& node) {
  ColumnBuilder& column = *node.column;
  if (*token >= line_end_) return Broken(token, "expected a value");
  if (text_[*token] == 'n') return ReadNull(token, column);
  switch (node.kind) {
    case TypeKind::kChar:
    case TypeKind::kVarchar:
      return ReadString(token, column);
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt:
    case TypeKind::kIntervalMonth:
    case TypeKind::kIntervalDay:
      return ReadInteger(token, column);
    case TypeKind::kDouble:
      return ReadDouble(token, column);
    case TypeKind::kFloat:
    case TypeKind::kDecimal:
      return ReadReal(token, column);
    case TypeKind::kBoolean:
      return ReadBoolean(token, column);
    case TypeKind::kArray:
      return ReadArray(token, node);
    case TypeKind::kMap:
      return ReadMap(token, node);
    case TypeKind::kRow:
      return ReadRow(token, node);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampLtz:
      return ReadTimestamp(token, column);
    case TypeKind::kNull:
      return nullptr;
    default:
      return ReadQuoted(token, column);
  }
}

const uint32_t* JsonReader::ReadNull(const uint32_t* token, ColumnBuilder& column) {
  const char* p = text_ + *token;
  if (std::memcmp(p, "null", 4) != 0 || !EndsScalar(p[4])) return Broken(token, "expected a value");
  column.AppendNull();
  return token + 1;
}

const uint32_t* JsonReader::ReadInteger(const uint32_t* token, ColumnBuilder& column) {
  const char* p = text_ + *token;
  const bool negative = *p == '-';
  p += negative;
  const char* first = p;
  int64_t value = 0;
  // Mostly the next token stands right behind the digits.
  const char* next = text_ + token[1];
  const auto length = static_cast<size_t>(next - first);
  uint64_t digits = 0;
  if (length - 1 < 16 && ReadDigits16(first, length, &digits) && EndsScalar(*next) &&
      (*first != '0' || length == 1)) [[likely]] {
    value = static_cast<int64_t>(digits);
    if (negative) value = -value;
    if (column.type().kind == TypeKind::kBigInt) {
      column.Append(value);
      return token + 1;
    }
    return AppendInteger(column, value) ? token + 1 : nullptr;
  }
  for (int i = 0; i < 18 && IsDigit(*p); ++i) value = value * 10 + (*p++ - '0');
  if (p != first && EndsScalar(*p) && (*first != '0' || p - first == 1)) {
    return AppendInteger(column, negative ? -value : value) ? token + 1 : nullptr;
  }
  const std::string_view text = Scalar(token);
  if (text_[*token] == '"') {
    const bool read = ParseInteger(Trimmed(text), &value) && AppendInteger(column, value);
    return read ? token + 1 : nullptr;
  }
  if (!IsDigit(*first) || !SkipScalar(token)) return nullptr;
  if (ParseInteger(text, &value)) return AppendInteger(column, value) ? token + 1 : nullptr;
  double real = 0;  // a fraction is cut, as Flink does
  constexpr double kLimit = 9.2e18;
  if (text.find_first_of(".eE") == std::string_view::npos) return nullptr;
  if (!ParseDouble(text, &real) || !(real > -kLimit && real < kLimit)) return nullptr;
  return AppendInteger(column, static_cast<int64_t>(real)) ? token + 1 : nullptr;
}

// Up to 15 digits and a point: exact by one division (Clinger's fast path). The rest is ReadReal's.
const uint32_t* JsonReader::ReadDouble(const uint32_t* token, ColumnBuilder& column) {
  constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char* p = text_ + *token;
  const bool negative = *p == '-';
  p += negative;
  const char* first = p;
  int64_t mantissa = 0;
  for (int i = 0; i < 15 && IsDigit(*p); ++i) mantissa = mantissa * 10 + (*p++ - '0');
  const auto whole = p - first;
  int64_t fraction = 0;
  if (*p == '.') {
    const char* point = p++;
    for (auto i = whole; i < 15 && IsDigit(*p); ++i) mantissa = mantissa * 10 + (*p++ - '0');
    fraction = p - point - 1;
    if (fraction == 0) return ReadReal(token, column);
  }
  const bool leading_zero = *first == '0' && whole > 1;
  if (whole == 0 || leading_zero || !EndsScalar(*p)) return ReadReal(token, column);
  const double value = static_cast<double>(mantissa) / kPowers[fraction];
  column.Append(negative ? -value : value);
  return token + 1;
}

const uint32_t* JsonReader::ReadReal(const uint32_t* token, ColumnBuilder& column) {
  const char first = text_[*token];
  if (first != '"') {
    if (first != '-' && !IsDigit(first)) return nullptr;
    if (!SkipScalar(token)) return nullptr;
  }
  return AppendText(column, Scalar(token)) ? token + 1 : nullptr;
}

const uint32_t* JsonReader::ReadBoolean(const uint32_t* token, ColumnBuilder& column) {
  const char first = text_[*token];
  if (first != '"') {
    if (first != 't' && first != 'f') return nullptr;
    if (!SkipScalar(token)) return nullptr;
  }
  return AppendText(column, Scalar(token)) ? token + 1 : nullptr;
}

const uint32_t* JsonReader::ReadString(const uint32_t* token, ColumnBuilder& column) {
  if (text_[*token] != '"') return ReadAsText(token, column);
  const std::string_view text = Scalar(token);
  auto* to = reinterpret_cast<char*>(column.BeginBytes(text.size()));
  size_t length = text.size();
  if (CopyFindBackslash(text.data(), text.size(), to)) [[unlikely]] {
    const char* end = UnescapeJson(text, to);
    if (!end) return Broken(token, "wrong escape in a string");
    length = static_cast<size_t>(end - to);
  }
  column.EndBytes(length);
  return token + 1;
}

// A number, literal, object or array in a STRING column: its text.
const uint32_t* JsonReader::ReadAsText(const uint32_t* token, ColumnBuilder& column) {
  const size_t begin = *token;
  const uint32_t* next = Skip(token, 0);
  if (!next) return nullptr;
  if (text_[begin] == '{' || text_[begin] == '[') {
    column.AppendBytes(CompactJson({text_ + begin, next[-1] + 1 - begin}));
  } else {
    column.AppendBytes(Scalar(token));
  }
  return next;
}

const uint32_t* JsonReader::ReadTimestamp(const uint32_t* token, ColumnBuilder& column) {
  int64_t value = 0;
  if (text_[*token] != '"') return nullptr;
  if (!ParseTimestamp(Scalar(token), column.type(), &value)) return ReadQuoted(token, column);
  column.Append(value);
  return token + 1;
}

// Types that JSON writes as strings: times and binaries.
const uint32_t* JsonReader::ReadQuoted(const uint32_t* token, ColumnBuilder& column) {
  if (text_[*token] != '"') return nullptr;
  return AppendText(column, Scalar(token)) ? token + 1 : nullptr;
}

const uint32_t* JsonReader::ReadArray(const uint32_t* token, Node& node) {
  if (Char(token) != '[') return nullptr;
  ++token;
  bool more = Char(token) != ']';
  if (!more) ++token;
  while (more) {
    token = Read(token, *node.members.front());
    if (!token) return nullptr;
    const char c = Char(token);
    if (c != ',' && c != ']') return Broken(token, "expected ',' or ']'");
    ++token;
    more = c == ',';
  }
  node.column->EndList();
  return token;
}

const uint32_t* JsonReader::ReadMap(const uint32_t* token, Node& node) {
  if (Char(token) != '{') return nullptr;
  ++token;
  ColumnBuilder& keys = *node.members[0]->column;
  bool more = Char(token) != '}';
  if (!more) ++token;
  while (more) {
    if (Char(token) != '"') return Broken(token, "expected a field name");
    token = keys.type().IsString() ? ReadString(token, keys) : ReadQuoted(token, keys);
    if (!token) return nullptr;
    if (Char(token) != ':') return Broken(token, "expected ':'");
    token = Read(token + 1, *node.members[1]);
    if (!token) return nullptr;
    const char c = Char(token);
    if (c != ',' && c != '}') return Broken(token, "expected ',' or '}'");
    ++token;
    more = c == ',';
  }
  node.column->EndList();
  return token;
}

const uint32_t* JsonReader::ReadRow(const uint32_t* token, Node& node) {
  if (Char(token) != '{') return nullptr;
  token = ReadObject(token, node, node.column->size());
  if (token) node.column->EndRow();
  return token;
}

const uint32_t* JsonReader::Skip(const uint32_t* token, int depth) {
  if (*token >= line_end_) return Broken(token, "expected a value");
  if (depth > kMaxDepth) return Broken(token, "nested too deeply");
  switch (text_[*token]) {
    case '"':
      return token + 1;
    case '{':
      return SkipObject(token, depth);
    case '[':
      return SkipArray(token, depth);
    default:
      return SkipScalar(token);
  }
}

const uint32_t* JsonReader::SkipObject(const uint32_t* token, int depth) {
  ++token;
  if (Char(token) == '}') return token + 1;
  while (true) {
    if (Char(token) != '"') return Broken(token, "expected a field name");
    ++token;
    if (Char(token) != ':') return Broken(token, "expected ':'");
    token = Skip(token + 1, depth + 1);
    if (!token) return nullptr;
    const char c = Char(token);
    if (c != ',' && c != '}') return Broken(token, "expected ',' or '}'");
    ++token;
    if (c == '}') return token;
  }
}

const uint32_t* JsonReader::SkipArray(const uint32_t* token, int depth) {
  ++token;
  if (Char(token) == ']') return token + 1;
  while (true) {
    token = Skip(token, depth + 1);
    if (!token) return nullptr;
    const char c = Char(token);
    if (c != ',' && c != ']') return Broken(token, "expected ',' or ']'");
    ++token;
    if (c == ']') return token;
  }
}

const uint32_t* JsonReader::SkipScalar(const uint32_t* token) {
  const char* p = text_ + *token;
  size_t length = 0;
  if (std::memcmp(p, "true", 4) == 0 || std::memcmp(p, "null", 4) == 0) {
    length = 4;
  } else if (std::memcmp(p, "false", 5) == 0) {
    length = 5;
  } else {
    length = JsonNumberLength(p);
  }
  // A record's last token may end with the text itself.
  const bool ended = *token + length >= line_end_ || EndsScalar(p[length]);
  return length > 0 && ended ? token + 1 : Broken(token, "expected a value");
}

}  // namespace millrace
