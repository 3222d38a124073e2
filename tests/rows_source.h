// A source of given rows for tests, row kinds included, and the connector option that declares them.
#pragma once

#include <memory>
#include <string>

#include "connectors/connector.h"

namespace millrace {

// Yields one batch; then waits while `*open`, then ends. `open` may be null: never waits.
class RowsSource : public Source {
 public:
  RowsSource(std::shared_ptr<arrow::RecordBatch> rows, RowKinds kinds, const bool* open)
      : rows_(std::move(rows)), kinds_(std::move(kinds)), open_(open) {}
  Status Open() override { return Status::OK(); }
  Result<Polled> Poll(std::chrono::milliseconds) override {
    Polled polled;
    if (!sent_ && rows_->num_rows() > 0) {
      polled.state = Polled::State::kData;
      polled.rows = rows_;
      polled.kinds = kinds_;
    } else {
      polled.state = open_ != nullptr && *open_ ? Polled::State::kNothing : Polled::State::kEnd;
    }
    sent_ = true;
    return polled;
  }
  Status Seek(const std::string&) override { return Status::OK(); }
  bool bounded() const override { return true; }
  std::string name() const override { return "test"; }

 private:
  std::shared_ptr<arrow::RecordBatch> rows_;
  RowKinds kinds_;
  const bool* open_;
  bool sent_ = false;
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
