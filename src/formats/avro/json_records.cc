#include "formats/avro/json_records.h"

#include <simdjson.h>

#include <cmath>
#include <limits>
#include <utility>

#include "formats/avro/binary.h"
#include "formats/row_json.h"

namespace millrace {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// How a union's branch is called: by its full name, or by its kind.
std::string BranchName(const AvroType& type) {
  return type.IsNamed() ? type.name : AvroTypeName(type);
}

const char* RealName(double value) {
  if (std::isnan(value)) return "NaN";
  return value < 0 ? "-Infinity" : "Infinity";
}

// Characters 0 to 255 of UTF-8 as bytes; false if there is another one.
bool AppendLatin1(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x80) {
      out += text[i];
      continue;
    }
    if ((c != 0xC2 && c != 0xC3) || i + 1 == text.size()) return false;
    out += static_cast<char>(((c & 3) << 6) | (static_cast<uint8_t>(text[++i]) & 0x3F));
  }
  return true;
}

std::string Latin1ToUtf8(std::string_view bytes) {
  std::string text;
  for (const char each : bytes) {
    const auto c = static_cast<uint8_t>(each);
    if (c >= 0x80) text += static_cast<char>(0xC0 | (c >> 6));
    text += c < 0x80 ? each : static_cast<char>(0x80 | (c & 0x3F));
  }
  return text;
}

// ---- JSON to binary ----

class BinaryWriter {
 public:
  explicit BinaryWriter(std::string& out) : out_(out) {}

  bool Write(const AvroType& type, const element& value);
  std::string error() const {
    return path_.empty() ? reason_ : fmt::format("field `{}`: {}", path_, reason_);
  }

 private:
  bool WriteReal(const AvroType& type, const element& value);
  bool WriteText(const AvroType& type, const element& value);
  bool WriteRecord(const AvroType& type, const element& value);
  bool WriteItems(const AvroType& type, const element& value);
  bool WriteMembers(const AvroType& type, const element& value);
  bool WriteUnion(const AvroType& type, const element& value);

  bool Mismatch(const AvroType& type, const element& value) {
    constexpr size_t kShown = 40;
    std::string text = simdjson::minify(value);
    if (text.size() > kShown) text = text.substr(0, kShown) + "...";
    return Fail(fmt::format("{} is no {}", text, AvroTypeName(type)));
  }
  bool Fail(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  std::string& out_;
  std::string reason_, path_;
};

bool BinaryWriter::Write(const AvroType& type, const element& value) {
  int64_t number = 0;
  bool flag = false;
  switch (type.kind) {
    case AvroKind::kNull: return value.is_null() || Mismatch(type, value);
    case AvroKind::kBoolean:
      if (value.get(flag) != SUCCESS) return Mismatch(type, value);
      out_ += flag ? '\1' : '\0';
      return true;
    case AvroKind::kInt:
    case AvroKind::kLong:
      if (value.get(number) != SUCCESS) return Mismatch(type, value);
      if (type.kind == AvroKind::kInt && number != static_cast<int32_t>(number)) {
        return Mismatch(type, value);
      }
      AppendAvroLong(out_, number);
      return true;
    case AvroKind::kFloat:
    case AvroKind::kDouble: return WriteReal(type, value);
    case AvroKind::kRecord: return WriteRecord(type, value);
    case AvroKind::kArray: return WriteItems(type, value);
    case AvroKind::kMap: return WriteMembers(type, value);
    case AvroKind::kUnion: return WriteUnion(type, value);
    default: return WriteText(type, value);
  }
}

bool BinaryWriter::WriteReal(const AvroType& type, const element& value) {
  double number = 0;
  std::string_view name;
  if (value.get(name) == SUCCESS) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    number = name == "NaN" ? kNan : name == "Infinity" ? kInfinity : -kInfinity;
    if (name != RealName(number)) return Mismatch(type, value);
  } else if (value.get(number) != SUCCESS) {
    return Mismatch(type, value);
  }
  if (type.kind == AvroKind::kDouble) {
    AppendAvroFixed(out_, number);
  } else {
    AppendAvroFixed(out_, static_cast<float>(number));
  }
  return true;
}

bool BinaryWriter::WriteText(const AvroType& type, const element& value) {
  std::string_view text;
  if (value.get(text) != SUCCESS) return Mismatch(type, value);
  if (type.kind == AvroKind::kString) {
    AppendAvroString(out_, text);
    return true;
  }
  if (type.kind == AvroKind::kEnum) {
    for (size_t i = 0; i < type.symbols.size(); ++i) {
      if (type.symbols[i] != text) continue;
      AppendAvroLong(out_, static_cast<int64_t>(i));
      return true;
    }
    return Mismatch(type, value);
  }
  std::string bytes;
  if (!AppendLatin1(text, bytes)) return Mismatch(type, value);
  if (type.kind == AvroKind::kBytes) {
    AppendAvroString(out_, bytes);
    return true;
  }
  if (std::ssize(bytes) != type.size) return Mismatch(type, value);
  out_ += bytes;
  return true;
}

bool BinaryWriter::WriteRecord(const AvroType& type, const element& value) {
  object members;
  if (value.get(members) != SUCCESS) return Mismatch(type, value);
  for (const AvroField& field : type.fields) {
    element member;
    const bool there = members.at_key(field.name).get(member) == SUCCESS;
    if (there && Write(*field.type, member)) continue;
    if (!there) reason_ = "it is not there";
    path_ = path_.empty() ? field.name : field.name + "." + path_;
    return false;
  }
  return true;
}

bool BinaryWriter::WriteItems(const AvroType& type, const element& value) {
  array items;
  if (value.get(items) != SUCCESS) return Mismatch(type, value);
  for (const element item : items) {  // a block each
    AppendAvroLong(out_, 1);
    if (!Write(*type.children.front(), item)) return false;
  }
  out_ += '\0';
  return true;
}

