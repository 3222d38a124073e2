#include "formats/protobuf/proto_file.h"

#include <charconv>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "formats/protobuf/proto_tokens.h"

namespace millrace {

using Kind = ProtoToken::Kind;

namespace {

constexpr int kMaxDepth = 32;  // of messages within messages
constexpr size_t kMaxFiles = 1000;

const std::map<std::string, ProtoType, std::less<>>& ScalarTypes() {
  static const std::map<std::string, ProtoType, std::less<>> kTypes = {
      {"double", ProtoType::kDouble},     {"float", ProtoType::kFloat},
      {"int64", ProtoType::kInt64},       {"uint64", ProtoType::kUint64},
      {"int32", ProtoType::kInt32},       {"fixed64", ProtoType::kFixed64},
      {"fixed32", ProtoType::kFixed32},   {"bool", ProtoType::kBool},
      {"string", ProtoType::kString},     {"bytes", ProtoType::kBytes},
      {"uint32", ProtoType::kUint32},     {"sfixed32", ProtoType::kSfixed32},
      {"sfixed64", ProtoType::kSfixed64}, {"sint32", ProtoType::kSint32},
      {"sint64", ProtoType::kSint64}};
  return kTypes;
}

}  // namespace

// Adds the messages and enums of one file after the other; Link() then finds what fields name.
class ProtoFileReader {
 public:
  ProtoFileReader(ProtoDescriptors* descriptors, const ProtoImporter& import)
      : descriptors_(*descriptors), import_(import) {}

  Status ReadFile(const std::string& name, const std::string& text);
  Status Link();

 private:
  Status ReadFileBody();
  Status ReadTopLevel();
  Status ReadMessage(const std::string& scope, int depth);
  Status ReadBody(ProtoMessage* message, int depth);
  Status ReadElement(ProtoMessage* message, int depth);
  Status ReadOneof(ProtoMessage* message, int depth);
  Status ReadField(ProtoMessage* message, bool in_oneof, int depth);
  Status ReadMap(ProtoMessage* message);
  Status ReadNumberAndOptions(ProtoField* field, bool* packing_said);
  Status ReadOption(ProtoField* field, bool* packing_said);
  Status ReadEnum(const std::string& scope);
  Status ReadEnumValue(ProtoEnum* values);
  Status ReadType(ProtoField* field);

  const ProtoToken& peek() const { return tokens_[at_]; }
  ProtoToken Take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool TakeIf(char symbol) { return peek().Is(symbol) && ++at_ > 0; }
  bool TakeIf(std::string_view name) { return peek().Is(name) && ++at_ > 0; }
  Status Expect(char symbol) {
    return TakeIf(symbol) ? Status::OK() : Unexpected(fmt::format("'{}'", symbol));
  }
  // An identifier without dots.
  Result<std::string> Name();
  Result<int64_t> Integer();
  // To behind its ';', or of a service and an extension its '}'.
  Status SkipStatement();
  Status Unexpected(const std::string& wanted) const {
    return UserError("line {}: expected {}, found '{}'", peek().line, wanted, peek().text);
  }

