// For the tests of operators: rows from numbers, an output that keeps what it gets and is full now
// and then, and small aggregates (SUM, COUNT, MAX of BIGINT) that depend on nothing else.
#pragma once

#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "operators/operator.h"

namespace millrace::testing {

// A row of the tests' inputs: columns k, k2 (BIGINT), ts (timestamp[ms]), v (BIGINT).
struct TestRow {
  int64_t key = 0;
  Timestamp time = 0;
  int64_t value = 0;
  RowKind kind = RowKind::kInsert;
  Timestamp watermark = kMinTimestamp;  // on arrival
  int64_t key2 = 0;
};

inline constexpr int kKey = 0, kKey2 = 1, kTime = 2, kValue = 3;

inline std::shared_ptr<arrow::DataType> TimeType() {
  return arrow::timestamp(arrow::TimeUnit::MILLI);
}

inline std::shared_ptr<arrow::Array> NumberColumn(std::vector<int64_t> values,
                                                  const std::shared_ptr<arrow::DataType>& type) {
  const auto count = static_cast<int64_t>(values.size());
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, count, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0));
}

// `watermarks`: with the arrival watermarks as a side column. Kinds are there if some row is no +I.
inline Batch MakeBatch(const std::vector<TestRow>& rows, bool watermarks) {
  std::vector<int64_t> keys, keys2, times, values;
  auto kinds = std::make_shared<std::vector<RowKind>>();
  auto arrivals = std::make_shared<std::vector<Timestamp>>();
  bool changelog = false;
  for (const TestRow& row : rows) {
    keys.push_back(row.key);
    keys2.push_back(row.key2);
    times.push_back(row.time);
    values.push_back(row.value);
    kinds->push_back(row.kind);
    arrivals->push_back(row.watermark);
    changelog = changelog || row.kind != RowKind::kInsert;
  }
  static const auto schema =
      arrow::schema({arrow::field("k", arrow::int64()), arrow::field("k2", arrow::int64()),
                     arrow::field("ts", TimeType()), arrow::field("v", arrow::int64())});
  Batch batch;
  batch.rows = arrow::RecordBatch::Make(
      schema, static_cast<int64_t>(rows.size()),
      {NumberColumn(keys, arrow::int64()), NumberColumn(keys2, arrow::int64()),
       NumberColumn(times, TimeType()), NumberColumn(values, arrow::int64())});
  if (changelog) batch.kinds = kinds;
  if (watermarks) batch.arrival_watermarks = arrivals;
  return batch;
}

// The values of all columns of a row; those of NULL are -999.
using Values = std::vector<int64_t>;

inline Values RowValues(const arrow::RecordBatch& rows, int64_t row) {
  Values values;
  for (const auto& column : rows.columns()) {
    const auto* numbers = column->data()->GetValues<int64_t>(1);
    values.push_back(column->IsNull(row) ? -999 : numbers[row]);
  }
  return values;
}

class TestOutput : public Output {
 public:
  explicit TestOutput(uint32_t seed = 0) : random_(seed), moody_(seed != 0) {
    EXPECT_TRUE(arrow::compute::Initialize().ok());
  }
  Status Emit(Batch batch) override {
    MILL_RETURN(batch.rows->ValidateFull());
    for (int64_t i = 0; i < batch.num_rows(); ++i) {
      rows.push_back(RowValues(*batch.rows, i));
      kinds.push_back(batch.kind(i));
    }
    return Status::OK();
  }
  // Full at random, if there is a seed.
  bool Full() const override { return moody_ && random_() % 3 == 0; }

  std::vector<Values> rows;
  std::vector<RowKind> kinds;

 private:
  mutable std::mt19937 random_;
  bool moody_;
};

// Goes on until the operator has said all.
inline void Finish(Operator& op, Result<Progress> progress, TestOutput& out) {
  ASSERT_TRUE(progress.ok()) << progress.status();
  while (*progress == Progress::kMore) {
    progress = op.OnMore(out);
    ASSERT_TRUE(progress.ok()) << progress.status();
  }
}

