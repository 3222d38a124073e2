#include "connectors/iceberg/storage_arrays.h"

#include <arrow/builder.h>
#include <arrow/compute/cast.h>
#include <arrow/util/bitmap_ops.h>

namespace millrace {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

// The same buffers under another type.
ArrayPtr Retyped(const arrow::Array& array, std::shared_ptr<arrow::DataType> type) {
  auto data = array.data()->Copy();
  data->type = std::move(type);
  return arrow::MakeArray(data);
}

// The same validity and offsets around other children.
ArrayPtr WithChildren(const arrow::Array& array, std::shared_ptr<arrow::DataType> type,
                      const std::vector<ArrayPtr>& children) {
  auto data = array.data()->Copy();
  data->type = std::move(type);
  data->child_data.clear();
  for (const ArrayPtr& child : children) data->child_data.push_back(child->data());
  return arrow::MakeArray(data);
}

Result<ArrayPtr> Validity(const arrow::Array& array, std::shared_ptr<arrow::Buffer>* bits) {
  *bits = nullptr;
  if (array.null_count() == 0) return nullptr;
  MILL_ASSIGN(*bits, arrow::internal::CopyBitmap(arrow::default_memory_pool(),
                                                 array.null_bitmap_data(), array.offset(),
                                                 array.length()));
  return nullptr;
}

Result<ArrayPtr> ToFixed(const arrow::Array& array, int length) {
  const auto& bytes = static_cast<const arrow::BinaryArray&>(array);
  arrow::FixedSizeBinaryBuilder builder(arrow::fixed_size_binary(length));
  MILL_RETURN(builder.Reserve(array.length()));
  for (int64_t i = 0; i < array.length(); ++i) {
    if (bytes.IsNull(i)) {
      builder.UnsafeAppendNull();
      continue;
    }
    const std::string_view value = bytes.GetView(i);
    if (std::ssize(value) != length) {
      return UserError("{} bytes do not fit into fixed[{}]", value.size(), length);
    }
    builder.UnsafeAppend(value);
  }
  return builder.Finish();
}

Result<ArrayPtr> ToMicroseconds(const ArrayPtr& array,
                                const std::shared_ptr<arrow::DataType>& target) {
  return arrow::compute::Cast(*array, target, arrow::compute::CastOptions::Safe());
}

bool IsDecimalOfScale(const arrow::DataType& type, int scale) {
  return type.id() == arrow::Type::DECIMAL128 &&
         static_cast<const arrow::Decimal128Type&>(type).scale() == scale;
}

// A file may hold something else than the table's schema says.
Status CheckNesting(const arrow::Array& array, const IcebergType& type) {
  const bool fits = type.kind == IcebergKind::kStruct
                        ? array.type_id() == arrow::Type::STRUCT &&
                              array.type()->num_fields() == static_cast<int>(type.fields.size())
                        : array.type_id() == (type.kind == IcebergKind::kMap ? arrow::Type::MAP
                                                                             : arrow::Type::LIST);
  if (fits) return Status::OK();
  return ExternalError("{} cannot be stored as {}", array.type()->ToString(), type.ToString());
}

// Struct children sliced to the struct's own rows.
ArrayPtr ChildOf(const arrow::Array& array, int at) {
  return static_cast<const arrow::StructArray&>(array).field(at);
}

Result<ArrayPtr> StructToStorage(const arrow::Array& array, const IcebergType& type) {
  std::vector<ArrayPtr> children;
  for (size_t i = 0; i < type.fields.size(); ++i) {
    MILL_ASSIGN(auto child, ToStorage(ChildOf(array, static_cast<int>(i)), type.fields[i].type));
    children.push_back(std::move(child));
  }
  std::shared_ptr<arrow::Buffer> validity;
  MILL_RETURN(Validity(array, &validity).status());
  return arrow::StructArray::Make(children, StorageTypeOf(type)->fields(), std::move(validity),
                                  array.null_count());
}

Result<ArrayPtr> MapToStorage(const arrow::Array& array, const IcebergType& type) {
  const auto& map = static_cast<const arrow::MapArray&>(array);
  const auto target = StorageTypeOf(type);
  MILL_ASSIGN(auto keys, ToStorage(map.keys(), type.fields[0].type));
  MILL_ASSIGN(auto items, ToStorage(map.items(), type.fields[1].type));
  const auto& entry = static_cast<const arrow::MapType&>(*target).value_type();
  MILL_ASSIGN(ArrayPtr entries, arrow::StructArray::Make({keys, items}, entry->fields()));
  return WithChildren(array, target, {entries});
}

Result<ArrayPtr> ListToStorage(const arrow::Array& array, const IcebergType& type) {
  const auto& list = static_cast<const arrow::ListArray&>(array);
  MILL_ASSIGN(auto values, ToStorage(list.values(), type.fields[0].type));
  return WithChildren(array, StorageTypeOf(type), {values});
}

Result<ArrayPtr> ProjectStruct(const arrow::Array& array, const arrow::DataType& file,
                               const IcebergType& wanted, bool by_name) {
  std::vector<ArrayPtr> children;
  arrow::FieldVector fields;
  for (const IcebergField& each : wanted.fields) {
    int at = -1;
    for (int i = 0; i < file.num_fields(); ++i) {
      const bool same = by_name ? file.field(i)->name() == each.name
                                : FieldIdOf(*file.field(i)) == each.id;
      if (same) at = i;
    }
    ArrayPtr child;
    if (at >= 0) {
      MILL_ASSIGN(child, ProjectById(ChildOf(array, at), *file.field(at), each.type, by_name));
    } else {
      MILL_ASSIGN(child, arrow::MakeArrayOfNull(StorageTypeOf(each.type), array.length()));
    }
    fields.push_back(arrow::field(each.name, child->type()));
    children.push_back(std::move(child));
  }
  std::shared_ptr<arrow::Buffer> validity;
  MILL_RETURN(Validity(array, &validity).status());
  return arrow::StructArray::Make(children, fields, std::move(validity), array.null_count());
}

Result<ArrayPtr> ProjectMap(const arrow::Array& array, const arrow::DataType& file,
                            const IcebergType& wanted, bool by_name) {
  const auto& map = static_cast<const arrow::MapArray&>(array);
  const auto& type = static_cast<const arrow::MapType&>(file);
  MILL_ASSIGN(auto keys,
              ProjectById(map.keys(), *type.key_field(), wanted.fields[0].type, by_name));
  MILL_ASSIGN(auto items,
              ProjectById(map.items(), *type.item_field(), wanted.fields[1].type, by_name));
  const auto target = std::make_shared<arrow::MapType>(
      type.key_field()->WithType(keys->type()), type.item_field()->WithType(items->type()));
  MILL_ASSIGN(ArrayPtr entries,
              arrow::StructArray::Make({keys, items}, target->value_type()->fields()));
  return WithChildren(array, target, {entries});
}

}  // namespace

