#include "formats/json_reader.h"

#include <algorithm>
#include <cstring>

#include "formats/text_value.h"

namespace millrace {
namespace {

constexpr int kMaxDepth = 500;
constexpr size_t kQuotedInMessage = 100;

bool EndsScalar(char c) {
  return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::unique_ptr<JsonReader::Node> JsonReader::MakeNode(const std::string& name,
                                                       ColumnBuilder& column) {
  auto node = std::make_unique<Node>();
  node->name = name;
  node->column = &column;
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

bool JsonReader::Broken(const char* what) {
  if (!failed_) {
    const size_t at = std::min<size_t>(*token_, line_end_) - line_start_;
    error_ = fmt::format("broken JSON at byte {}: {}", at + 1, what);
  }
  failed_ = true;
  return false;
}

// The current token's text; of a string, what stands between its quotes.
std::string_view JsonReader::Scalar() const {
  const char* begin = text_ + *token_;
  const char* end = text_ + std::min<size_t>(token_[1], line_end_);
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
  if (Char() != '{') return Broken("expected '{'");
  if (!ReadObject(root_, rows_.rows())) return false;
  if (*token_ < line_end_) return Broken("text behind the record");
  return true;
}

bool JsonReader::ReadObject(Node& node, int64_t row) {
  ++token_;
  node.keys.Start();
  if (Char() == '}') {
    ++token_;
    return true;
  }
  while (true) {
    if (Char() != '"') return Broken("expected a field name");
    const char* key = text_ + *token_ + 1;
    ++token_;
    if (Char() != ':') return Broken("expected ':'");
    const int found = node.keys.Find(key, text_ + *token_);
    ++token_;
    if (found < 0) {
      if (!Skip()) return false;
    } else {
      Node& member = *node.members[static_cast<size_t>(found)];
      if (member.column->size() != row) member.column->Truncate(row);  // a key again: the last wins
      if (!Read(member)) return false;
    }
    const char c = Char();
    if (c != ',' && c != '}') return Broken("expected ',' or '}'");
    ++token_;
    if (c == '}') return true;
  }
}

bool JsonReader::Read(Node& node) {
  const uint32_t* start = token_;
  const int64_t size = node.column->size();
  if (ReadTyped(node)) [[likely]] return true;
  if (failed_) return false;
  return WrongType(node, start, size);
}

// The value at `start` is not of the node's type: NULL instead of it, or an error.
bool JsonReader::WrongType(Node& node, const uint32_t* start, int64_t size) {
  token_ = start;
  const size_t begin = *start;
  const bool quoted = text_[begin] == '"';
  const std::string_view scalar = Scalar();
  if (!Skip()) return false;
  if (lenient_) {
    node.column->Truncate(size);
    node.column->AppendNull();
    return true;
  }
  const bool nested = text_[begin] == '{' || text_[begin] == '[';
  const size_t end = token_[-1] + 1;
  std::string_view shown = nested ? std::string_view(text_ + begin, end - begin) : scalar;
  const bool cut = shown.size() > kQuotedInMessage;
  const char* quote = quoted ? "\"" : "";
  error_ = fmt::format("field `{}`: cannot read {}{}{}{} as {}", node.name, quote,
                       shown.substr(0, kQuotedInMessage), cut ? "..." : "", quote,
                       node.column->type().Nullable().ToString());
  failed_ = true;
  return false;
}

bool JsonReader::ReadTyped(Node& node) {
  ColumnBuilder& column = *node.column;
  if (*token_ >= line_end_) return Broken("expected a value");
  if (text_[*token_] == 'n') {
    if (!ReadNull()) return false;
    column.AppendNull();
    return true;
  }
  switch (column.type().kind) {
    case TypeKind::kChar:
    case TypeKind::kVarchar: return ReadString(column);
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt:
    case TypeKind::kIntervalMonth:
    case TypeKind::kIntervalDay: return ReadInteger(column);
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDecimal: return ReadReal(column);
    case TypeKind::kBoolean: return ReadBoolean(column);
    case TypeKind::kArray: return ReadArray(node);
    case TypeKind::kMap: return ReadMap(node);
    case TypeKind::kRow: return ReadRow(node);
    case TypeKind::kNull: return false;
    default: return ReadQuoted(column);
  }
}

bool JsonReader::ReadNull() {
  const char* p = text_ + *token_;
  if (std::memcmp(p, "null", 4) != 0 || !EndsScalar(p[4])) return Broken("expected a value");
  ++token_;
  return true;
}

bool JsonReader::ReadInteger(ColumnBuilder& column) {
  const char* p = text_ + *token_;
  const bool negative = *p == '-';
  p += negative;
  const char* first = p;
  int64_t value = 0;
  for (int i = 0; i < 18 && IsDigit(*p); ++i) value = value * 10 + (*p++ - '0');
  if (p != first && EndsScalar(*p) && (*first != '0' || p - first == 1)) [[likely]] {
    ++token_;
    return AppendInteger(column, negative ? -value : value);
  }
  if (text_[*token_] == '"') {
    const std::string_view text = Trimmed(Scalar());
    ++token_;
    return ParseInteger(text, &value) && AppendInteger(column, value);
  }
  const std::string_view number = Scalar();
  if (!IsDigit(*first)) return false;
  if (!SkipScalar()) return false;
  if (ParseInteger(number, &value)) return AppendInteger(column, value);
  double real = 0;  // a fraction is cut, as Flink does
  constexpr double kLimit = 9.2e18;
  if (number.find_first_of(".eE") == std::string_view::npos) return false;
  if (!ParseDouble(number, &real)) return false;
  if (!(real > -kLimit && real < kLimit)) return false;
  return AppendInteger(column, static_cast<int64_t>(real));
}

bool JsonReader::ReadReal(ColumnBuilder& column) {
  const std::string_view text = Scalar();
  const char first = text_[*token_];
  if (first == '"') {
    ++token_;
    return AppendText(column, text);
  }
  if (first != '-' && !IsDigit(first)) return false;
  return SkipScalar() && AppendText(column, text);
}

bool JsonReader::ReadBoolean(ColumnBuilder& column) {
  const char first = text_[*token_];
  if (first != '"' && first != 't' && first != 'f') return false;
  const std::string_view text = Scalar();
  if (first != '"') return SkipScalar() && AppendText(column, text);
  ++token_;
  return AppendText(column, text);
}

bool JsonReader::ReadString(ColumnBuilder& column) {
  if (text_[*token_] != '"') return ReadAsText(column);
  const std::string_view text = Scalar();
  auto* to = reinterpret_cast<char*>(column.BeginBytes(text.size()));
  size_t length = text.size();
  if (CopyFindBackslash(text.data(), text.size(), to)) {
    const char* end = UnescapeJson(text, to);
    if (!end) return Broken("wrong escape in a string");
    length = static_cast<size_t>(end - to);
  }
  column.EndBytes(length);
  ++token_;
  return true;
}

// A number, literal, object or array in a STRING column: its text.
bool JsonReader::ReadAsText(ColumnBuilder& column) {
  const size_t begin = *token_;
  const bool nested = text_[begin] == '{' || text_[begin] == '[';
  const std::string_view scalar = nested ? std::string_view() : Scalar();
  if (!Skip()) return false;
  if (nested) {
    column.AppendBytes(CompactJson({text_ + begin, token_[-1] + 1 - begin}));
  } else {
    column.AppendBytes(scalar);
  }
  return true;
}

// Types that JSON writes as strings: times and binaries.
bool JsonReader::ReadQuoted(ColumnBuilder& column) {
  if (text_[*token_] != '"') return false;
  const std::string_view text = Scalar();
  ++token_;
  return AppendText(column, text);
}

bool JsonReader::ReadArray(Node& node) {
  if (Char() != '[') return false;
  ++token_;
  bool more = Char() != ']';
  if (!more) ++token_;
  while (more) {
    if (!Read(*node.members.front())) return false;
    const char c = Char();
    if (c != ',' && c != ']') return Broken("expected ',' or ']'");
    ++token_;
    more = c == ',';
  }
  node.column->EndList();
  return true;
}

bool JsonReader::ReadMap(Node& node) {
  if (Char() != '{') return false;
  ++token_;
  bool more = Char() != '}';
  if (!more) ++token_;
  while (more) {
    if (Char() != '"') return Broken("expected a field name");
    ColumnBuilder& keys = *node.members[0]->column;
    const bool is_string = keys.type().IsString();
    if (is_string ? !ReadString(keys) : !ReadQuoted(keys)) return false;
    if (Char() != ':') return Broken("expected ':'");
    ++token_;
    if (!Read(*node.members[1])) return false;
    const char c = Char();
    if (c != ',' && c != '}') return Broken("expected ',' or '}'");
    ++token_;
    more = c == ',';
  }
  node.column->EndList();
  return true;
}

bool JsonReader::ReadRow(Node& node) {
  if (Char() != '{') return false;
  if (!ReadObject(node, node.column->size())) return false;
  node.column->EndRow();
  return true;
}

bool JsonReader::Skip(int depth) {
  if (*token_ >= line_end_) return Broken("expected a value");
  if (depth > kMaxDepth) return Broken("nested too deeply");
  switch (text_[*token_]) {
    case '"': ++token_; return true;
    case '{': return SkipObject(depth);
    case '[': return SkipArray(depth);
    default: return SkipScalar();
  }
}

bool JsonReader::SkipObject(int depth) {
  ++token_;
  if (Char() == '}') {
    ++token_;
    return true;
  }
  while (true) {
    if (Char() != '"') return Broken("expected a field name");
    ++token_;
    if (Char() != ':') return Broken("expected ':'");
    ++token_;
    if (!Skip(depth + 1)) return false;
    const char c = Char();
    if (c != ',' && c != '}') return Broken("expected ',' or '}'");
    ++token_;
    if (c == '}') return true;
  }
}

bool JsonReader::SkipArray(int depth) {
  ++token_;
  if (Char() == ']') {
    ++token_;
    return true;
  }
  while (true) {
    if (!Skip(depth + 1)) return false;
    const char c = Char();
    if (c != ',' && c != ']') return Broken("expected ',' or ']'");
    ++token_;
    if (c == ']') return true;
  }
}

bool JsonReader::SkipScalar() {
  const char* p = text_ + *token_;
  size_t length = 0;
  if (std::memcmp(p, "true", 4) == 0 || std::memcmp(p, "null", 4) == 0) {
    length = 4;
  } else if (std::memcmp(p, "false", 5) == 0) {
    length = 5;
  } else {
    length = JsonNumberLength(p);
  }
  // A record's last token may end with the text itself.
  const bool ended = *token_ + length >= line_end_ || EndsScalar(p[length]);
  if (length == 0 || !ended) return Broken("expected a value");
  ++token_;
  return true;
}

}  // namespace millrace
