// The JSON functions against a second parser, SQLite's: which texts are JSON, what paths lead to, and that
// what is written reads as the value it was made of.
#include <sqlite3.h>

#include <random>

#include "functions/test_values.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the helpers are made for this

// Runs one query over text parameters in SQLite.
class Second {
 public:
  Second() { EXPECT_EQ(sqlite3_open(":memory:", &database_), SQLITE_OK); }
  ~Second() { sqlite3_close(database_); }

  // The value as text; "NULL", or "error" if it is refused.
  std::string Ask(const std::string& sql, const std::vector<std::string>& parameters) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    for (size_t i = 0; i < parameters.size(); ++i) {
      sqlite3_bind_text(statement, static_cast<int>(i) + 1, parameters[i].data(),
                        static_cast<int>(parameters[i].size()), SQLITE_STATIC);
    }
    std::string answer = "error";
    if (sqlite3_step(statement) == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      answer = text == nullptr ? "NULL" : text;
    }
    sqlite3_finalize(statement);
    return answer;
  }

 private:
  sqlite3* database_ = nullptr;
};

class JsonMaker {
 public:
  explicit JsonMaker(unsigned seed) : random_(seed) {}

  // Objects with the names k0, k1 ..., arrays and scalars, blanks between them.
  std::string Document(int depth = 0) {
    const size_t kind = Below(depth > 3 ? 1 : 3);
    if (kind == 0 && depth > 0) return Scalar();
    std::string text = kind == 1 ? "[" : "{ ";
    for (size_t i = 0, count = Below(4); i < count; ++i) {
      if (i > 0) text += " ,";
      if (kind != 1) text += fmt::format("\"k{}\" : ", i);
      text += Document(depth + 1);
    }
    return text + (kind == 1 ? "]" : "}");
  }
  std::string Path() {
    std::string path = "$";
    for (size_t i = 0, count = Below(4); i < count; ++i) {
      path += Below(2) == 0 ? fmt::format(".k{}", Below(3)) : fmt::format("[{}]", Below(3));
    }
    return path;
  }
  // One character is another, or missing, or there twice.
  std::string Broken(std::string text) {
    constexpr std::string_view kCharacters = "{}[]:,\"\\ 0-1e.tnu\n";
    const size_t at = Below(text.size());
    if ((text[at] & 0x80) != 0) return text;  // stays UTF-8
    const size_t how = Below(3);
    if (how == 0) text[at] = kCharacters[Below(kCharacters.size())];
    if (how == 1) text.erase(at, 1);
    if (how == 2) text.insert(at, 1, text[at]);
    return text;
  }
  // Any characters, those that JSON escapes more often than others.
  std::string Text() {
    constexpr std::string_view kParts[] = {"a", "\"", "\\", "/", "\n", "\t", "\b", "ä", "€", "😀", " ", "{", "u0041"};
    std::string text;
    for (size_t i = 0, count = Below(12); i < count; ++i) text += kParts[Below(std::size(kParts))];
    return text;
  }
  size_t Below(size_t bound) { return random_() % bound; }

 private:
  std::string Scalar() {
    const char* const kScalars[] = {"null", "true", "false", "-12", "3.25", "\"a\\\"bé\"", "\"\"", "0",
                                    "\"plain text\"", "1234567890123"};
    return kScalars[Below(std::size(kScalars))];
  }

  std::mt19937_64 random_;
};

TEST(JsonFunctionsProperty, BothKnowWhatIsJson) {
  Second second;
  JsonMaker make(1);
  int valid = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string text = i % 4 == 0 ? make.Document() : make.Broken(make.Document());
    const std::string theirs = second.Ask("SELECT json_valid(?)", {text});
    EXPECT_EQ(ValueOf("IS JSON", {Str(text)}), theirs == "1" ? "TRUE" : "FALSE") << text;
    valid += theirs == "1";
  }
  EXPECT_GT(valid, 1000);
  EXPECT_LT(valid, 3000);
}

TEST(JsonFunctionsProperty, PathsLeadToTheSame) {
  Second second;
  JsonMaker make(2);
  int found = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string document = make.Document(), path = make.Path();
    const std::string type = second.Ask("SELECT json_type(?, ?)", {document, path});
    const std::string value = second.Ask("SELECT json_extract(?, ?)", {document, path});
    const bool container = type == "object" || type == "array";
    const std::string where = document + " at " + path + ", a " + type;
    // JSON's null is there, but no value.
    if (type != "null") {
      EXPECT_EQ(ValueOf("JSON_EXISTS", {Str(document), Str(path)}), type == "NULL" ? "FALSE" : "TRUE")
          << where;
    }
    std::string scalar = container ? "NULL" : value;
    if (type == "true" || type == "false") scalar = type;  // SQLite's are 1 and 0
    EXPECT_EQ(ValueOf("JSON_VALUE", {Str(document), Str(path)}), scalar) << where;
    if (container) {
      EXPECT_EQ(second.Ask("SELECT json(?)", {ValueOf("JSON_QUERY", {Str(document), Str(path)})}), value)
          << where;
    }
    found += type != "NULL";
  }
  EXPECT_GT(found, 1000);
}

TEST(JsonFunctionsProperty, QuotedTextReadsAsItWas) {
  Second second;
  JsonMaker make(3);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = make.Text();
    const std::string quoted = ValueOf("JSON_QUOTE", {Str(text)});
    EXPECT_EQ(second.Ask("SELECT json_extract(?, '$')", {quoted}), text);
    EXPECT_EQ(ValueOf("JSON_UNQUOTE", {Str(quoted)}), text);
    const std::string written = ValueOf("JSON_STRING", {Str(text)});
    EXPECT_EQ(second.Ask("SELECT json_extract(?, '$')", {written}), text);
  }
}

}  // namespace
}  // namespace millrace
