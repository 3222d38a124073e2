#include "engine/memory_connectors.h"

#include "connectors/gathering_sink.h"
#include "connectors/staged_rows.h"

namespace millrace {
namespace {

class ValuesSource : public Source {
 public:
  explicit ValuesSource(std::shared_ptr<arrow::RecordBatch> rows) : rows_(std::move(rows)) {}

  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    Polled polled;
    polled.state = done_ ? Polled::State::kEnd : Polled::State::kData;
    if (!done_) polled.rows = rows_;
    done_ = true;
    polled.position = "done";
    return polled;
  }
  Status Seek(const std::string& position) override {
    done_ = position == "done";
    return Status::OK();
  }
  bool bounded() const override { return true; }
  std::string name() const override { return "values"; }

 private:
  std::shared_ptr<arrow::RecordBatch> rows_;
  bool done_ = false;
};

class ResultWriter : public Sink {
 public:
  ResultWriter(Schema schema, bool updating, ResultSink* results)
      : schema_(std::move(schema)), updating_(updating), results_(results) {}

  Status Open() override { return results_ ? results_->Begin(schema_, updating_) : Status::OK(); }
  Status Write(const Batch& batch) override {
    return results_ ? results_->Rows(batch) : Status::OK();
  }
  Result<Committable> Stage(int64_t epoch) override { return Committable{epoch, ""}; }
  Status Publish(const Committable&) override { return Status::OK(); }
  Status Abort() override { return Status::OK(); }
  bool takes_changelog() const override { return true; }

 private:
  Schema schema_;
  bool updating_;
  ResultSink* results_;
};

// Hands rows to `results` once their epoch is committed.
class CommittedResultWriter : public Sink {
 public:
  CommittedResultWriter(Schema schema, bool updating, ResultSink* results)
      : schema_(std::move(schema)), updating_(updating), results_(results) {}

  Status Open() override { return results_->Begin(schema_, updating_); }
  Status Write(const Batch& batch) override {
    if (batch.num_rows() > 0) written_.push_back(batch);
    return Status::OK();
  }
  Result<Committable> Stage(int64_t epoch) override {
    Committable staged{epoch, ""};
    if (written_.empty()) return staged;
    MILL_ASSIGN(staged.payload, RowsToBytes(written_));
    written_.clear();
    return staged;
  }
  // Who receives the rows knows which epochs it has.
  Status Publish(const Committable& staged) override {
    if (staged.payload.empty() || !results_->BeginEpoch(staged.epoch)) return Status::OK();
    MILL_ASSIGN(const auto batches, RowsFromBytes(staged.payload, schema_.size()));
    for (const Batch& batch : batches) MILL_RETURN(results_->Rows(batch));
    return Status::OK();
  }
  Status Abort() override {
    written_.clear();
    return Status::OK();
  }
  bool takes_changelog() const override { return true; }

 private:
  Schema schema_;
  bool updating_;
  ResultSink* results_;
  std::vector<Batch> written_;
};

class Tap : public Sink, public GatheringSink {
 public:
  Tap(std::unique_ptr<Sink> sink, std::string table,
      std::function<void(const std::string&, const Batch&)> tell)
      : sink_(std::move(sink)), table_(std::move(table)), tell_(std::move(tell)) {}

  Status Open() override { return sink_->Open(); }
  Status Write(const Batch& batch) override {
    tell_(table_, batch);
    return sink_->Write(batch);
  }
  Result<Committable> Stage(int64_t epoch) override { return sink_->Stage(epoch); }
  Result<Committable> StageAll(int64_t epoch) override {
    return StageSink(sink_.get(), epoch, true);
  }
  void OnWatermark(Timestamp time) override {
    if (auto* gathering = dynamic_cast<GatheringSink*>(sink_.get())) gathering->OnWatermark(time);
  }
  Status Publish(const Committable& committable) override { return sink_->Publish(committable); }
  Status Recover(const std::vector<Committable>& pending) override {
    return sink_->Recover(pending);
  }
  Status Abort() override { return sink_->Abort(); }
  bool takes_changelog() const override { return sink_->takes_changelog(); }
  SinkTroubles troubles() const override { return sink_->troubles(); }

 private:
  std::unique_ptr<Sink> sink_;
  std::string table_;
  std::function<void(const std::string&, const Batch&)> tell_;
};

}  // namespace

std::unique_ptr<Sink> MakeTap(std::unique_ptr<Sink> sink, std::string table,
                              std::function<void(const std::string&, const Batch&)> tell) {
  return std::make_unique<Tap>(std::move(sink), std::move(table), std::move(tell));
}

std::unique_ptr<Source> MakeValuesSource(std::shared_ptr<arrow::RecordBatch> rows) {
  return std::make_unique<ValuesSource>(std::move(rows));
}

std::unique_ptr<Sink> MakeCommittedResultWriter(Schema schema, bool updating, ResultSink* results) {
  return std::make_unique<CommittedResultWriter>(std::move(schema), updating, results);
}

std::unique_ptr<Sink> MakeResultWriter(Schema schema, bool updating, ResultSink* results) {
  return std::make_unique<ResultWriter>(std::move(schema), updating, results);
}

}  // namespace millrace