// SUM (with COUNT: of ones), NULL or 0 over no rows.
class TestSum : public Accumulators {
 public:
  explicit TestSum(bool count) : count_(count) {}
  void Resize(size_t slots) override {
    sums_.resize(slots);
    rows_.resize(slots);
  }
  void Reset(uint32_t slot) override { sums_[slot] = rows_[slot] = 0; }
  Status Update(std::span<const uint32_t> slots, const arrow::ArrayVector& args,
                const RowKind* kinds) override {
    const int64_t* values = count_ ? nullptr : args[0]->data()->GetValues<int64_t>(1);
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] == kNoSlot) continue;
      const int64_t sign = kinds == nullptr || Adds(kinds[i]) ? 1 : -1;
      sums_[slots[i]] += sign * (values != nullptr ? values[i] : 1);
      rows_[slots[i]] += sign;
    }
    return Status::OK();
  }
  void Merge(uint32_t into, uint32_t from) override {
    sums_[into] += sums_[from];
    rows_[into] += rows_[from];
  }
  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    arrow::Int64Builder builder;
    for (uint32_t slot : slots) {
      const bool null = !count_ && rows_[slot] == 0;
      MILL_RETURN(null ? builder.AppendNull() : builder.Append(sums_[slot]));
    }
    return builder.Finish();
  }
  arrow::FieldVector StateFields() const override {
    return {StateField("sum", arrow::int64(), ""), StateField("rows", arrow::int64(), "")};
  }
  Status Save(std::span<const uint32_t> slots, arrow::ArrayVector& columns) override {
    std::vector<int64_t> sums, rows;
    for (uint32_t slot : slots) {
      sums.push_back(sums_[slot]);
      rows.push_back(rows_[slot]);
    }
    columns.push_back(NumberColumn(sums, arrow::int64()));
    columns.push_back(NumberColumn(rows, arrow::int64()));
    return Status::OK();
  }
  Status Load(std::span<const uint32_t> slots,
              std::span<const std::shared_ptr<arrow::Array>> columns) override {
    for (size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(rows_[slots[i]], 0);
      sums_[slots[i]] = columns[0]->data()->GetValues<int64_t>(1)[i];
      rows_[slots[i]] = columns[1]->data()->GetValues<int64_t>(1)[i];
    }
    return Status::OK();
  }

 private:
  bool count_;
  std::vector<int64_t> sums_, rows_;
};

// MAX without retraction; NULL over no rows.
class TestMax : public Accumulators {
 public:
  void Resize(size_t slots) override { values_.resize(slots, kNone); }
  void Reset(uint32_t slot) override { values_[slot] = kNone; }
  Status Update(std::span<const uint32_t> slots, const arrow::ArrayVector& args,
                const RowKind*) override {
    const auto* values = args[0]->data()->GetValues<int64_t>(1);
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] != kNoSlot) values_[slots[i]] = std::max(values_[slots[i]], values[i]);
    }
    return Status::OK();
  }
  void Merge(uint32_t into, uint32_t from) override {
    values_[into] = std::max(values_[into], values_[from]);
  }
  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    arrow::Int64Builder builder;
    for (uint32_t slot : slots) {
      MILL_RETURN(values_[slot] == kNone ? builder.AppendNull() : builder.Append(values_[slot]));
    }
    return builder.Finish();
  }
  arrow::FieldVector StateFields() const override {
    return {StateField("max", arrow::int64(), "")};
  }
  Status Save(std::span<const uint32_t> slots, arrow::ArrayVector& columns) override {
    std::vector<int64_t> values;
    for (uint32_t slot : slots) values.push_back(values_[slot]);
    columns.push_back(NumberColumn(values, arrow::int64()));
    return Status::OK();
  }
  Status Load(std::span<const uint32_t> slots,
              std::span<const std::shared_ptr<arrow::Array>> columns) override {
    for (size_t i = 0; i < slots.size(); ++i) {
      EXPECT_EQ(values_[slots[i]], kNone);
      values_[slots[i]] = columns[0]->data()->GetValues<int64_t>(1)[i];
    }
    return Status::OK();
  }

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  std::vector<int64_t> values_;
};

inline AggregateCall TestCall(const AggregateFunction& function, std::vector<int> args) {
  AggregateCall call;
  call.function = &function;
  call.args = std::move(args);
  call.bound = {std::vector<SqlType>(call.args.size(), SqlType::BigInt()), SqlType::BigInt()};
  call.name = function.name;
  return call;
}

inline AggregateCall SumCall(int column) {
  static const AggregateFunction kFunction = {
      "SUM", "", "", nullptr, [](const auto&, bool) -> std::unique_ptr<Accumulators> {
        return std::make_unique<TestSum>(false);
      }};
  return TestCall(kFunction, {column});
}

inline AggregateCall CountCall() {
  static const AggregateFunction kFunction = {
      "COUNT", "", "", nullptr, [](const auto&, bool) -> std::unique_ptr<Accumulators> {
        return std::make_unique<TestSum>(true);
      }};
  return TestCall(kFunction, {});
}

inline AggregateCall MaxCall(int column) {
  static const AggregateFunction kFunction = {
      "MAX", "", "", nullptr, [](const auto&, bool) -> std::unique_ptr<Accumulators> {
        return std::make_unique<TestMax>();
      }};
  return TestCall(kFunction, {column});
}

// BIGINT columns of these names; for windowed results with the window's three columns.
inline std::shared_ptr<arrow::Schema> ResultSchema(const std::vector<std::string>& names,
                                                   bool windowed) {
  arrow::FieldVector fields;
  for (const std::string& name : names) fields.push_back(arrow::field(name, arrow::int64()));
  if (windowed) {
    for (const char* name : {"window_start", "window_end", "window_time"}) {
      fields.push_back(arrow::field(name, TimeType()));
    }
  }
  return arrow::schema(fields);
}

}  // namespace millrace::testing
