// Values are written as bytes that are equal for equal values only; the bytes are then numbered:
//
//   NULL 0 | fixed width 1 bytes | text 1 length bytes | list 1 count elements
//   map 1 count entries in the order of their bytes | row 1 members
#include "functions/value_ids.h"


#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace millrace {
namespace {

void AppendBytes(const void* bytes, size_t size, std::string* out) {
  out->append(static_cast<const char*>(bytes), size);
}

void AppendCount(int64_t count, std::string* out) { AppendBytes(&count, sizeof(count), out); }

Status AppendValue(const arrow::Array& values, int64_t at, std::string* out);

template <typename T>
void AppendReal(const uint8_t* bytes, std::string* out) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  if (value == T{0}) value = T{0};  // one zero for both signs
  AppendBytes(&value, sizeof(value), out);
}

void AppendFixed(const arrow::Array& values, int64_t at, int width, std::string* out) {
  const uint8_t* bytes = values.data()->buffers[1]->data() + (values.offset() + at) * width;
  switch (values.type_id()) {
    case arrow::Type::FLOAT: return AppendReal<float>(bytes, out);
    case arrow::Type::DOUBLE: return AppendReal<double>(bytes, out);
    default: AppendBytes(bytes, static_cast<size_t>(width), out);
  }
}

Status AppendList(const arrow::ListArray& lists, int64_t at, std::string* out) {
  AppendCount(lists.value_length(at), out);
  for (int32_t i = lists.value_offset(at); i < lists.value_offset(at + 1); ++i) {
    MILL_RETURN(AppendValue(*lists.values(), i, out));
  }
  return Status::OK();
}

Status AppendMap(const arrow::MapArray& maps, int64_t at, std::string* out) {
  std::vector<std::string> entries;
  for (int32_t i = maps.value_offset(at); i < maps.value_offset(at + 1); ++i) {
    std::string entry;
    MILL_RETURN(AppendValue(*maps.keys(), i, &entry));
    MILL_RETURN(AppendValue(*maps.items(), i, &entry));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end());
  AppendCount(static_cast<int64_t>(entries.size()), out);
  for (const std::string& entry : entries) out->append(entry);
  return Status::OK();
}

Status AppendRow(const arrow::StructArray& rows, int64_t at, std::string* out) {
  for (int i = 0; i < rows.num_fields(); ++i) MILL_RETURN(AppendValue(*rows.field(i), at, out));
  return Status::OK();
}

Status AppendValue(const arrow::Array& values, int64_t at, std::string* out) {
  const bool valid = values.IsValid(at);
  out->push_back(valid ? '\1' : '\0');
  if (!valid) return Status::OK();
  switch (values.type_id()) {
    case arrow::Type::BOOL:
      out->push_back(static_cast<const arrow::BooleanArray&>(values).Value(at) ? 't' : 'f');
      return Status::OK();
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto text = static_cast<const arrow::BinaryArray&>(values).GetView(at);
      AppendCount(static_cast<int64_t>(text.size()), out);
      out->append(text);
      return Status::OK();
    }
    case arrow::Type::LIST:
      return AppendList(static_cast<const arrow::ListArray&>(values), at, out);
    case arrow::Type::MAP: return AppendMap(static_cast<const arrow::MapArray&>(values), at, out);
    case arrow::Type::STRUCT:
      return AppendRow(static_cast<const arrow::StructArray&>(values), at, out);
    default: break;
  }
  const int bits = values.type()->bit_width();
  if (bits <= 0) return Status::NotImplemented("no equality for ", values.type()->ToString());
  AppendFixed(values, at, bits / 8, out);
  return Status::OK();
}

}  // namespace

Result<std::vector<int32_t>> ValueIds(const std::shared_ptr<arrow::Array>& values) {
  std::string bytes;
  std::vector<size_t> ends;
  for (int64_t i = 0; i < values->length(); ++i) {
    MILL_RETURN(AppendValue(*values, i, &bytes));
    ends.push_back(bytes.size());
  }
  std::unordered_map<std::string_view, int32_t> numbers;
  std::vector<int32_t> ids;
  size_t begin = 0;
  for (const size_t end : ends) {
    const auto next = static_cast<int32_t>(numbers.size());
    ids.push_back(numbers.emplace(std::string_view(bytes).substr(begin, end - begin), next)
                      .first->second);
    begin = end;
  }
  return ids;
}

}  // namespace millrace