bool BinaryWriter::WriteMembers(const AvroType& type, const element& value) {
  object members;
  if (value.get(members) != SUCCESS) return Mismatch(type, value);
  for (const auto member : members) {
    AppendAvroLong(out_, 1);
    AppendAvroString(out_, member.key);
    if (!Write(*type.children.front(), member.value)) return false;
  }
  out_ += '\0';
  return true;
}

bool BinaryWriter::WriteUnion(const AvroType& type, const element& value) {
  object wrapped;
  std::string_view name = "null";
  element inner = value;
  if (value.get(wrapped) == SUCCESS && wrapped.begin() != wrapped.end()) {
    name = wrapped.begin().key();
    inner = wrapped.begin().value();
  } else if (!value.is_null()) {
    return Fail(fmt::format("a value of a union is null or as {{\"{}\": ...}}",
                            BranchName(*type.children.back())));
  }
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (BranchName(*type.children[i]) != name) continue;
    AppendAvroLong(out_, static_cast<int64_t>(i));
    return Write(*type.children[i], inner);
  }
  return Fail(fmt::format("the union has no '{}'", name.substr(0, 100)));
}

// ---- binary to JSON ----

class JsonWriter {
 public:
  JsonWriter(std::string_view binary, std::string& out) : in_(binary), out_(out) {}
  void Write(const AvroType& type);

 private:
  int64_t Long() {
    int64_t value = 0;
    MILL_CHECK(in_.ReadLong(&value));
    return value;
  }
  std::string_view String() {
    std::string_view text;
    MILL_CHECK(in_.ReadString(&text));
    return text;
  }
  template <typename T>
  T Fixed() {
    T value{};
    MILL_CHECK(in_.ReadFixed(&value));
    return value;
  }
  template <typename T>
  void WriteReal(T value) {
    if (std::isfinite(value)) {
      const std::string text = fmt::format("{}", value);
      out_ += text;
      if (text.find_first_of(".e") == text.npos) out_ += ".0";
    } else {
      AppendJsonString(out_, RealName(static_cast<double>(value)));
    }
  }
  void WriteRecord(const AvroType& type);
  void WriteBlocks(const AvroType& type);
  void WriteUnion(const AvroType& type);

  AvroInput in_;
  std::string& out_;
};

void JsonWriter::Write(const AvroType& type) {
  std::string_view bytes;
  switch (type.kind) {
    case AvroKind::kNull: out_ += "null"; break;
    case AvroKind::kBoolean: out_ += Fixed<char>() != '\0' ? "true" : "false"; break;
    case AvroKind::kInt:
    case AvroKind::kLong: fmt::format_to(std::back_inserter(out_), "{}", Long()); break;
    case AvroKind::kFloat: WriteReal(Fixed<float>()); break;
    case AvroKind::kDouble: WriteReal(Fixed<double>()); break;
    case AvroKind::kString: AppendJsonString(out_, String()); break;
    case AvroKind::kBytes: AppendJsonString(out_, Latin1ToUtf8(String())); break;
    case AvroKind::kFixed:
      MILL_CHECK(in_.ReadBytes(type.size, &bytes));
      AppendJsonString(out_, Latin1ToUtf8(bytes));
      break;
    case AvroKind::kEnum:
      AppendJsonString(out_, type.symbols[static_cast<size_t>(Long())]);
      break;
    case AvroKind::kRecord: WriteRecord(type); break;
    case AvroKind::kUnion: WriteUnion(type); break;
    default: WriteBlocks(type);
  }
}

void JsonWriter::WriteRecord(const AvroType& type) {
  out_ += '{';
  for (size_t i = 0; i < type.fields.size(); ++i) {
    if (i > 0) out_ += ',';
    AppendJsonString(out_, type.fields[i].name);
    out_ += ':';
    Write(*type.fields[i].type);
  }
  out_ += '}';
}

void JsonWriter::WriteBlocks(const AvroType& type) {
  const bool map = type.kind == AvroKind::kMap;
  out_ += map ? '{' : '[';
  bool first = true;
  while (const int64_t count = Long()) {
    for (int64_t i = 0; i < count; ++i) {
      if (!std::exchange(first, false)) out_ += ',';
      if (map) {
        AppendJsonString(out_, String());
        out_ += ':';
      }
      Write(*type.children.front());
    }
  }
  out_ += map ? '}' : ']';
}

void JsonWriter::WriteUnion(const AvroType& type) {
  const AvroType& branch = *type.children[static_cast<size_t>(Long())];
  if (branch.kind == AvroKind::kNull) {
    out_ += "null";
    return;
  }
  out_ += '{';
  AppendJsonString(out_, BranchName(branch));
  out_ += ':';
  Write(branch);
  out_ += '}';
}

}  // namespace

struct AvroJsonReader::Parser {
  simdjson::dom::parser parser;
};

AvroJsonReader::AvroJsonReader() : parser_(std::make_unique<Parser>()) {}
AvroJsonReader::~AvroJsonReader() = default;

std::string AvroJsonReader::ToBinary(const AvroType& type, std::string_view json,
                                     std::string* binary) {
  binary->clear();
  element value;
  const auto error = parser_->parser.parse(json.data(), json.size(), true).get(value);
  if (error != SUCCESS) return fmt::format("broken JSON: {}", simdjson::error_message(error));
  BinaryWriter writer(*binary);
  return writer.Write(type, value) ? "" : writer.error();
}

void AppendAvroJson(const AvroType& type, std::string_view binary, std::string* json) {
  JsonWriter(binary, *json).Write(type);
}

}  // namespace millrace
