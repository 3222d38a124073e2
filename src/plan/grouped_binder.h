// Binds what stands beside GROUP BY: keys, aggregates and GROUPING become columns of the result.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "functions/aggregate.h"
#include "plan/binder.h"

namespace millrace {

class GroupedBinder : public ExpressionBinder {
 public:
  GroupedBinder(const Relation& input, std::vector<ExpressionPtr> keys);

  struct BoundCall {
    AggregateCall call;
    std::vector<ExpressionPtr> args;  // over the input
    ExpressionPtr filter;
    std::string constant;  // fingerprint of call.bound.constant
    std::string fingerprint;
  };
  const std::vector<BoundCall>& calls() const { return calls_; }
  // Makes GROUPING and GROUPING_ID known: `sets` tells by set which keys it has; the set's number
  // stands behind the keys.
  void SetGroupingSets(const std::vector<std::vector<bool>>& sets);
  // Window columns that are not among the keys but come for free, by position in the input.
  void AllowWindowColumn(int input_column, int output) { window_columns_[input_column] = output; }
  // Columns of aggregates stand at `base` + index once all are known; until then this is used.
  static constexpr int kCallBase = 1 << 20;

 protected:
  Result<std::optional<ExpressionPtr>> Replace(const ast::Expr& expr) override;

 private:
  std::optional<ExpressionPtr> FindKey(const Expression& bound) const;
  Result<ExpressionPtr> BindGrouping(const ast::Expr& expr);
  Status BindArguments(const ast::Expr& expr, std::vector<ExpressionPtr>* args);
  Status BindConstant(const ast::Expr& expr, BoundCall* bound);
  Result<ExpressionPtr> BindAggregate(const ast::Expr& expr);
  Result<ExpressionPtr> AddCall(BoundCall bound);
  std::string KeyName(size_t i) const { return keys_[i]->ToString(); }

  const Relation& input_;
  std::vector<ExpressionPtr> keys_;
  std::vector<std::string> fingerprints_;  // of the keys
  std::vector<std::vector<bool>> sets_;
  std::map<int, int> window_columns_;
  std::vector<BoundCall> calls_;
};

}  // namespace millrace
