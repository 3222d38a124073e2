#include "formats/protobuf/descriptor.h"

#include <algorithm>
#include <unordered_map>

#include "base/nearest.h"
#include "formats/protobuf/wire.h"

namespace millrace {
namespace {

constexpr int kMaxDepth = 32;  // of messages within messages
constexpr uint64_t kRepeated = 3;  // FieldDescriptorProto.label

// Calls visit(field number, number or bytes) for each field of a serialized message.
template <typename Visit>
Status ForEachField(std::string_view bytes, const Visit& visit) {
  WireInput input(bytes);
  while (!input.at_end()) {
    uint32_t number = 0;
    WireType type{};
    uint64_t value = 0;
    std::string_view text;
    bool sound = input.ReadTag(&number, &type);
    if (sound && type == WireType::kVarint) {
      sound = input.ReadVarint(&value);
    } else if (sound && type == WireType::kBytes) {
      sound = input.ReadBytes(&text);
    } else if (sound) {
      sound = input.Skip(number, type);
      number = 0;
    }
    if (!sound) return UserError("no descriptor set. hint: protoc --include_imports "
                                 "--descriptor_set_out=FILE x.proto");
    if (number > 0) MILL_RETURN(visit(number, value, text));
  }
  return Status::OK();
}

}  // namespace

class DescriptorReader {
 public:
  explicit DescriptorReader(ProtoDescriptors* descriptors) : descriptors_(*descriptors) {}

  Status ReadSet(std::string_view bytes) {
    MILL_RETURN(ForEachField(bytes, [&](uint32_t number, uint64_t, std::string_view text) {
      return number == 1 ? ReadFile(text) : Status::OK();
    }));
    return Link();
  }

 private:
  Status ReadFile(std::string_view bytes);
  Status ReadMessage(std::string_view bytes, const std::string& scope, int depth);
  Status ReadField(std::string_view bytes, ProtoMessage* message);
  Status ReadEnum(std::string_view bytes, const std::string& scope);
  Status Link();

