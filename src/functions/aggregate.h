// Aggregate functions, column-wise: the accumulators of one aggregate call for all groups are
// columns indexed by slot, so that they can live in a state table and be saved as columns.
#pragma once

#include <arrow/array.h>
#include <arrow/scalar.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch.h"
#include "data/state_field.h"
#include "data/type.h"

namespace millrace {

struct Example;

// In place of a slot: this row takes no part (a FILTER dropped it, or it is late).
inline constexpr uint32_t kNoSlot = 0xFFFFFFFFu;

class Accumulators {
 public:
  virtual ~Accumulators() = default;
  // Makes room for `slots` slots; new ones are empty. Called with growing numbers only.
  virtual void Resize(size_t slots) = 0;
  // Empties a slot for reuse.
  virtual void Reset(uint32_t slot) = 0;
  // Adds row i's argument to slots[i], or takes it back where kinds says so (kinds null: all added).
  // args: arrays of slots.size() elements, none for COUNT(*).
  virtual Status Update(std::span<const uint32_t> slots,
                        const std::vector<std::shared_ptr<arrow::Array>>& args,
                        const RowKind* kinds) = 0;
  // Adds what `from` holds to `into`; `from` is left as it is.
  virtual void Merge(uint32_t into, uint32_t from) = 0;
  // The results of the slots, in order. kNoSlot gives the result over no rows.
  virtual Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const = 0;

  // The columns that a slot's state is saved as, each with its doc (data/state_field.h). Names are
  // unique within the aggregate.
  virtual arrow::FieldVector StateFields() const = 0;
  // Appends one column per state field, the state of the slots in order. In a delta the columns
  // that grow (GrowingStateField) hold what was added since the slot was last saved.
  virtual Status Save(std::span<const uint32_t> slots, SaveMode mode,
                      arrow::ArrayVector& columns) = 0;
  // Gives the slots, which are empty and differ, the saved state of the rows. NULL in the first
  // column: the row was saved without this aggregate, and the slot stays empty.
  virtual Status Load(std::span<const uint32_t> slots,
                      std::span<const std::shared_ptr<arrow::Array>> columns) = 0;
};

struct AggregateFunction {
  std::string name;       // upper case
  std::string signature;  // "SUM(numeric) -> numeric"
  std::string doc;
  // Result type for these argument types (and the types that they are cast to).
  struct Bound {
    std::vector<SqlType> arg_types;
    SqlType type;
    std::shared_ptr<arrow::Scalar> constant = nullptr;  // see constant_at; null: not given
  };
  using Make = std::function<std::unique_ptr<Accumulators>(const Bound& bound, bool retract)>;
  std::function<Result<Bound>(const std::vector<SqlType>& args)> bind;
  // `retract`: rows may be taken back, so MIN/MAX must keep what they need for it.
  Make make;
  // Makes what DISTINCT wants, of functions that keep their values anyway. Empty: a set of the
  // values seen stands before `make`'s.
  Make make_distinct = {};
  // The argument that is one constant for all rows, as LISTAGG's separator; -1: none. It is no
  // column: TakeConstant moves it from the arguments to Bound::constant, once this has passed it.
  int constant_at = -1;
  std::function<Status(const arrow::Scalar& constant)> check_constant = {};
};

// Gives `bound` the constant, of the type that was bound, in place of the argument that it is.
Status TakeConstant(const AggregateFunction& function, std::shared_ptr<arrow::Scalar> constant,
                    AggregateFunction::Bound* bound);

// One aggregate of a GROUP BY: plain data. Arguments and filter are columns of the input.
struct AggregateCall {
  const AggregateFunction* function = nullptr;
  std::vector<int> args;
  int filter = -1;        // BOOLEAN column: rows where it is not TRUE take no part
  bool distinct = false;
  AggregateFunction::Bound bound;
  std::string name;       // of the output column
  std::string label;      // "SUM(price)": names it in saved state; empty: `name`
  const std::string& Label() const { return label.empty() ? name : label; }
  std::string ToString() const;
};

// The call's accumulators; DISTINCT is wrapped around the function's own.
std::unique_ptr<Accumulators> MakeAccumulators(const AggregateCall& call, bool retract);

}  // namespace millrace
