// Parts for tests of the runtime: sources, operators and sinks in memory, and graphs made of them.
// All rows have two columns: id BIGINT and ts TIMESTAMP(3).
#pragma once

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/job.h"

namespace millrace {

inline std::shared_ptr<arrow::Schema> TestSchema() {
  return arrow::schema({arrow::field("id", arrow::int64()),
                        arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MILLI))});
}

using TestRow = std::pair<int64_t, std::optional<Timestamp>>;

inline std::shared_ptr<arrow::RecordBatch> TestRows(const std::vector<TestRow>& rows) {
  arrow::Int64Builder ids;
  arrow::TimestampBuilder times(arrow::timestamp(arrow::TimeUnit::MILLI),
                                arrow::default_memory_pool());
  for (const auto& [id, time] : rows) {
    EXPECT_TRUE(ids.Append(id).ok());
    EXPECT_TRUE((time ? times.Append(*time) : times.AppendNull()).ok());
  }
  return arrow::RecordBatch::Make(TestSchema(), std::ssize(rows),
                                  {ids.Finish().ValueOrDie(), times.Finish().ValueOrDie()});
}

// Rows with id and ts running over [from, to).
inline std::shared_ptr<arrow::RecordBatch> TestRange(int64_t from, int64_t to) {
  std::vector<TestRow> rows;
  for (int64_t i = from; i < to; ++i) rows.emplace_back(i, i);
  return TestRows(rows);
}

inline std::vector<int64_t> Ids(const arrow::RecordBatch& rows) {
  const auto& column = static_cast<const arrow::Int64Array&>(*rows.column(0));
  return {column.raw_values(), column.raw_values() + column.length()};
}

// Yields the batches given, then ends; an unbounded one stays silent instead, or repeats the last.
class ListSource final : public Source {
 public:
  enum class After { kEnd, kSilence, kRepeat };
  ListSource(std::vector<std::shared_ptr<arrow::RecordBatch>> batches, After after)
      : batches_(std::move(batches)), after_(after) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds wait) override {
    Polled polled;
    if (next_ < batches_.size()) {
      polled.state = Polled::State::kData;
      polled.rows = batches_[next_++];
      if (after_ == After::kRepeat && next_ == batches_.size()) --next_;
    } else if (after_ == After::kEnd) {
      polled.state = Polled::State::kEnd;
    } else {
      std::this_thread::sleep_for(std::min(wait, std::chrono::milliseconds{2}));
    }
    return polled;
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return after_ == After::kEnd; }
  std::string name() const override { return "list"; }
  // More to yield; only for stepped jobs.
  void Append(std::shared_ptr<arrow::RecordBatch> rows) { batches_.push_back(std::move(rows)); }

 private:
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  After after_;
  size_t next_ = 0;
};

