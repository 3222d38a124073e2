#include "operators/saved_state.h"

#include <arrow/array.h>

#include <algorithm>
#include <set>

namespace millrace {
namespace {

constexpr size_t kPortion = 1 << 16;

// Names may repeat in an output, not in a file: a later one gets a number.
arrow::FieldVector WithUniqueNames(const arrow::FieldVector& fields) {
  std::set<std::string> names;
  arrow::FieldVector unique;
  for (const auto& field : fields) {
    std::string name = field->name();
    for (int number = 2; !names.insert(name).second; ++number) {
      name = field->name() + "_" + std::to_string(number);
    }
    unique.push_back(field->WithName(name));
  }
  return unique;
}

std::shared_ptr<arrow::Array> NumberArray(const std::shared_ptr<arrow::DataType>& type,
                                          std::vector<int64_t> numbers) {
  const auto count = static_cast<int64_t>(numbers.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, count, {nullptr, arrow::Buffer::FromVector(std::move(numbers))}, 0));
}

Status EraseRows(StateWriter& writer, const StateTable& table, const std::vector<int>& places,
                 arrow::ArrayVector ids, int64_t count) {
  if (count == 0) return Status::OK();
  arrow::FieldVector fields;
  for (int place : places) fields.push_back(table.schema->field(place));
  return writer.Erase(table,
                      arrow::RecordBatch::Make(arrow::schema(fields), count, std::move(ids)));
}

}  // namespace

SavedRows::SavedRows(std::string name, std::string doc, const arrow::FieldVector& keys,
                     const std::vector<OwnColumn>& own, const arrow::FieldVector& aggregates,
                     std::vector<int> key_columns, std::vector<int> id_columns)
    : keys_(keys.size()), own_(own.size()) {
  arrow::FieldVector fields = keys;
  for (const OwnColumn& column : own) {
    const auto type = column.time ? arrow::timestamp(arrow::TimeUnit::MILLI) : arrow::int64();
    fields.push_back(StateField(column.name, type, column.doc));
  }
  fields.insert(fields.end(), aggregates.begin(), aggregates.end());
  table_ = {std::move(name), std::move(doc), arrow::schema(WithUniqueNames(fields)),
            std::move(key_columns), std::move(id_columns)};
  for (size_t i = 0; i < keys_; ++i) key_places_.push_back(static_cast<int>(i));
}

Status SavedRows::Write(StateWriter& writer, arrow::ArrayVector keys,
                        std::vector<std::vector<int64_t>> own,
                        arrow::ArrayVector aggregates) const {
  const auto count = static_cast<int64_t>(own[0].size());
  arrow::ArrayVector columns = std::move(keys);
  for (auto& numbers : own) {
    const auto& type = table_.schema->field(static_cast<int>(columns.size()))->type();
    columns.push_back(NumberArray(type, std::move(numbers)));
  }
  columns.insert(columns.end(), aggregates.begin(), aggregates.end());
  return writer.Write(table_, arrow::RecordBatch::Make(table_.schema, count, std::move(columns)));
}

Status SavedRows::WriteNone(StateWriter& writer) const {
  MILL_ASSIGN(auto none, arrow::RecordBatch::MakeEmpty(table_.schema));
  return writer.Write(table_, std::move(none));
}

Status SavedRows::Erase(StateWriter& writer, const std::vector<int>& places,
                        arrow::ArrayVector ids, int64_t count) const {
  return EraseRows(writer, table_, places, std::move(ids), count);
}

Status SavedRows::WriteErased(StateWriter& writer, KeyChanges& changes) const {
  return millrace::WriteErased(writer, table_, key_places_, changes);
}

Rewrite SavedRows::rewrite() const {
  const auto& fields = table_.schema->fields();
  const bool grows = std::any_of(fields.begin(), fields.end(),
                                 [](const auto& field) { return IsGrowing(*field); });
  return grows ? Rewrite::kNothing : Rewrite::kInTurns;
}

Status SavedRows::EraseByOwn(StateWriter& writer, std::vector<std::vector<int64_t>> own) const {
  std::vector<int> places;
  arrow::ArrayVector ids;
  const auto count = static_cast<int64_t>(own[0].size());
  for (auto& numbers : own) {
    places.push_back(static_cast<int>(keys_ + places.size()));
    ids.push_back(NumberArray(table_.schema->field(places.back())->type(), std::move(numbers)));
  }
  return Erase(writer, places, std::move(ids), count);
}

