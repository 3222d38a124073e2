#include "connectors/iceberg/partitioner.h"

#include <arrow/builder.h>

#include <algorithm>
#include <unordered_map>

#include "data/take_rows.h"

namespace millrace {
namespace {

template <typename T>
void AppendRaw(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// As folder names are written in tables: all but a few characters as %XX.
std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '*';
    if (plain) out += c;
    if (!plain) out += fmt::format("%{:02X}", byte);
  }
  return out;
}

}  // namespace

std::string KeyBytes(const std::vector<IcebergValue>& values) {
  std::string key;
  for (const IcebergValue& value : values) {
    key += static_cast<char>(value.index());
    if (const auto* flag = std::get_if<bool>(&value)) AppendRaw(&key, *flag);
    if (const auto* number = std::get_if<int64_t>(&value)) AppendRaw(&key, *number);
    if (const auto* real = std::get_if<float>(&value)) AppendRaw(&key, *real);
    if (const auto* real = std::get_if<double>(&value)) AppendRaw(&key, *real);
    if (const auto* decimal = std::get_if<arrow::Decimal128>(&value)) {
      AppendRaw(&key, decimal->high_bits());
      AppendRaw(&key, decimal->low_bits());
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
      AppendRaw(&key, text->size());
      key += *text;
    }
  }
  return key;
}

Result<IcebergPartitioner> IcebergPartitioner::Make(const IcebergPartitionSpec& spec,
                                                    const std::vector<IcebergField>& fields) {
  IcebergPartitioner made;
  made.spec_ = spec;
  for (const IcebergPartitionField& each : spec.fields) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const IcebergField& field) {
      return field.id == each.source_id;
    });
    if (found == fields.end()) {
      return UserError("partition field '{}' is made of a column that is not written (field id {})",
                       each.name, each.source_id);
    }
    MILL_RETURN(each.transform.Check(found->type));
    made.inputs_.push_back({static_cast<int>(found - fields.begin()), found->type});
  }
  return made;
}

std::vector<IcebergValue> IcebergPartitioner::ValuesAt(const arrow::RecordBatch& rows,
                                                       int64_t row) const {
  std::vector<IcebergValue> values;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const IcebergValue value = ValueAt(*rows.column(inputs_[i].column), row, inputs_[i].type);
    values.push_back(spec_.fields[i].transform.Apply(value, inputs_[i].type));
  }
  return values;
}

std::string IcebergPartitioner::FolderOf(const std::vector<IcebergValue>& values) const {
  std::string folder;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto& field = spec_.fields[i];
    folder += Escaped(field.name) + "=" +
              Escaped(field.transform.Text(values[i], inputs_[i].type)) + "/";
  }
  return folder;
}

Result<std::vector<IcebergPartitioner::Part>> IcebergPartitioner::Split(
    const std::shared_ptr<arrow::RecordBatch>& rows) const {
  std::vector<Part> parts;
  if (rows->num_rows() == 0) return parts;
  if (inputs_.empty()) {
    parts.push_back({"", {}, rows, {}});
    return parts;
  }
  std::unordered_map<std::string, size_t> known;
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    std::vector<IcebergValue> values = ValuesAt(*rows, row);
    const auto [at, added] = known.emplace(KeyBytes(values), parts.size());
    if (added) parts.push_back({FolderOf(values), std::move(values), nullptr, {}});
    parts[at->second].indices.push_back(row);
  }
  for (Part& part : parts) {
    if (parts.size() == 1) {
      part.rows = rows;
    } else {
      MILL_ASSIGN(part.rows, TakeRows(rows, part.indices));
    }
  }
  return parts;
}

}  // namespace millrace
