// One of the ways in which SQL tests run: the statement's job is killed at a random point of its
// checkpoints, and restored with another number of workers from what it left on disk. The rows must be
// those of an undisturbed run.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/engine.h"

namespace millrace {

// Yields another source's rows one by one; a position is how many there were.
class OneByOne final : public Source {
 public:
  OneByOne(std::unique_ptr<Source> from, Timestamp* now) : from_(std::move(from)), now_(now) {}
  Status Open() override { return from_->Open(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    *now_ += 10;
    if (!rows_ || at_ == rows_->num_rows()) {
      MILL_ASSIGN(Polled polled, from_->Poll(std::chrono::milliseconds{0}));
      rows_ = polled.rows;
      kinds_ = polled.kinds;
      at_ = 0;
      if (!rows_ || rows_->num_rows() == 0) return polled;
    }
    Polled polled;
    polled.state = Polled::State::kData;
    polled.rows = rows_->Slice(at_, 1);
    if (kinds_) {
      polled.kinds = std::make_shared<std::vector<RowKind>>(1, (*kinds_)[static_cast<size_t>(at_)]);
    }
    ++at_;
    polled.position = std::to_string(++count_);
    return polled;
  }
  Status Seek(const std::string& position) override {
    const int64_t wanted = std::stoll(position);
    while (count_ < wanted) {
      MILL_ASSIGN(const Polled skipped, Poll(std::chrono::milliseconds{0}));
      if (!skipped.rows) return Status::Invalid("there is no row ", position);
    }
    return Status::OK();
  }
  bool bounded() const override { return from_->bounded(); }
  std::string name() const override { return from_->name(); }

 private:
  std::unique_ptr<Source> from_;
  Timestamp* now_;
  std::shared_ptr<arrow::RecordBatch> rows_;
  RowKinds kinds_;
  int64_t at_ = 0, count_ = 0;
};

// Lets each epoch's rows through once.
class EpochsOnce final : public ResultSink {
 public:
  explicit EpochsOnce(ResultSink* to) : to_(to) {}
  Status Begin(const Schema& schema, bool updating) override { return to_->Begin(schema, updating); }
  Status Rows(const Batch& batch) override { return to_->Rows(batch); }
  bool BeginEpoch(int64_t epoch) override { return seen_.insert(epoch).second; }

 private:
  ResultSink* to_;
  std::set<int64_t> seen_;
};

class KilledWay {
 public:
  // `before`: the statements that `sql` builds upon; their jobs are not run. `seed` says when it is
  // killed.
  // `settings`: session options of the first run and of what is restored.
  KilledWay(std::vector<std::string> before, std::string sql, Connector connector, uint64_t seed,
            Options settings = {}, Options restored = {})
      : before_(std::move(before)),
        sql_(std::move(sql)),
        settings_(std::move(settings)),
        restored_(std::move(restored)),
        random_(seed) {
    // In memory where there is such a folder: each of the many checkpoints is synced.
    const std::filesystem::path memory = "/dev/shm";
    const auto root = access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    folder_ = (root / ("millrace_killed_" + std::to_string(getpid()))).string();
    const auto make = connector.make_source;
    connector.make_source = [this, make](const TableInfo& table, const Schema& columns)
        -> Result<std::vector<std::unique_ptr<Source>>> {
      MILL_ASSIGN(auto sources, make(table, columns));
      for (auto& source : sources) source = std::make_unique<OneByOne>(std::move(source), &now_);
      return sources;
    };
    connector_ = std::move(connector);
  }
  ~KilledWay() { std::filesystem::remove_all(folder_); }

  // Kills the job the n-th time that it passes a point where that matters; false if it has ended
  // before. The rows go to `rows`, each once.
  Result<bool> Run(int64_t n, ResultSink* rows) {
    std::filesystem::remove_all(folder_);
    EpochsOnce once(rows);
    calls_left_ = n;
    const Status first = RunOnce(&once, 2, "");
    if (!crashed_) MILL_RETURN(first);
    if (!crashed_) return false;
    crashed_ = false;
    MILL_RETURN(RunOnce(&once, random_.Chance(0.5) ? 3 : 1, "latest"));
    return true;
  }
  // The lines of the table of late rows.
  std::vector<std::string> LateLines() const {
    std::vector<std::string> lines;
    std::ifstream file(folder_ + "/late.json");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

 private:
  Status RunOnce(ResultSink* rows, int workers, const std::string& restore) {
    EngineOptions options;
    options.workers = workers;
    options.job_folder = folder_;
    options.restore.from = restore;
    options.checkpoint_queries = true;
    options.clock = [this] { return now_; };
    options.crash_point = [this](const char* point) {
      if (--calls_left_ != 0) return Status::OK();
      crashed_ = true;
      return Status::IOError("killed ", point);
    };
    options.extra_connectors.push_back(connector_);
    MILL_ASSIGN(const auto engine, Engine::Make(std::move(options)));
    MILL_RETURN(engine->SetOption("millrace.batch-rows", "1"));
    MILL_RETURN(engine->SetOption("execution.checkpointing.interval", "15ms"));
    for (const auto& [name, value] : restore.empty() ? settings_ : restored_) {
      MILL_RETURN(engine->SetOption(name, value));
    }
    for (const std::string& statement : before_) {
      const Status ignored =
          engine->Execute(statement, rows, [](StatementResult) { return Status::OK(); });
    }
    return engine->Execute(sql_, rows, [&](StatementResult result) -> Status {
      if (!result.job) return Status::OK();
      for (int look = 0; look < 1000; ++look) {
        MILL_ASSIGN(const bool ended, result.job->Step(random_.Next()));
        if (ended) return result.job->Wait();
        now_ += 10;
      }
      return Status::Invalid("the job did not end with its input");
    });
  }

  std::vector<std::string> before_;
  std::string sql_, folder_;
  Options settings_, restored_;
  Connector connector_;
  Random random_;
  Timestamp now_ = 1'700'000'000'000;
  int64_t calls_left_ = 0;
  bool crashed_ = false;
};

}  // namespace millrace
