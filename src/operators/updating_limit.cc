// State: the rows as bytes, in the order of arrival, cut in three:
//
//   skipped_ rows | inside_ rows, from first_: those that show | the others, from after_
#include "operators/updating_limit.h"

#include <arrow/array.h>

#include <deque>
#include <map>
#include <numeric>
#include <unordered_map>

#include "operators/aggregate_set.h"
#include "operators/row_changes.h"

namespace millrace {
namespace {

class UpdatingLimit : public Operator {
 public:
  explicit UpdatingLimit(UpdatingLimitSpec spec) : spec_(std::move(spec)) {
    columns_.resize(static_cast<size_t>(spec_.output->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
  }

  Status Open(const OperatorContext& context) override {
    MILL_RETURN(Operator::Open(context));
    MILL_ASSIGN(KeyCodec codec,
                KeyCodec::Make(LeadingTypes(*spec_.output, columns_.size()), false));
    codec_ = std::make_unique<KeyCodec>(std::move(codec));
    return Status::OK();
  }

  Result<Progress> OnBatch(int, const Batch& rows, Output& out) override {
    RowChanges changes;
    MILL_RETURN(Apply(rows, changes));
    MILL_RETURN(changes.Emit(*codec_, spec_.output, rows, out));
    return Progress::kDone;
  }

  Status Save(StateWriter& writer) override {
    std::vector<const uint8_t*> rows;
    rows.reserve(rows_.size());
    for (const auto& [number, row] : rows_) {
      rows.push_back(reinterpret_cast<const uint8_t*>(row->data()));
    }
    const auto count = static_cast<int64_t>(rows.size());
    MILL_ASSIGN(arrow::ArrayVector columns, codec_->Decode(std::move(rows)));
    return writer.Write(Table(), arrow::RecordBatch::Make(spec_.output, count, std::move(columns)));
  }

  Status Load(const StateReader& reader) override {
    MILL_ASSIGN(arrow::RecordBatchVector saved, reader.Read(Table()));
    for (auto& rows : saved) {
      RowChanges known;
      MILL_RETURN(Apply(Batch{std::move(rows), nullptr, nullptr, 0}, known));
    }
    return Status::OK();
  }

  std::string Describe() const override {
    const std::string offset = spec_.offset > 0 ? fmt::format(", offset={}", spec_.offset) : "";
    return fmt::format("UpdatingLimit({}{})", spec_.limit, offset);
  }
  std::vector<StateBound> States() const override {
    return {{Table().name, Table().doc, ""}};
  }

 private:
  using Rows = std::map<uint64_t, const std::string*>;  // by number of arrival

  StateTable Table() const {
    StateTable table;
    table.name = "rows";
    table.doc = "all rows, in the order of arrival";
    table.schema = spec_.output;
    return table;
  }

  Status Apply(const Batch& rows, RowChanges& changes) {
    if (spec_.limit == 0) return Status::OK();
    MILL_RETURN(codec_->Encode(*rows.rows, columns_, nullptr, encoded_));
    for (size_t i = 0; i < static_cast<size_t>(rows.num_rows()); ++i) {
      std::string row(reinterpret_cast<const char*>(encoded_.data(i)), encoded_.size(i));
      if (Adds(rows.kind(static_cast<int64_t>(i)))) {
        Put(std::move(row), i, changes);
      } else {
        TakeBack(row, i, changes);
      }
    }
    return Status::OK();
  }

  bool HasRoom() const { return spec_.limit < 0 || inside_ < spec_.limit; }

  void Put(std::string row, size_t from, RowChanges& changes) {
    const auto held = numbers_.try_emplace(std::move(row)).first;
    held->second.push_back(next_);
    const auto added = rows_.emplace_hint(rows_.end(), next_++, &held->first);
    if (skipped_ < spec_.offset) {
      ++skipped_;
    } else if (HasRoom()) {
      if (inside_++ == 0) first_ = added;
      changes.Add(RowKind::kInsert, *added->second, from);
    } else if (after_ == rows_.end()) {
      after_ = added;
    }
  }

  // Of equal rows the one that came first is taken.
  void TakeBack(const std::string& row, size_t from, RowChanges& changes) {
    const auto held = numbers_.find(row);
    if (held == numbers_.end()) return;
    const auto taken = rows_.find(held->second.front());
    if (after_ != rows_.end() && taken->first >= after_->first) {
      if (taken == after_) ++after_;
    } else if (inside_ > 0 && taken->first >= first_->first) {
      changes.Add(RowKind::kDelete, row, from);
      if (taken == first_) ++first_;
      --inside_;
    } else if (inside_ > 0) {  // one that shows is skipped in its place
      changes.Add(RowKind::kDelete, *first_->second, from);
      ++first_;
      --inside_;
    } else {
      --skipped_;
    }
    rows_.erase(taken);
    held->second.pop_front();
    if (held->second.empty()) numbers_.erase(held);
    if (HasRoom() && after_ != rows_.end()) {
      if (inside_++ == 0) first_ = after_;
      changes.Add(RowKind::kInsert, *after_->second, from);
      ++after_;
    }
  }

  const UpdatingLimitSpec spec_;
  std::vector<int> columns_;  // all
  std::unique_ptr<KeyCodec> codec_;
  std::unordered_map<std::string, std::deque<uint64_t>> numbers_;  // of equal rows
  Rows rows_;
  Rows::iterator first_, after_ = rows_.end();  // first_: only while inside_ > 0
  int64_t skipped_ = 0, inside_ = 0;
  uint64_t next_ = 0;
  EncodedKeys encoded_;  // of the current batch
};

}  // namespace

std::unique_ptr<Operator> MakeUpdatingLimit(UpdatingLimitSpec spec) {
  return std::make_unique<UpdatingLimit>(std::move(spec));
}

}  // namespace millrace
