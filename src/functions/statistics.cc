// Variance and standard deviation, by sums of the values and of their squares. Each sum is kept in two
// doubles (Dekker, "A floating-point technique for extending the available precision"), 106 bits together:
// what is taken back leaves nothing behind, and the difference of the sums keeps its digits.
#include <cmath>

#include "functions/aggregate_values.h"
#include "functions/bind.h"
#include "functions/families.h"

namespace millrace {
namespace {

using aggregates::ArrayPtr;
using aggregates::Bound;
using aggregates::Slots;

// A sum as high + low, |low| below half a unit of high's last place.
struct LongSum {
  double high = 0, low = 0;

  void Add(double value, double rest = 0) {
    const double sum = high + value;
    const double added = sum - high;
    const double lost = (high - (sum - added)) + (value - added);
    const double carry = low + lost + rest;
    high = sum + carry;
    low = carry - (high - sum);
  }
};

struct Moments {
  double count = 0;
  LongSum values, squares;

  void Add(double value) { Change(value, 1); }
  void Subtract(double value) {
    Change(value, -1);
    if (count <= 0) *this = {};
  }
  void Merge(const Moments& other) {
    count += other.count;
    values.Add(other.values.high, other.values.low);
    squares.Add(other.squares.high, other.squares.low);
  }

  // The sum of squared distances from the mean: squares - values^2 / count.
  double Spread() const {
    const double product = values.high * values.high;
    const double rest = std::fma(values.high, values.high, -product) + 2 * values.high * values.low;
    const double quotient = product / count;
    const double remainder = (std::fma(-quotient, count, product) + rest) / count;
    const double spread = (squares.high - quotient) + (squares.low - remainder);
    // Below the last of 106 bits there is nothing but rounding.
    constexpr double kLastPlace = 1e-30;
    return spread > squares.high * kLastPlace ? spread : std::isnan(spread) ? spread : 0;
  }

 private:
  void Change(double value, double sign) {
    count += sign;
    values.Add(sign * value);
    const double square = value * value;
    squares.Add(sign * square, sign * std::fma(value, value, -square));
  }
};

class MomentAccumulators final : public Accumulators {
 public:
  MomentAccumulators(bool sample, bool root) : sample_(sample), root_(root) {}

  void Resize(size_t slots) override { states_.resize(slots); }
  void Reset(uint32_t slot) override { states_[slot] = {}; }
  void Merge(uint32_t into, uint32_t from) override { states_[into].Merge(states_[from]); }

  Status Update(Slots slots, const arrow::ArrayVector& args, const RowKind* kinds) override {
    const aggregates::Reader<double> values(*args[0]);
    aggregates::ForRows(slots, args[0].get(), kinds, [&](size_t i, uint32_t slot, auto add) {
      if constexpr (add) {
        states_[slot].Add(values(i));
      } else {
        states_[slot].Subtract(values(i));
      }
    });
    return Status::OK();
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return Build(slots, [this](uint32_t slot, double* value) {
      const Moments state = slot == kNoSlot ? Moments() : states_[slot];
      const double divisor = state.count - (sample_ ? 1 : 0);
      if (divisor <= 0) return false;
      *value = state.Spread() / divisor;
      if (root_) *value = std::sqrt(*value);
      return true;
    });
  }

  arrow::FieldVector StateFields() const override {
    return {StateField("count", arrow::float64(), "Number of the values."),
            StateField("sum", arrow::float64(), "Their sum."),
            StateField("sum_rest", arrow::float64(), "What the sum lacks in digits."),
            StateField("squares", arrow::float64(), "Sum of their squares."),
            StateField("squares_rest", arrow::float64(), "What that lacks in digits.")};
  }
  Status Save(Slots slots, SaveMode, arrow::ArrayVector& columns) override {
    for (const Member member : kMembers) {
      MILL_ASSIGN(ArrayPtr column, Build(slots, [this, member](uint32_t slot, double* value) {
                    *value = *member(&states_[slot]);
                    return true;
                  }));
      columns.push_back(std::move(column));
    }
    return Status::OK();
  }
  Status Load(Slots slots, aggregates::Columns columns) override {
    for (size_t c = 0; c < columns.size(); ++c) {
      const aggregates::Reader<double> values(*columns[c]);
      aggregates::ForSaved(slots, *columns[0], [&](uint32_t slot, size_t i) {
        *kMembers[c](&states_[slot]) = values(i);
      });
    }
    return Status::OK();
  }

 private:
  // In the order of the state fields.
  using Member = double* (*)(Moments*);
  static constexpr Member kMembers[] = {
      [](Moments* m) { return &m->count; }, [](Moments* m) { return &m->values.high; },
      [](Moments* m) { return &m->values.low; }, [](Moments* m) { return &m->squares.high; },
      [](Moments* m) { return &m->squares.low; }};

  // A column of DOUBLE: get(slot, &value) is false where it is NULL.
  template <typename Get>
  static Result<ArrayPtr> Build(Slots slots, Get get) {
    return aggregates::BuildFixed<double>(
        arrow::float64(), slots.size(),
        [&](size_t i, double* value) { return get(slots[i], value); });
  }

  std::vector<Moments> states_;
  const bool sample_, root_;
};

Result<Bound> BindReal(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (!ImplicitlyCastable(args[0], SqlType::Double())) return ArgumentTypeError(0, args[0], "a number");
  return Bound{{SqlType::Double()}, SqlType::Double()};
}

void AddMoment(FunctionRegistry& registry, const char* name, bool sample, bool root, const char* doc) {
  registry.Add(AggregateFunction{
      .name = name, .signature = fmt::format("{}(numeric) -> DOUBLE", name), .doc = doc,
      .bind = BindReal, .make = [=](const Bound&, bool) {
        return std::make_unique<MomentAccumulators>(sample, root);
      }});
}

}  // namespace

void RegisterStatistics(FunctionRegistry& registry) {
  AddMoment(registry, "STDDEV_POP", false, true, "Standard deviation of all values.");
  AddMoment(registry, "STDDEV_SAMP", true, true, "Standard deviation of a sample.");
  AddMoment(registry, "STDDEV", true, true, "Standard deviation of a sample.");
  AddMoment(registry, "VAR_POP", false, false, "Variance of all values.");
  AddMoment(registry, "VAR_SAMP", true, false, "Variance of a sample.");
  AddMoment(registry, "VARIANCE", true, false, "Variance of a sample.");
}

}  // namespace millrace
