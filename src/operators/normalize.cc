#include "operators/normalize.h"

#include "operators/keyed_rows.h"

namespace millrace {
namespace {

// The last row of a key.
class LastRow {
 public:
  static constexpr const char* kName = "Normalize";
  static constexpr const char* kDoc = "the last row of each key";

  void Put(std::string_view row, size_t from, RowChanges& changes) {
    if (empty()) {
      changes.Add(RowKind::kInsert, row, from);
    } else {
      if (row_ == row) return;
      changes.Add(RowKind::kUpdateBefore, row_, from);
      changes.Add(RowKind::kUpdateAfter, row, from);
    }
    row_ = row;
    held_ = true;
  }

  void TakeBack(std::string_view, size_t from, RowChanges& changes) {
    if (empty()) return;
    changes.Add(RowKind::kDelete, row_, from);
    row_ = {};
    held_ = false;
  }

  bool empty() const { return !held_; }
  std::span<const std::string> rows() const { return {&row_, held_ ? size_t{1} : 0}; }

 private:
  std::string row_;
  bool held_ = false;
};

}  // namespace

std::unique_ptr<Operator> MakeNormalize(NormalizeSpec spec) {
  return std::make_unique<KeyedRows<LastRow>>(std::move(spec.keys), std::move(spec.output));
}

}  // namespace millrace
