// The logical plan: a checked, typed tree of relational nodes. Plain data that prints; the binder
// makes it, the optimizer rewrites it, the engine builds operators from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/column_condition.h"
#include "functions/aggregate.h"
#include "functions/expression.h"
#include "plan/catalog.h"
#include "windows/emit.h"

namespace millrace {

enum class PlanKind {
  kScan,             // table
  kValues,           // rows
  kFilter,           // condition
  kProject,          // expressions
  kWindow,           // adds window_start, window_end, window_time to each row
  kWindowAggregate,  // keys, calls, window -> keys, aggregates, window_start, window_end, window_time
  kGroupAggregate,   // keys, calls -> keys, aggregates; updating
  kSessionize,       // adds session_id, session_start, session_position, session_duration
  kNormalize,        // upserts by keys -> full changes: rows with what they replace
  kMaterialize,      // changes -> changes of the last row of each key: for a sink of another key
  kUnnest,           // the input's last column, a collection: a row for each of its elements
  kReplicate,        // each row as often as the input's last column says, without it
  kExpand,           // a copy of each row for each grouping set, with the set's number
  kSort,             // by time, or when the input has ended
  kUnion,            // UNION ALL
  kLimit,            // limit and offset, in the order of arrival
  kSink,             // writes into a table
};

// What a column means beside its value.
enum class TimeAttribute { kNone, kEvent, kProcessing };
enum class WindowProperty { kNone, kStart, kEnd, kTime };

struct ColumnTraits {
  TimeAttribute time = TimeAttribute::kNone;
  WindowProperty window = WindowProperty::kNone;
};

struct SortKey {
  int column = -1;
  bool descending = false;
};

struct Plan;
using PlanPtr = std::shared_ptr<Plan>;

struct Plan {
  PlanKind kind = PlanKind::kValues;
  Schema schema;
  std::vector<ColumnTraits> traits;  // one for each column
  std::vector<PlanPtr> inputs;
  bool updating = false;             // emits rows other than +I
  std::vector<int> upsert_key;       // columns that identify a row of an updating result

  std::shared_ptr<const TableDefinition> table;  // kScan, kSink
  std::vector<int> scan_columns;                 // kScan: the table's columns it yields
  std::vector<ColumnCondition> conditions;       // kScan: rows that fail one are not wanted
  std::vector<std::vector<ExpressionPtr>> values;  // kValues: constant rows
  ExpressionPtr condition;                       // kFilter
  std::vector<ExpressionPtr> expressions;        // kProject
  WindowSpec window;                             // kWindow, kWindowAggregate; kSessionize: size = gap
  std::vector<int> keys;                         // aggregates, kSessionize
  std::vector<AggregateCall> calls;
  EmitSpec emit;                                 // kWindowAggregate
  std::string state_ttl;                         // kGroupAggregate: of a hint; "": as is set for all
  int64_t limit = -1, offset = 0;                // kLimit
  bool outer = false, with_ordinality = false;   // kUnnest
  std::vector<int> expand_columns;               // kExpand: columns that some sets lack
  std::vector<std::vector<bool>> expand_sets;    // kExpand: by set, which of these it has
  std::vector<SortKey> sort_keys;                // kSort; by time: window.time_column is the first

  // One line: what the node does, in terms of its input's column names.
  std::string Describe() const;
};

// Text that is equal for plans that yield the same rows in the same columns.
std::string Fingerprint(const Plan& plan);

// The tree, one node a line, inputs indented below.
std::string PlanToString(const Plan& plan);

}  // namespace millrace
