// The datagen connector: any table's columns filled with random or sequential values, as in Flink.
// Times are the wall clock's and differ when rows are replayed; all others are repeated exactly.

#include <algorithm>
#include <charconv>
#include <chrono>

#include "connectors/generators/datagen_fields.h"
#include "connectors/generators/generator_source.h"
#include "connectors/generators/generators.h"

namespace millrace {
namespace {

constexpr int64_t kUnbounded = -1;
constexpr int64_t kMaxBatchBytes = int64_t{64} << 20;

class DatagenGenerator : public Generator {
 public:
  DatagenGenerator(std::vector<DatagenField> fields, std::shared_ptr<arrow::Schema> schema,
                   int64_t total)
      : fields_(std::move(fields)), schema_(std::move(schema)), total_(total) {
    int64_t row_bytes = 1;
    for (const DatagenField& field : fields_) row_bytes += field.bytes_per_row;
    max_rows_ = std::max<int64_t>(1, kMaxBatchBytes / row_bytes);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t limit, Timestamp) override {
    using std::chrono::milliseconds;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const Timestamp clock = std::chrono::duration_cast<milliseconds>(now).count();
    int64_t rows = std::min(limit, max_rows_);
    if (bounded()) rows = std::min(rows, total_ - next_);
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const DatagenField& field : fields_) {
      MILL_ASSIGN(auto array, field.make(next_, rows, clock));
      arrays.push_back(std::move(array));
    }
    next_ += rows;
    return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
  }
  std::string position() const override { return std::to_string(next_); }
  Status Seek(const std::string& position) override {
    const char* end = position.data() + position.size();
    const auto parsed = std::from_chars(position.data(), end, next_);
    if (parsed.ptr == end && next_ >= 0) return Status::OK();
    return UserError("cannot seek datagen to position \"{}\"", position);
  }
  bool done() const override { return bounded() && next_ >= total_; }
  bool bounded() const override { return total_ != kUnbounded; }
  int64_t total_rows() const override { return std::max<int64_t>(total_, 0); }

 private:
  std::vector<DatagenField> fields_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t total_;
  int64_t max_rows_;
  int64_t next_ = 0;
};

// The shortest sequence of any column ends the table, also one that the query does not read.
Result<int64_t> TotalRows(const TableInfo& table, uint64_t seed) {
  constexpr int64_t kMax = int64_t{1} << 62;
  int64_t total = kUnbounded;
  if (table.options.contains("number-of-rows")) {
    MILL_ASSIGN(total, RangedOption(table.options, "number-of-rows", 0, 0, kMax));
  }
  for (const Column& column : table.schema.columns) {
    MILL_ASSIGN(const DatagenField field,
                MakeDatagenField(column.name, column.type, table.options, seed, 0));
    if (field.length < 0) continue;
    total = total == kUnbounded ? field.length : std::min(total, field.length);
  }
  return total;
}

Result<std::vector<std::unique_ptr<Source>>> MakeDatagen(const TableInfo& table,
                                                         const Schema& columns) {
  constexpr int64_t kMaxRate = 1000000000;
  MILL_RETURN(CheckDatagenFields(table.options, table.schema));
  MILL_ASSIGN(const int64_t seed_option, IntOption(table.options, "seed", 0));
  const auto seed = static_cast<uint64_t>(seed_option);
  MILL_ASSIGN(const int64_t total, TotalRows(table, seed));
  Pace pace;
  MILL_ASSIGN(pace.rows_per_second,
              RangedOption(table.options, "rows-per-second", 10000, 0, kMaxRate));
  std::vector<DatagenField> fields;
  for (const Column& column : columns.columns) {
    const auto stream = static_cast<uint64_t>(table.schema.Find(column.name)) + 1;
    MILL_ASSIGN(DatagenField field,
                MakeDatagenField(column.name, column.type, table.options, seed, stream));
    fields.push_back(std::move(field));
  }
  auto generator = std::make_unique<DatagenGenerator>(std::move(fields), columns.ToArrow(), total);
  std::vector<std::unique_ptr<Source>> lanes;
  lanes.push_back(std::make_unique<GeneratorSource>("datagen", std::move(generator), pace));
  return lanes;
}

}  // namespace

Connector DatagenConnector() {
  Connector connector;
  connector.name = "datagen";
  connector.doc = "Random or sequential values for any table. Settings of a column are named "
                  "fields.<column>.<setting>: kind, min, max, max-past, length, var-len, "
                  "null-rate, start, end.";
  connector.options = {
      {"rows-per-second", "BIGINT", "10000", "Rows per second; 0: as fast as they are taken."},
      {"number-of-rows", "BIGINT", "", "Rows in all; without it the table has no end, unless a "
                                       "column is a sequence."},
      {"seed", "BIGINT", "0", "The same seed gives the same rows."},
      {"fields.*", "STRING", "", "A setting of one column: fields.<column>.<setting>."},
  };
  connector.make_source = MakeDatagen;
  return connector;
}

}  // namespace millrace