  ProtoDescriptors& descriptors_;
  const ProtoImporter& import_;
  std::set<std::string> files_;  // that have been begun
  // Of the file being read:
  std::vector<ProtoToken> tokens_;
  size_t at_ = 0;
  std::string package_;
  std::vector<std::string> imports_;
  bool proto3_ = false;
};

Status ProtoFileReader::ReadFile(const std::string& name, const std::string& text) {
  if (!files_.insert(name).second) return Status::OK();
  if (files_.size() > kMaxFiles) return UserError("more than {} files are imported", kMaxFiles);
  const auto tokens = ProtoTokens(text);
  MILL_RETURN(Annotate(tokens.status(), name));
  tokens_ = *tokens;
  at_ = 0;
  package_.clear();
  imports_.clear();
  proto3_ = false;
  MILL_RETURN(Annotate(ReadFileBody(), name));
  for (const std::string& import : std::exchange(imports_, {})) {
    if (files_.contains(import)) continue;
    const auto imported = import_(import);
    MILL_RETURN(Annotate(imported.status(), name));
    MILL_RETURN(ReadFile(import, *imported));
  }
  return Status::OK();
}

Status ProtoFileReader::ReadFileBody() {
  while (peek().kind != Kind::kEnd) MILL_RETURN(ReadTopLevel());
  return Status::OK();
}

Status ProtoFileReader::ReadTopLevel() {
  const std::string scope = package_.empty() ? "" : package_ + ".";
  if (TakeIf("message")) return ReadMessage(scope, 0);
  if (TakeIf("enum")) return ReadEnum(scope);
  if (TakeIf("syntax")) {
    MILL_RETURN(Expect('='));
    if (peek().text != "proto2" && peek().text != "proto3") return Unexpected("proto2 or proto3");
    proto3_ = Take().text == "proto3";
  } else if (TakeIf("package")) {
    if (peek().kind != Kind::kName) return Unexpected("a package's name");
    package_ = Take().text;
  } else if (TakeIf("import")) {
    if (!TakeIf("public")) TakeIf("weak");
    if (peek().kind != Kind::kString) return Unexpected("a file's name in quotes");
    imports_.push_back(Take().text);
  } else if (peek().Is("option") || peek().Is("service") || peek().Is("extend")) {
    return SkipStatement();
  } else if (!peek().Is(';')) {
    return Unexpected("message, enum, import or another definition of proto2 or proto3");
  }
  return Expect(';');
}

Status ProtoFileReader::ReadMessage(const std::string& scope, int depth) {
  MILL_ASSIGN(const std::string name, Name());
  ProtoMessage& message = descriptors_.messages_.emplace_back();
  message.name = scope + name;
  return ReadBody(&message, depth);
}

Status ProtoFileReader::ReadBody(ProtoMessage* message, int depth) {
  if (depth > kMaxDepth) return UserError("messages are defined deeper than {}", kMaxDepth);
  MILL_RETURN(Expect('{'));
  while (!TakeIf('}')) MILL_RETURN(ReadElement(message, depth));
  return Status::OK();
}

Status ProtoFileReader::ReadElement(ProtoMessage* message, int depth) {
  if (TakeIf(';')) return Status::OK();
  if (TakeIf("message")) return ReadMessage(message->name + ".", depth + 1);
  if (TakeIf("enum")) return ReadEnum(message->name + ".");
  if (TakeIf("oneof")) return ReadOneof(message, depth);
  for (const char* passed : {"option", "extend", "extensions", "reserved"}) {
    if (peek().Is(passed)) return SkipStatement();
  }
  if (peek().Is("map") && tokens_[at_ + 1].Is('<')) return ReadMap(message);
  return ReadField(message, false, depth);
}

Status ProtoFileReader::ReadOneof(ProtoMessage* message, int depth) {
  MILL_RETURN(Name().status());
  MILL_RETURN(Expect('{'));
  while (!TakeIf('}')) {
    if (TakeIf(';')) continue;
    MILL_RETURN(peek().Is("option") ? SkipStatement() : ReadField(message, true, depth));
  }
  return Status::OK();
}

Status ProtoFileReader::ReadType(ProtoField* field) {
  if (peek().kind != Kind::kName) return Unexpected("a field's type");
  const std::string name = Take().text;
  const auto scalar = ScalarTypes().find(name);
  field->type = scalar == ScalarTypes().end() ? ProtoType::kMessage : scalar->second;
  if (scalar == ScalarTypes().end()) field->type_name = name;  // of an enum perhaps: see Link
  return Status::OK();
}

Status ProtoFileReader::ReadField(ProtoMessage* message, bool in_oneof, int depth) {
  ProtoField field;
  field.repeated = TakeIf("repeated");
  const bool optional = !field.repeated && (TakeIf("optional") || TakeIf("required"));
  const bool group = TakeIf("group");
  if (!group) MILL_RETURN(ReadType(&field));
  MILL_ASSIGN(field.name, Name());
  bool packing_said = false;
  MILL_RETURN(ReadNumberAndOptions(&field, &packing_said));
  if (!packing_said) field.packed = proto3_;
  field.has_presence = !field.repeated && (optional || in_oneof || !proto3_);
  if (!group) {
    message->fields.push_back(std::move(field));
    return Expect(';');
  }
  ProtoMessage& inner = descriptors_.messages_.emplace_back();
  inner.name = message->name + "." + field.name;
  field.type = ProtoType::kGroup;
  field.type_name = "." + inner.name;
  for (char& c : field.name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  message->fields.push_back(std::move(field));
  return ReadBody(&inner, depth + 1);
}

// A map is a repeated message {key = 1, value = 2}.
Status ProtoFileReader::ReadMap(ProtoMessage* message) {
  ProtoField key, value, field;
  at_ += 2;  // "map" and '<'
  MILL_RETURN(ReadType(&key));
  MILL_RETURN(Expect(','));
  MILL_RETURN(ReadType(&value));
  MILL_RETURN(Expect('>'));
  MILL_ASSIGN(field.name, Name());
  bool packing_said = false;
  MILL_RETURN(ReadNumberAndOptions(&field, &packing_said));
  key.name = "key";
  key.number = 1;
  value.name = "value";
  value.number = 2;
  key.has_presence = value.has_presence = !proto3_;
  ProtoMessage& entry = descriptors_.messages_.emplace_back();
  entry.name = fmt::format("{}.{}Entry", message->name, field.name);
  entry.is_map_entry = true;
  entry.fields = {std::move(key), std::move(value)};
  field.type = ProtoType::kMessage;
  field.repeated = true;
  field.type_name = "." + entry.name;
  message->fields.push_back(std::move(field));
  return Expect(';');
}

Status ProtoFileReader::ReadNumberAndOptions(ProtoField* field, bool* packing_said) {
  constexpr int64_t kMost = (1 << 29) - 1;
  MILL_RETURN(Expect('='));
  const int line = peek().line;
  MILL_ASSIGN(const int64_t number, Integer());
  if (number < 1 || number > kMost) {
    return UserError("line {}: {} is no field's number: 1 to {}", line, number, kMost);
  }
  field->number = static_cast<uint32_t>(number);
  if (!TakeIf('[')) return Status::OK();
  do {
    MILL_RETURN(ReadOption(field, packing_said));
  } while (TakeIf(','));
  return Expect(']');
}

// name = value, where a name may be (custom.option).part and a value {anything}.
Status ProtoFileReader::ReadOption(ProtoField* field, bool* packing_said) {
  const ProtoToken name = Take();
  while (!peek().Is('=')) {
    if (peek().kind == Kind::kEnd || peek().Is(';')) return Unexpected("'='");
    Take();
  }
  Take();
  const bool negative = TakeIf('-');
  if (peek().Is('{') || peek().Is('[')) {
    int depth = 0;
    do {
      depth += peek().Is('{') || peek().Is('[');
      depth -= peek().Is('}') || peek().Is(']');
      if (Take().kind == Kind::kEnd) return Unexpected("'}'");
    } while (depth > 0);
    return Status::OK();
  }
  if (peek().kind == Kind::kEnd || peek().kind == Kind::kSymbol) return Unexpected("a value");
  std::string value = (negative ? "-" : "") + Take().text;
  while (peek().kind == Kind::kString) value += Take().text;
  if (name.Is("packed")) {
    field->packed = value == "true";
    *packing_said = true;
  }
  if (name.Is("default")) field->default_value = value;
  return Status::OK();
}

Status ProtoFileReader::ReadEnum(const std::string& scope) {
  MILL_ASSIGN(const std::string name, Name());
  ProtoEnum& values = descriptors_.enums_.emplace_back();
  values.name = scope + name;
  MILL_RETURN(Expect('{'));
  while (!TakeIf('}')) {
    if (TakeIf(';')) continue;
    const bool passed = peek().Is("option") || peek().Is("reserved");
    MILL_RETURN(passed ? SkipStatement() : ReadEnumValue(&values));
  }
  return Status::OK();
}

Status ProtoFileReader::ReadEnumValue(ProtoEnum* values) {
  MILL_ASSIGN(std::string name, Name());
  MILL_RETURN(Expect('='));
  MILL_ASSIGN(const int64_t number, Integer());
  values->values.emplace(static_cast<int32_t>(number), std::move(name));
  return SkipStatement();
}

Result<std::string> ProtoFileReader::Name() {
  const bool sound = peek().kind == Kind::kName && peek().text.find('.') == std::string::npos;
  if (!sound) return Unexpected("a name");
  return Take().text;
}

Result<int64_t> ProtoFileReader::Integer() {
  const bool negative = TakeIf('-');
  std::string_view digits = peek().text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.starts_with('0')) {
    base = 8;
  }
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  const bool whole = end == digits.data() + digits.size() && error == std::errc();
  if (peek().kind != Kind::kNumber || !whole || value > INT32_MAX + int64_t{negative}) {
    return Unexpected("a whole number");
  }
  Take();
  return negative ? -value : value;
}

Status ProtoFileReader::SkipStatement() {
  const bool block = peek().Is("service") || peek().Is("extend");
  int depth = 0;
  while (peek().kind != Kind::kEnd) {
    const ProtoToken token = Take();
    depth += token.Is('{');
    depth -= token.Is('}');
    if (depth < 0) return UserError("line {}: a '}}' too many", token.line);
    if (depth == 0 && token.Is(block ? '}' : ';')) return Status::OK();
  }
  return Unexpected(block ? "'}'" : "';'");
}

// A name is looked for in the message that uses it, then in what that stands in, outwards.
Status ProtoFileReader::Link() {
  std::unordered_map<std::string, const ProtoMessage*> messages;
  std::unordered_map<std::string, const ProtoEnum*> enums;
  for (const ProtoMessage& each : descriptors_.messages_) messages[each.name] = &each;
  for (const ProtoEnum& each : descriptors_.enums_) enums[each.name] = &each;
  for (ProtoMessage& message : descriptors_.messages_) {
    for (ProtoField& field : message.fields) {
      if (field.type_name.empty()) continue;
      const bool absolute = field.type_name[0] == '.';
      std::string scope = absolute ? "" : message.name + ".";
      const std::string name = field.type_name.substr(absolute ? 1 : 0);
      while (!messages.contains(scope + name) && !enums.contains(scope + name)) {
        if (scope.empty()) {
          return UserError("message {}, field '{}': there is no type '{}'", message.name,
                           field.name, name);
        }
        const size_t dot = scope.size() < 2 ? scope.npos : scope.rfind('.', scope.size() - 2);
        scope.resize(dot == scope.npos ? 0 : dot + 1);
      }
      field.type_name = scope + name;
      const auto found = messages.find(field.type_name);
      if (found == messages.end()) {
        field.type = ProtoType::kEnum;
        field.values = enums[field.type_name];
      } else {
        field.message = found->second;
        field.has_presence = !field.repeated;
      }
    }
  }
  return Status::OK();
}

Result<std::shared_ptr<const ProtoDescriptors>> ParseProtoText(const std::string& name,
                                                               const std::string& text,
                                                               const ProtoImporter& import) {
  auto descriptors = std::make_shared<ProtoDescriptors>();
  ProtoFileReader reader(descriptors.get(), import);
  MILL_RETURN(reader.ReadFile(name, text));
  MILL_RETURN(reader.Link());
  return descriptors;
}

}  // namespace millrace
