#include "connectors/iceberg/avro_datum.h"

#include <charconv>

namespace millrace {
namespace {

constexpr int kMaxDepth = 64;

Status CutOff() { return ExternalError("an Avro record is cut off or damaged"); }

Result<AvroDatum> Read(AvroInput* input, const AvroType& type, int depth);

template <typename T>
Result<AvroDatum> ReadFixed(AvroInput* input, const AvroType& type) {
  T value{};
  if (!input->ReadFixed(&value)) return CutOff();
  return AvroDatum{value, &type};
}

Result<AvroDatum> ReadBoolean(AvroInput* input, const AvroType& type) {
  uint8_t byte = 0;
  if (!input->ReadFixed(&byte)) return CutOff();
  return AvroDatum{byte != 0, &type};
}

Result<AvroDatum> ReadInteger(AvroInput* input, const AvroType& type) {
  int64_t value = 0;
  if (!input->ReadLong(&value)) return CutOff();
  return AvroDatum{value, &type};
}

Result<AvroDatum> ReadBytes(AvroInput* input, const AvroType& type) {
  std::string_view bytes;
  const bool read = type.kind == AvroKind::kFixed ? input->ReadBytes(type.size, &bytes)
                                                  : input->ReadString(&bytes);
  if (!read) return CutOff();
  return AvroDatum{std::string(bytes), &type};
}

Result<AvroDatum> ReadRecord(AvroInput* input, const AvroType& type, int depth) {
  AvroDatum::List fields;
  for (const AvroField& field : type.fields) {
    MILL_ASSIGN(AvroDatum value, Read(input, *field.type, depth + 1));
    fields.push_back(std::move(value));
  }
  return AvroDatum{std::move(fields), &type};
}

Result<AvroDatum> ReadUnion(AvroInput* input, const AvroType& type, int depth) {
  int64_t branch = 0;
  if (!input->ReadLong(&branch)) return CutOff();
  if (branch < 0 || branch >= std::ssize(type.children)) return CutOff();
  return Read(input, *type.children[static_cast<size_t>(branch)], depth + 1);
}

// Every item has a byte at least, so no count can be above what is left.
Result<AvroDatum> ReadBlocks(AvroInput* input, const AvroType& type, int depth) {
  AvroDatum::List items;
  while (true) {
    int64_t count = 0, bytes = 0;
    if (!input->ReadBlock(&count, &bytes)) return CutOff();
    if (count == 0) return AvroDatum{std::move(items), &type};
    if (static_cast<uint64_t>(count) > input->left()) return CutOff();
    for (int64_t i = 0; i < count; ++i) {
      if (type.kind == AvroKind::kMap) {
        std::string_view key;
        if (!input->ReadString(&key)) return CutOff();
        items.push_back({std::string(key), nullptr});
      }
      MILL_ASSIGN(AvroDatum item, Read(input, *type.children[0], depth + 1));
      items.push_back(std::move(item));
    }
  }
}

Result<AvroDatum> Read(AvroInput* input, const AvroType& type, int depth) {
  if (depth > kMaxDepth) return CutOff();
  switch (type.kind) {
    case AvroKind::kNull: return AvroDatum{std::monostate{}, &type};
    case AvroKind::kBoolean: return ReadBoolean(input, type);
    case AvroKind::kInt:
    case AvroKind::kEnum:
    case AvroKind::kLong: return ReadInteger(input, type);
    case AvroKind::kFloat: return ReadFixed<float>(input, type);
    case AvroKind::kDouble: return ReadFixed<double>(input, type);
    case AvroKind::kBytes:
    case AvroKind::kString:
    case AvroKind::kFixed: return ReadBytes(input, type);
    case AvroKind::kRecord: return ReadRecord(input, type, depth);
    case AvroKind::kArray:
    case AvroKind::kMap: return ReadBlocks(input, type, depth);
    case AvroKind::kUnion: return ReadUnion(input, type, depth);
  }
  return CutOff();
}

int IdOf(const AvroAttributes& attributes) {
  int id = -1;
  for (const auto& [name, text] : attributes) {
    if (name == "field-id") std::from_chars(text.data(), text.data() + text.size(), id);
  }
  return id;
}

}  // namespace

const AvroDatum* AvroDatum::Field(int field_id) const {
  if (!list() || !type || type->kind != AvroKind::kRecord) return nullptr;
  for (size_t i = 0; i < type->fields.size(); ++i) {
    if (IdOf(type->fields[i].attributes) != field_id) continue;
    const AvroDatum& found = (*list())[i];
    return std::holds_alternative<std::monostate>(found.value) ? nullptr : &found;
  }
  return nullptr;
}

int64_t AvroDatum::IntOr(int field_id, int64_t fallback) const {
  const AvroDatum* field = Field(field_id);
  const auto* number = field ? std::get_if<int64_t>(&field->value) : nullptr;
  return number ? *number : fallback;
}

std::string AvroDatum::TextOr(int field_id, std::string fallback) const {
  const AvroDatum* field = Field(field_id);
  const auto* text = field ? std::get_if<std::string>(&field->value) : nullptr;
  return text ? *text : fallback;
}

Result<AvroDatum> ReadAvroDatum(AvroInput* input, const AvroType& type) {
  return Read(input, type, 0);
}

}  // namespace millrace
