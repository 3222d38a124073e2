// Variance and standard deviation, by Welford's update, which stays exact where sums of squares would not.
#include <cmath>

#include "functions/aggregate_values.h"
#include "functions/bind.h"
#include "functions/families.h"

namespace millrace {
namespace {

using aggregates::ArrayPtr;
using aggregates::Bound;
using aggregates::Slots;

struct Moments {
  double count = 0;
  double mean = 0;
  double squares = 0;  // sum of squared distances from the mean

  void Add(double value) {
    count += 1;
    const double distance = value - mean;
    mean += distance / count;
    squares += distance * (value - mean);
  }
  void Subtract(double value) {
    if (count <= 1) {
      *this = {};
      return;
    }
    const double distance = value - mean;
    count -= 1;
    mean -= distance / count;
    squares -= distance * (value - mean);
  }
  void Merge(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count;
    const double distance = other.mean - mean;
    squares += other.squares + distance * distance * count * other.count / total;
    mean += distance * other.count / total;
    count = total;
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
      *value = state.squares > 0 ? state.squares / divisor : 0;
      if (root_) *value = std::sqrt(*value);
      return true;
    });
  }

  arrow::FieldVector StateFields() const override {
    return {StateField("count", arrow::float64(), "Number of the values."),
            StateField("mean", arrow::float64(), "Their mean."),
            StateField("squares", arrow::float64(), "Sum of their squared distances from it.")};
  }
  Status Save(Slots slots, arrow::ArrayVector& columns) override {
    for (double Moments::* member : kMembers) {
      MILL_ASSIGN(ArrayPtr column, Build(slots, [this, member](uint32_t slot, double* value) {
                    *value = states_[slot].*member;
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
        states_[slot].*kMembers[c] = values(i);
      });
    }
    return Status::OK();
  }

 private:
  // In the order of the state fields.
  static constexpr double Moments::* kMembers[] = {&Moments::count, &Moments::mean,
                                                   &Moments::squares};

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
