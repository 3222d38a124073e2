// A source of given rows for tests, row kinds included, and the connector option that declares them.
#pragma once

#include <memory>
#include <string>

#include "connectors/connector.h"

namespace millrace {

struct Portion {
  std::shared_ptr<arrow::RecordBatch> rows;
  RowKinds kinds;
};

// Yields its portions, number i not before `*phase` is i; then waits while `*open`, then ends. Both may
// be null: never waits.
class RowsSource : public Source {
 public:
  RowsSource(std::string split, bool bounded, std::vector<Portion> portions, const int* phase,
             const bool* open)
      : split_(std::move(split)),
        bounded_(bounded),
        portions_(std::move(portions)),
        phase_(phase),
        open_(open) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    Polled polled;
    while (next_ < portions_.size() && portions_[next_].rows->num_rows() == 0) ++next_;
    if (next_ == portions_.size()) {
      polled.state = open_ != nullptr && *open_ ? Polled::State::kNothing : Polled::State::kEnd;
    } else if (phase_ == nullptr || static_cast<int>(next_) <= *phase_) {
      polled.state = Polled::State::kData;
      polled.rows = portions_[next_].rows;
      polled.kinds = portions_[next_++].kinds;
    }
    return polled;
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return bounded_; }
  std::string name() const override { return split_; }

 private:
  std::string split_;
  bool bounded_;
  std::vector<Portion> portions_;
  const int* phase_;
  const bool* open_;
  size_t next_ = 0;
};

// "+I" etc.; false if `text` is no kind.
inline bool ReadRowKind(const std::string& text, RowKind* kind) {
  for (RowKind each : {RowKind::kInsert, RowKind::kUpdateBefore, RowKind::kUpdateAfter,
                       RowKind::kDelete}) {
    if (text != RowKindName(each)) continue;
    *kind = each;
    return true;
  }
  return false;
}

// 'changelog-mode' = 'I,UA,UB,D', as Flink's test tables have it.
inline ChangelogMode DeclaredChangelog(const TableInfo& table) {
  const std::string mode = StringOption(table.options, "changelog-mode", "I");
  if (mode == "I") return ChangelogMode::kInsertOnly;
  return mode.find("UB") != std::string::npos ? ChangelogMode::kRetract : ChangelogMode::kUpsert;
}

}  // namespace millrace
