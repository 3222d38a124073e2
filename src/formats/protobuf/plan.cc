#include "formats/protobuf/plan.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/nearest.h"
#include "formats/options.h"
#include "formats/protobuf/proto_file.h"

namespace millrace {
namespace {

constexpr uint32_t kDirectNumbers = 512;
constexpr int64_t kMaxDescriptorBytes = 64 << 20;

bool Fits(const ProtoField& field, const SqlType& type) {
  switch (field.type) {
    case ProtoType::kDouble: return type.kind == TypeKind::kDouble;
    case ProtoType::kFloat: return type.kind == TypeKind::kFloat || type.kind == TypeKind::kDouble;
    case ProtoType::kBool: return type.kind == TypeKind::kBoolean;
    case ProtoType::kString: return type.IsString();
    case ProtoType::kBytes: return type.IsBinary();
    case ProtoType::kEnum: return type.IsString() || type.IsInteger();
    case ProtoType::kMessage: return type.kind == TypeKind::kRow;
    case ProtoType::kGroup: return false;
    default: return type.IsInteger();
  }
}

Status Mismatch(const ProtoMessage& message, const ProtoField& field, const SqlType& type) {
  return UserError("column `{}` is {}, which does not go with field '{}' of message {}{}",
                   field.name, type.ToString(), field.name, message.name,
                   field.repeated ? ", which is repeated" : "");
}

Result<ProtoColumn> PlanColumn(const ProtoMessage& message, const ProtoField& field,
                               const SqlType& type, const ProtobufSettings& settings) {
  ProtoColumn column{&field, type, type, false, nullptr, 0};
  const bool is_map = field.repeated && field.message && field.message->is_map_entry;
  column.fills_default = settings.fill_defaults || (!field.has_presence && !field.repeated);
  if (is_map) {
    if (type.kind != TypeKind::kMap) return Mismatch(message, field, type);
    const std::vector<RowField> entry = {{"key", type.children[0].type},
                                         {"value", type.children[1].type}};
    MILL_ASSIGN(column.plan, PlanProtobuf(*field.message, entry, settings));
    for (ProtoColumn& part : column.plan->columns) part.fills_default = true;
    return column;
  }
  if (field.repeated) {
    if (type.kind != TypeKind::kArray) return Mismatch(message, field, type);
    column.item = *type.children.front().type;
  }
  if (!Fits(field, column.item)) return Mismatch(message, field, type);
  if (field.type == ProtoType::kMessage) {
    MILL_ASSIGN(column.plan, PlanProtobuf(*field.message, column.item.children, settings));
    if (!field.repeated) column.fills_default = false;
  }
  return column;
}

}  // namespace

// As deep as the columns' types, however deep the messages' are.
Result<std::shared_ptr<ProtoPlan>> PlanProtobuf(const ProtoMessage& message,
                                                const std::vector<RowField>& columns,
                                                const ProtobufSettings& settings) {
  auto plan = std::make_shared<ProtoPlan>();
  plan->message = &message;
  uint32_t greatest = 0;
  for (const RowField& wanted : columns) {
    const auto field =
        std::find_if(message.fields.begin(), message.fields.end(),
                     [&](const ProtoField& each) { return each.name == wanted.name; });
    if (field == message.fields.end()) {
      std::vector<std::string> names;
      for (const ProtoField& each : message.fields) names.push_back(each.name);
      const std::string near = NearestName(wanted.name, names);
      return UserError("message {} has no field `{}`{}", message.name, wanted.name,
                       near.empty() ? "" : fmt::format(". did you mean '{}'?", near));
    }
    MILL_ASSIGN(ProtoColumn column, PlanColumn(message, *field, *wanted.type, settings));
    greatest = std::max(greatest, field->number);
    plan->has_repeated = plan->has_repeated || field->repeated;
    plan->columns.push_back(std::move(column));
  }
  plan->by_number.assign(std::min(greatest, kDirectNumbers) + 1, -1);
  for (size_t i = 0; i < plan->columns.size(); ++i) {
    const uint32_t number = plan->columns[i].field->number;
    if (number < plan->by_number.size()) plan->by_number[number] = static_cast<int>(i);
  }
  return plan;
}

std::vector<RowField> FieldsOf(const Schema& schema) {
  std::vector<RowField> fields;
  for (const Column& column : schema.columns) {
    fields.push_back({column.name, std::make_shared<SqlType>(column.type)});
  }
  return fields;
}

namespace {

// A .proto file, or a descriptor set.
Result<std::shared_ptr<const ProtoDescriptors>> ReadDescriptors(const std::string& path) {
  if (path.ends_with(".proto")) {
    auto descriptors = ReadProtoFile(path);
    MILL_RETURN(Annotate(descriptors.status(), "option 'protobuf.descriptor-file'"));
    return descriptors;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    return UserError("option 'protobuf.descriptor-file': '{}' cannot be read or is empty", path);
  }
  const std::string bytes = content.str();
  if (std::ssize(bytes) > kMaxDescriptorBytes) {
    return UserError("option 'protobuf.descriptor-file': '{}' is too big", path);
  }
  auto descriptors = ProtoDescriptors::Parse(bytes);
  MILL_RETURN(Annotate(descriptors.status(), fmt::format("descriptor file '{}'", path)));
  return descriptors;
}

}  // namespace

Result<ProtobufSettings> ProtobufSettings::Read(const Options& options) {
  ProtobufSettings settings;
  MILL_ASSIGN(settings.ignore_errors, BoolOption(options, "protobuf.ignore-parse-errors", false));
  MILL_ASSIGN(settings.fill_defaults, BoolOption(options, "protobuf.read-default-values", false));
  settings.null_text = StringOption(options, "protobuf.write-null-string-literal", "");
  const std::string name = StringOption(options, "protobuf.message-class-name", "");
  const std::string path = StringOption(options, "protobuf.descriptor-file", "");
  if (name.empty()) {
    return UserError("missing option 'protobuf.message-class-name': the message's full name, such "
                     "as 'shop.Order'");
  }
  if (path.empty()) {
    return UserError("missing option 'protobuf.descriptor-file': the .proto file, or a file that "
                     "protoc --include_imports --descriptor_set_out=FILE x.proto writes");
  }
  MILL_ASSIGN(settings.descriptors, ReadDescriptors(path));
  MILL_ASSIGN(settings.message, settings.descriptors->Find(name));
  return settings;
}

}  // namespace millrace