// What the parts of a job under test have seen. Thread safe.
class TestLog {
 public:
  void Add(std::string line) {
    std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

// Shows rows once they are published.
struct TestTable {
  std::mutex mutex;
  std::vector<int64_t> ids;
  std::vector<int64_t> epochs;
  std::vector<Batch> batches;
  int aborted = 0;
  std::vector<int64_t> Sorted() {
    std::lock_guard lock(mutex);
    std::vector<int64_t> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
};

class TableSink final : public Sink {
 public:
  explicit TableSink(TestTable* table) : table_(table) {}
  Status Open() override { return Status::OK(); }
  Status Write(const Batch& batch) override {
    for (int64_t id : Ids(*batch.rows)) written_.push_back(id);
    std::lock_guard lock(table_->mutex);
    table_->batches.push_back(batch);
    return Status::OK();
  }
  Result<Committable> Stage(int64_t epoch) override {
    staged_[epoch] = std::move(written_);
    written_.clear();
    return Committable{epoch, ""};
  }
  Status Publish(const Committable& committable) override {
    std::lock_guard lock(table_->mutex);
    const std::vector<int64_t>& ids = staged_[committable.epoch];
    table_->ids.insert(table_->ids.end(), ids.begin(), ids.end());
    table_->epochs.push_back(committable.epoch);
    return Status::OK();
  }
  Status Abort() override {
    std::lock_guard lock(table_->mutex);
    ++table_->aborted;
    return Status::OK();
  }
  bool takes_changelog() const override { return true; }

 private:
  TestTable* table_;
  std::vector<int64_t> written_;
  std::map<int64_t, std::vector<int64_t>> staged_;
};

inline std::string TimeText(Timestamp time) {
  return time == kMaxTimestamp ? "max" : std::to_string(time);
}

// Passes rows on and logs, under its name, all it is told.
class LogOperator final : public Operator {
 public:
  LogOperator(std::string name, TestLog* log) : name_(std::move(name)), log_(log) {}
  Result<Progress> OnBatch(int input, const Batch& rows, Output& out) override {
    std::string line = "rows " + std::to_string(input) + ":";
    for (int64_t id : Ids(*rows.rows)) line += " " + std::to_string(id);
    Log(line);
    MILL_RETURN(out.Emit(rows));
    return Progress::kDone;
  }
  Result<Progress> OnWatermark(TimeDomain domain, Timestamp time, Output&) override {
    Log((domain == TimeDomain::kEvent ? "watermark " : "time ") + TimeText(time));
    return Progress::kDone;
  }
  Status OnBarrier(int64_t epoch, Output&) override {
    Log("barrier " + std::to_string(epoch));
    return Status::OK();
  }
  Result<Progress> OnEnd(Output&) override {
    Log("end");
    return Progress::kDone;
  }
  std::string Describe() const override { return name_; }

 private:
  void Log(const std::string& line) {
    log_->Add(name_ + std::to_string(context_.instance) + " " + line);
  }
  std::string name_;
  TestLog* log_;
};

// Emits each row `times` times, a row at a time, and stops where the output is full.
class RepeatOperator final : public Operator {
 public:
  explicit RepeatOperator(int times) : times_(times) {}
  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    EXPECT_EQ(next_, end_) << "a message came before OnMore was done";
    rows_ = rows;
    next_ = 0;
    end_ = rows.num_rows() * times_;
    return OnMore(out);
  }
  Result<Progress> OnMore(Output& out) override {
    for (; next_ < end_; ++next_) {
      if (out.Full()) return Progress::kMore;
      MILL_RETURN(out.Emit(rows_.Slice(next_ / times_, 1)));
    }
    return Progress::kDone;
  }
  std::string Describe() const override { return "repeat"; }

 private:
  int times_;
  Batch rows_;
  int64_t next_ = 0, end_ = 0;
};

inline OperatorMaker Logging(std::string name, TestLog* log) {
  return [=](int) -> Result<std::unique_ptr<Operator>> {
    return std::make_unique<LogOperator>(name, log);
  };
}
inline OperatorMaker Repeating(int times) {
  return [=](int) -> Result<std::unique_ptr<Operator>> {
    return std::make_unique<RepeatOperator>(times);
  };
}

// A source node with one lane per list of batches; ts is both event time and watermark.
inline Node TestSource(std::vector<std::vector<std::shared_ptr<arrow::RecordBatch>>> lanes,
                       ListSource::After after = ListSource::After::kEnd) {
  Node node;
  node.name = "source";
  for (auto& batches : lanes) {
    node.lanes.push_back({std::make_unique<ListSource>(std::move(batches), after), nullptr});
  }
  node.ingestion = std::make_unique<Ingestion>();
  node.ingestion->table = "t";
  node.ingestion->schema = TestSchema();
  node.ingestion->rowtime = 1;
  node.ingestion->watermark = MakeColumn(1, "ts", SqlType::Timestamp(3));
  node.ingestion->future_cap = std::chrono::milliseconds{0};
  return node;
}

inline Node TestNode(std::string name, int parallelism, std::vector<Edge> inputs,
                     std::vector<OperatorMaker> chain = {}) {
  Node node;
  node.name = std::move(name);
  node.parallelism = parallelism;
  node.inputs = std::move(inputs);
  node.chain = std::move(chain);
  return node;
}

inline Node TestSink(TestTable* table, std::vector<Edge> inputs) {
  Node node = TestNode("sink", 1, std::move(inputs));
  node.sink = std::make_unique<TableSink>(table);
  node.sink_table = "out";
  return node;
}

template <typename... Nodes>
Graph TestGraph(Nodes... nodes) {
  Graph graph;
  (graph.nodes.push_back(std::move(nodes)), ...);
  return graph;
}

inline Edge Forward(int from) { return {from, 0, Partitioning::kForward, {}}; }
inline Edge Gather(int from) { return {from, 0, Partitioning::kGather, {}}; }
inline Edge HashById(int from) { return {from, 0, Partitioning::kHash, {0}}; }

}  // namespace millrace
