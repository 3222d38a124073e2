#include "operators/materialize.h"

#include <algorithm>

#include "operators/keyed_rows.h"

namespace millrace {
namespace {

// All rows of a key, in the order of arrival; the last one stands.
class AllRows {
 public:
  static constexpr const char* kName = "Materialize";
  static constexpr const char* kDoc = "all rows of each key, in the order of arrival";

  void Put(std::string_view row, size_t from, RowChanges& changes) {
    if (rows_.empty()) {
      changes.Add(RowKind::kInsert, row, from);
    } else {
      changes.Add(RowKind::kUpdateBefore, rows_.back(), from);
      changes.Add(RowKind::kUpdateAfter, row, from);
    }
    rows_.emplace_back(row);
  }

  void TakeBack(std::string_view row, size_t from, RowChanges& changes) {
    const auto found = std::find(rows_.rbegin(), rows_.rend(), row);
    if (found == rows_.rend()) return;
    const bool last = found == rows_.rbegin();
    rows_.erase(std::next(found).base());
    if (!last) return;
    if (rows_.empty()) {
      changes.Add(RowKind::kDelete, row, from);
    } else {
      changes.Add(RowKind::kUpdateBefore, row, from);
      changes.Add(RowKind::kUpdateAfter, rows_.back(), from);
    }
  }

  bool empty() const { return rows_.empty(); }
  std::span<const std::string> rows() const { return rows_; }

 private:
  std::vector<std::string> rows_;
};

}  // namespace

std::unique_ptr<Operator> MakeMaterialize(MaterializeSpec spec) {
  return std::make_unique<KeyedRows<AllRows>>(std::move(spec.keys), std::move(spec.output));
}

}  // namespace millrace