Result<std::shared_ptr<arrow::Array>> ToStorage(const std::shared_ptr<arrow::Array>& array,
                                                const IcebergType& type) {
  if (type.IsNested()) MILL_RETURN(CheckNesting(*array, type));
  switch (type.kind) {
    case IcebergKind::kStruct: return StructToStorage(*array, type);
    case IcebergKind::kMap: return MapToStorage(*array, type);
    case IcebergKind::kList: return ListToStorage(*array, type);
    default: break;
  }
  const auto target = StorageTypeOf(type);
  if (array->type()->Equals(*target)) return array;
  switch (type.kind) {
    case IcebergKind::kUuid:
    case IcebergKind::kFixed:
      if (array->type_id() == arrow::Type::BINARY) return ToFixed(*array, type.length);
      break;
    case IcebergKind::kDecimal:
      if (IsDecimalOfScale(*array->type(), type.scale)) return Retyped(*array, target);
      break;
    case IcebergKind::kTimestamp:
    case IcebergKind::kTimestampTz: return ToMicroseconds(array, target);
    default: break;
  }
  return arrow::compute::Cast(*array, target, arrow::compute::CastOptions::Safe());
}

Result<std::shared_ptr<arrow::Array>> ProjectById(const std::shared_ptr<arrow::Array>& array,
                                                  const arrow::Field& field,
                                                  const IcebergType& wanted, bool by_name) {
  const arrow::DataType& file = *field.type();
  if (wanted.kind == IcebergKind::kStruct && file.id() == arrow::Type::STRUCT) {
    return ProjectStruct(*array, file, wanted, by_name);
  }
  if (wanted.kind == IcebergKind::kMap && file.id() == arrow::Type::MAP) {
    return ProjectMap(*array, file, wanted, by_name);
  }
  if (wanted.kind == IcebergKind::kList && file.id() == arrow::Type::LIST) {
    const auto& list = static_cast<const arrow::ListArray&>(*array);
    MILL_ASSIGN(auto values,
                ProjectById(list.values(), *file.field(0), wanted.fields[0].type, by_name));
    return WithChildren(*array, arrow::list(file.field(0)->WithType(values->type())), {values});
  }
  return array;
}

}  // namespace millrace