Status SavedRows::Load(const StateReader& reader, KeyTable& keys, RowsPerKey rows_per_key,
                       const RowsLoader& load) const {
  std::vector<uint32_t> slots, inserted;
  return reader.ForEach(table_, [&](const std::shared_ptr<arrow::RecordBatch>& rows) -> Status {
    inserted.clear();
    MILL_RETURN(keys.FindOrInsert(*rows, key_places_, nullptr, slots, inserted));
    if (rows_per_key == RowsPerKey::kOne && std::ssize(inserted) != rows->num_rows()) {
      return ExternalError("state table '{}' holds a key more than once", table_.name);
    }
    return load(*rows, slots);
  });
}

std::span<const int64_t> SavedRows::Own(const arrow::RecordBatch& rows, size_t column) const {
  const auto& array = rows.column(static_cast<int>(keys_ + column));
  return {array->data()->GetValues<int64_t>(1), static_cast<size_t>(array->length())};
}

arrow::ArrayVector SavedRows::Aggregates(const arrow::RecordBatch& rows) const {
  const arrow::ArrayVector columns = rows.columns();
  return {columns.begin() + static_cast<long>(keys_ + own_), columns.end()};
}

Status WriteErased(StateWriter& writer, const StateTable& table, const std::vector<int>& places,
                   KeyChanges& changes) {
  // Without an id the rows of a delta take the place of all there was anyhow.
  if (changes.last_snapshots > 0 && !table.id_columns.empty()) {
    MILL_RETURN(writer.CountLast(table, changes.last_snapshots));
  }
  return EraseRows(writer, table, places, std::move(changes.erased), changes.erased_count);
}

arrow::FieldVector KeyFields(const arrow::Schema& output, size_t count, const std::string& doc) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < count; ++i) {
    const auto& field = output.field(static_cast<int>(i));
    fields.push_back(StateField(field->name(), field->type(), doc));
  }
  return fields;
}

std::vector<int> PlacesAmong(const std::vector<int>& keys, const std::vector<int>& columns) {
  std::vector<int> places;
  for (int column : columns) {
    const auto key = std::find(keys.begin(), keys.end(), column);
    MILL_CHECK(key != keys.end());
    places.push_back(static_cast<int>(key - keys.begin()));
  }
  return places;
}

arrow::FieldVector WholeFields(const arrow::FieldVector& fields) {
  arrow::FieldVector whole;
  for (const auto& field : fields) {
    whole.push_back(StateField(field->name(), field->type(), DocOf(*field)));
  }
  return whole;
}

Status InPortions(std::span<const uint32_t> slots,
                  const std::function<Status(std::span<const uint32_t>)>& write) {
  for (size_t begin = 0; begin < slots.size(); begin += kPortion) {
    MILL_RETURN(write(slots.subspan(begin, std::min(kPortion, slots.size() - begin))));
  }
  return Status::OK();
}

std::vector<OwnColumn> SavedNumbers::WithInstance(std::vector<OwnColumn> columns) {
  columns.insert(columns.begin(), {{"instance", "Which instance saved it."},
                                   {"parallelism", "How many instances there were."}});
  return columns;
}

Status SavedNumbers::Write(StateWriter& writer, const OperatorContext& context,
                           const std::vector<int64_t>& numbers) const {
  std::vector<std::vector<int64_t>> own = {{context.instance}, {context.parallelism}};
  for (int64_t number : numbers) own.push_back({number});
  return rows_.Write(writer, {}, std::move(own), {});
}

Result<std::vector<std::vector<int64_t>>> SavedNumbers::Read(const StateReader& reader) const {
  std::vector<std::vector<int64_t>> all;
  MILL_ASSIGN(auto batches, reader.Read(rows_.table()));
  for (const auto& rows : batches) {
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      std::vector<int64_t>& numbers = all.emplace_back();
      for (int c = 0; c < rows->num_columns(); ++c) {
        numbers.push_back(rows_.Own(*rows, static_cast<size_t>(c))[static_cast<size_t>(i)]);
      }
    }
  }
  return all;
}

}  // namespace millrace