  ProtoDescriptors& descriptors_;
  bool proto3_ = false;  // of the file being read
};

Status DescriptorReader::ReadFile(std::string_view bytes) {
  std::string package;
  proto3_ = false;
  MILL_RETURN(ForEachField(bytes, [&](uint32_t number, uint64_t, std::string_view text) {
    if (number == 2) package = text;
    if (number == 12) proto3_ = text == "proto3";
    return Status::OK();
  }));
  const std::string scope = package.empty() ? "" : package + ".";
  return ForEachField(bytes, [&](uint32_t number, uint64_t, std::string_view text) {
    if (number == 4) return ReadMessage(text, scope, 0);
    return number == 5 ? ReadEnum(text, scope) : Status::OK();
  });
}

Status DescriptorReader::ReadMessage(std::string_view bytes, const std::string& scope, int depth) {
  if (depth > kMaxDepth) return UserError("messages are defined deeper than {}", kMaxDepth);
  ProtoMessage& message = descriptors_.messages_.emplace_back();
  MILL_RETURN(ForEachField(bytes, [&](uint32_t number, uint64_t, std::string_view text) {
    if (number == 1) message.name = scope + std::string(text);
    return Status::OK();
  }));
  const std::string inner = message.name + ".";
  return ForEachField(bytes, [&](uint32_t number, uint64_t, std::string_view text) {
    if (number == 2) return ReadField(text, &message);
    if (number == 3) return ReadMessage(text, inner, depth + 1);
    if (number == 4) return ReadEnum(text, inner);
    if (number != 7) return Status::OK();
    return ForEachField(text, [&](uint32_t option, uint64_t value, std::string_view) {
      if (option == 7) message.is_map_entry = value != 0;
      return Status::OK();
    });
  });
}

Status DescriptorReader::ReadField(std::string_view bytes, ProtoMessage* message) {
  ProtoField field;
  bool in_oneof = false, packing_said = false;
  MILL_RETURN(ForEachField(bytes, [&](uint32_t number, uint64_t value, std::string_view text) {
    if (number == 1) field.name = text;
    if (number == 3) field.number = static_cast<uint32_t>(value);
    if (number == 4) field.repeated = value == kRepeated;
    if (number == 5) field.type = static_cast<ProtoType>(value);
    if (number == 6) field.type_name = text;
    if (number == 7) field.default_value = text;
    if (number == 9) in_oneof = true;  // an `optional` of proto3 is in one too
    if (number != 8) return Status::OK();
    return ForEachField(text, [&](uint32_t option, uint64_t said, std::string_view) {
      if (option == 2) field.packed = said != 0;
      if (option == 2) packing_said = true;
      return Status::OK();
    });
  }));
  const auto type = static_cast<uint8_t>(field.type);
  if (type < 1 || type > 18 || field.number == 0) {
    return UserError("message {}: field '{}' has no type or number that is known", message->name,
                     field.name);
  }
  if (field.type_name.starts_with('.')) field.type_name.erase(0, 1);
  const bool is_message = field.type == ProtoType::kMessage || field.type == ProtoType::kGroup;
  field.has_presence = !field.repeated && (is_message || in_oneof || !proto3_);
  if (!packing_said) field.packed = proto3_;
  message->fields.push_back(std::move(field));
  return Status::OK();
}

Status DescriptorReader::ReadEnum(std::string_view bytes, const std::string& scope) {
  ProtoEnum& values = descriptors_.enums_.emplace_back();
  return ForEachField(bytes, [&](uint32_t number, uint64_t, std::string_view text) {
    if (number == 1) values.name = scope + std::string(text);
    if (number != 2) return Status::OK();
    std::string name;
    int32_t value = 0;
    MILL_RETURN(ForEachField(text, [&](uint32_t part, uint64_t said, std::string_view bare) {
      if (part == 1) name = bare;
      if (part == 2) value = static_cast<int32_t>(said);
      return Status::OK();
    }));
    values.values.emplace(value, std::move(name));
    return Status::OK();
  });
}

// Messages and enums are named before they stand there.
Status DescriptorReader::Link() {
  std::unordered_map<std::string_view, const ProtoMessage*> messages;
  std::unordered_map<std::string_view, const ProtoEnum*> enums;
  for (const ProtoMessage& message : descriptors_.messages_) messages[message.name] = &message;
  for (const ProtoEnum& values : descriptors_.enums_) enums[values.name] = &values;
  for (ProtoMessage& message : descriptors_.messages_) {
    for (ProtoField& field : message.fields) {
      const auto found = messages.find(field.type_name);
      const auto values = enums.find(field.type_name);
      if (found != messages.end()) field.message = found->second;
      if (values != enums.end()) field.values = values->second;
      const bool is_message = field.type == ProtoType::kMessage || field.type == ProtoType::kGroup;
      const bool missing = (is_message && !field.message) ||
                           (field.type == ProtoType::kEnum && !field.values);
      if (!missing) continue;
      return UserError("message {}: the descriptor set does not have '{}'. hint: protoc "
                       "--include_imports", message.name, field.type_name);
    }
  }
  return Status::OK();
}

Result<std::shared_ptr<const ProtoDescriptors>> ProtoDescriptors::Parse(std::string_view bytes) {
  auto descriptors = std::make_shared<ProtoDescriptors>();
  MILL_RETURN(DescriptorReader(descriptors.get()).ReadSet(bytes));
  return descriptors;
}

Result<const ProtoMessage*> ProtoDescriptors::Find(std::string name) const {
  std::replace(name.begin(), name.end(), '$', '.');
  const ProtoMessage* bare = nullptr;
  int with_bare_name = 0;
  std::vector<std::string> names;
  for (const ProtoMessage& message : messages_) {
    if (message.name == name) return &message;
    if (!message.is_map_entry) names.push_back(message.name);
    if (message.name.substr(message.name.rfind('.') + 1) != name) continue;
    bare = &message;
    ++with_bare_name;
  }
  if (with_bare_name == 1) return bare;
  const std::string near = NearestName(name, names);
  if (!near.empty()) return UserError("unknown message '{}'. did you mean '{}'?", name, near);
  if (names.size() > 20) names.resize(20);
  return UserError("unknown message '{}'. messages: {}", name, fmt::join(names, ", "));
}

}  // namespace millrace
