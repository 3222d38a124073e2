#include "data/column_condition.h"

#include <algorithm>

namespace millrace {

bool MayPass(const ColumnCondition& test, const ColumnFacts& facts) {
  using Kind = ColumnCondition::Kind;
  if (facts.rows == 0) return false;
  if (test.kind == Kind::kIsNull) return facts.nulls != 0;
  if (facts.nulls == facts.rows) return false;
  if (test.kind == Kind::kIsNotNull || !facts.bounded) return true;
  const ColumnValue& least = facts.least;
  const ColumnValue& greatest = facts.greatest;
  const auto within = [&](const ColumnValue& value) {
    return value.index() != least.index() || (least <= value && value <= greatest);
  };
  const ColumnValue& value = test.values.front();
  if (value.index() != least.index()) return true;
  switch (test.kind) {
    case Kind::kEqual: return within(value);
    case Kind::kNotEqual:  // NaN, which bounds do not tell of, is unequal to all
      return std::holds_alternative<double>(value) || least != value || greatest != value;
    case Kind::kLess: return least < value;
    case Kind::kLessEqual: return least <= value;
    case Kind::kGreater: return greatest > value;
    case Kind::kGreaterEqual: return greatest >= value;
    default: return std::any_of(test.values.begin(), test.values.end(), within);
  }
}

}  // namespace millrace
