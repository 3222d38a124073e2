#include "engine/build.h"

#include <arrow/api.h>

#include <algorithm>
#include <set>

#include "base/nearest.h"
#include "engine/memory_connectors.h"
#include "operators/calc.h"
#include "operators/expand.h"
#include "operators/group_aggregate.h"
#include "operators/local_time.h"
#include "operators/materialize.h"
#include "operators/normalize.h"
#include "operators/not_null.h"
#include "operators/replicate.h"
#include "operators/session_assign.h"
#include "operators/sessionize.h"
#include "operators/sort.h"
#include "operators/unnest.h"
#include "operators/updating_limit.h"
#include "operators/window_aggregate.h"
#include "operators/window_assign.h"
#include "plan/pushdown.h"

namespace millrace {
namespace {

// Where a plan's rows come out: a node, and whether others read it too (then nothing may be added to
// its chain).
struct Stream {
  int node = -1;
  bool shared = false;
};

class GraphBuilder {
 public:
  explicit GraphBuilder(const BuildSettings& settings) : settings_(settings) {}

  Result<Graph> Build(const std::vector<PlanPtr>& sinks) {
    for (const PlanPtr& sink : sinks) Collect(*sink);
    for (const PlanPtr& sink : sinks) MILL_RETURN(AddSink(*sink));
    return std::move(graph_);
  }

 private:
  // What some node wants of the scans below it.
  struct TimeWishes {
    bool processing_time, watermark_of_each;
  };

  // All scans of one table with the same options: what they need together.
  struct SharedScan {
    std::set<int> columns;
    int readers = 0;
    int node = -1;
    TimeWishes wishes{false, false};
    std::vector<ColumnCondition> conditions;  // of its one reader
  };

  static std::string ScanKey(const TableDefinition& table) {
    std::string key = table.name;
    for (const auto& [name, value] : table.options) key += "\n" + name + "=" + value;
    return key;
  }

  // Nodes with state, which are worth sharing.
  static bool KeepsState(const Plan& plan) {
    return plan.kind == PlanKind::kWindowAggregate || plan.kind == PlanKind::kGroupAggregate ||
           plan.kind == PlanKind::kSessionize || plan.kind == PlanKind::kNormalize ||
           (plan.kind == PlanKind::kSort && plan.window.time_column >= 0);
  }

  // How long the state of `plan` lives after its last write, in ms; 0: for ever.
  Result<int64_t> TtlOf(const Plan& plan) const {
    if (plan.state_ttl.empty()) return settings_.state_ttl.count();
    MILL_ASSIGN(const auto ttl,
                DurationOption({{"STATE_TTL", plan.state_ttl}}, "STATE_TTL", settings_.state_ttl));
    return ttl.count();
  }

  // Counts who reads each table and each node with state; a subplan that stands in several places
  // counts once for what is below it. What is wanted of time is told to all scans below.
  void Collect(const Plan& plan, bool counts = true,
               TimeWishes wishes = {false, false}) {
    if (counts && KeepsState(plan)) counts = readers_[Fingerprint(plan)]++ == 0;
    const bool expires =
        plan.kind == PlanKind::kGroupAggregate || plan.kind == PlanKind::kSessionize;
    wishes.processing_time |= plan.window.domain == TimeDomain::kProcessing ||
                              plan.emit.ReadsProcessingTime() ||
                              (expires && TtlOf(plan).ValueOr(0) > 0);
    wishes.watermark_of_each |= plan.condition && AsksForWatermark(*plan.condition);
    for (const ExpressionPtr& each : plan.expressions) {
      wishes.watermark_of_each |= AsksForWatermark(*each);
    }
    if (plan.kind == PlanKind::kScan) {
      SharedScan& scan = scans_[ScanKey(*plan.table)];
      scan.columns.insert(plan.scan_columns.begin(), plan.scan_columns.end());
      scan.wishes.processing_time |= wishes.processing_time;
      scan.wishes.watermark_of_each |= wishes.watermark_of_each;
      scan.readers += counts ? 1 : 0;
      if (counts) scan.conditions = plan.conditions;
    }
    for (const PlanPtr& input : plan.inputs) Collect(*input, counts, wishes);
  }

  Node& node(int index) { return graph_.nodes[static_cast<size_t>(index)]; }

  int AddNode(Node added) {
    graph_.nodes.push_back(std::move(added));
    return static_cast<int>(graph_.nodes.size()) - 1;
  }

  // A node behind `from`.
  int AddNode(const std::string& name, int parallelism, int from, Partitioning partitioning,
              std::vector<int> keys = {}) {
    Node added;
    added.name = name;
    added.parallelism = parallelism;
    added.inputs.push_back({from, 0, partitioning, std::move(keys)});
    return AddNode(std::move(added));
  }

  // What state is kept under: "<table written>/<operator with what its state is kept by>". It stays the
  // same when the rest of the script changes, and when aggregates and columns are added.
  std::string UniqueId(const std::string& id) {
    const int uses = ++ids_[id];
    return uses == 1 ? id : fmt::format("{}#{}", id, uses);
  }

  void AddOperator(Node& to, const std::string& name, OperatorMaker maker) {
    to.chain.push_back(std::move(maker));
    to.operator_ids.push_back(UniqueId(sink_ + "/" + name + kept_by_));
  }

  // "SESSION($2, gap 10 s)" without "$2, ": a column's place changes when others are added.
  static std::string WithoutPlaces(const std::string& window) {
    std::string text;
    for (size_t i = 0; i < window.size(); ++i) {
      if (window[i] != '$') {
        text += window[i];
        continue;
      }
      while (i + 1 < window.size() && std::string_view("0123456789, ").find(window[i + 1]) != std::string_view::npos) ++i;
    }
    return text;
  }

  // "(user_id; SESSION(...))": the keys and the window of a plan.
  static std::string KeptBy(const Plan& plan) {
    if (plan.keys.empty() && plan.kind != PlanKind::kWindowAggregate) return "";
    std::string text = "(";
    for (size_t i = 0; i < plan.keys.size(); ++i) {
      const auto& columns = plan.inputs[0]->schema.columns;
      text += (i == 0 ? "" : ", ") + columns[static_cast<size_t>(plan.keys[i])].name;
    }
    WindowSpec unnamed = plan.window;  // its time may be renamed
    unnamed.time_name.clear();
    if (plan.kind == PlanKind::kWindowAggregate) text += "; " + WithoutPlaces(unnamed.ToString());
    if (plan.kind == PlanKind::kSessionize) text += fmt::format("; gap {} ms", plan.window.size);
    return text + ")";
  }

  // Adds an operator behind `input`, in the same tasks.
  Stream Chain(Stream input, const std::string& name, OperatorMaker maker) {
    if (input.shared) {
      input = {AddNode(name, node(input.node).parallelism, input.node, Partitioning::kForward), false};
    } else {
      node(input.node).name += " -> " + name;
    }
    AddOperator(node(input.node), name, std::move(maker));
    return input;
  }

  // Adds an operator that keeps state by `keys`, behind an exchange where there is more than one task.
  Stream ChainKeyed(Stream input, const std::string& name, const std::vector<int>& keys,
                    OperatorMaker maker) {
    const int parallelism = keys.empty() ? 1 : settings_.workers;
    if (parallelism == 1 && node(input.node).parallelism == 1) {
      return Chain(input, name, std::move(maker));
    }
    const Partitioning partitioning = keys.empty() ? Partitioning::kGather : Partitioning::kHash;
    const Stream added{AddNode(name, parallelism, input.node, partitioning, keys), false};
    AddOperator(node(added.node), name, std::move(maker));
    return added;
  }

  Result<const Connector*> FindConnector(const TableDefinition& table) {
    const auto named = table.options.find("connector");
    if (named == table.options.end()) {
      return UserError("table '{}' has no option 'connector'. hint: 'connector' = 'filesystem'", table.name);
    }
    const Connector* connector = settings_.find_connector(named->second);
    if (connector != nullptr) return connector;
    std::vector<std::string> names;
    for (const Connector& known : AllConnectors()) names.push_back(known.name);
    const std::string near = NearestName(named->second, names);
    return UserError("table '{}' names connector '{}', which does not exist{}", table.name,
                     named->second, near.empty() ? "" : ". did you mean '" + near + "'?");
  }

  // Builds `plan`, or takes the node that was built for the same plan elsewhere.
  Result<Stream> BuildPlan(const Plan& plan) {
    if (!KeepsState(plan)) return BuildNode(plan);
    const std::string fingerprint = Fingerprint(plan);
    const auto built = built_.find(fingerprint);
    if (built != built_.end()) return built->second;
    MILL_ASSIGN(Stream stream, BuildNode(plan));
    stream.shared = readers_[fingerprint] > 1;
    if (stream.shared) built_[fingerprint] = stream;
    return stream;
  }

  Result<Stream> BuildNode(const Plan& plan) {
    switch (plan.kind) {
      case PlanKind::kScan: return BuildScan(plan);
      case PlanKind::kValues: return BuildValues(plan);
      case PlanKind::kUnion: return BuildUnion(plan);
      case PlanKind::kSink: return UserError("a sink cannot be read");
      default: break;
    }
    // A projection over a filter is one operator.
    const bool fused = plan.kind == PlanKind::kProject && plan.inputs[0]->kind == PlanKind::kFilter;
    const Plan& below = fused ? *plan.inputs[0]->inputs[0] : *plan.inputs[0];
    MILL_ASSIGN(Stream input, BuildPlan(below));
    kept_by_ = KeptBy(plan);
    switch (plan.kind) {
      case PlanKind::kFilter:
      case PlanKind::kProject: return BuildCalc(plan, input);
      case PlanKind::kWindow: return BuildWindowAssign(plan, input);
      case PlanKind::kWindowAggregate: return BuildWindowAggregate(plan, input);
      case PlanKind::kGroupAggregate: return BuildGroupAggregate(plan, input);
      case PlanKind::kSessionize: return BuildSessionize(plan, input);
      case PlanKind::kNormalize: return BuildNormalize(plan, input);
      case PlanKind::kMaterialize: return BuildMaterialize(plan, input);
      case PlanKind::kUnnest: return BuildUnnest(plan, input);
      case PlanKind::kReplicate: return BuildReplicate(plan, input);
      case PlanKind::kExpand: return BuildExpand(plan, input);
      case PlanKind::kSort: return BuildSort(plan, input);
      case PlanKind::kLimit: return BuildLimit(plan, input);
      default: return UserError("this plan node cannot be run");
    }
  }

  Stream BuildCalc(const Plan& plan, Stream input) {
    CalcSpec spec;
    spec.time_zone = settings_.time_zone;
    spec.output = plan.schema.ToArrow();
    if (plan.kind == PlanKind::kFilter) {
      spec.condition = plan.condition;
    } else {
      spec.project = true;
      spec.expressions = plan.expressions;
      if (plan.inputs[0]->kind == PlanKind::kFilter) spec.condition = plan.inputs[0]->condition;
    }
    return Chain(input, "Calc", [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeCalc(spec); });
  }

  // The zone that the plan's windows lie in: that of the session for times with a zone, "" for others
  // and where it is UTC.
  std::string WindowZone(const Plan& plan) const {
    const bool zoned = plan.schema.columns.back().type.kind == TypeKind::kTimestampLtz;
    return zoned && settings_.time_zone != "UTC" ? settings_.time_zone : "";
  }

  Result<Stream> BuildWindowAssign(const Plan& plan, Stream input) {
    if (plan.window.kind == WindowKind::kCount) {
      return UserError("COUNT_WINDOW wants GROUP BY its PARTITION BY columns, window_start, "
                       "window_end. hint: put WHERE into a subquery, TABLE (SELECT ...)");
    }
    if (plan.window.kind == WindowKind::kSession) return BuildSessionAssign(plan, input);
    WindowAssignSpec spec{plan.window, plan.schema.ToArrow(), WindowZone(plan)};
    return Chain(input, "WindowAssign", [spec](int) -> Result<std::unique_ptr<Operator>> {
      return MakeWindowAssign(spec);
    });
  }

  Result<Stream> BuildSessionAssign(const Plan& plan, Stream input) {
    if (plan.window.max_events > 0 || plan.window.max_duration > 0) {
      return UserError("SESSION with MAX_EVENTS or MAX_DURATION wants GROUP BY its PARTITION BY "
                       "columns, window_start, window_end");
    }
    if (plan.updating) return UserError("SESSION without GROUP BY wants rows that are only added");
    SessionAssignSpec spec{plan.window, plan.schema.ToArrow()};
    const LocalTimeSpec local = InLocalTime(plan, &spec.window);
    return ChainKeyed(input, "SessionAssign", plan.window.partition,
                      [spec, local](int) -> Result<std::unique_ptr<Operator>> {
                        auto assign = MakeSessionAssign(spec);
                        if (local.zone.empty()) return assign;
                        return MakeInLocalTime(local, std::move(assign));
                      });
  }

  // How the plan's windows see local time; `window` reads the local copy of its column then.
  LocalTimeSpec InLocalTime(const Plan& plan, WindowSpec* window) const {
    LocalTimeSpec local{WindowZone(plan), -1};
    if (local.zone.empty() || window->kind == WindowKind::kAttached ||
        window->domain == TimeDomain::kProcessing) {
      return local;
    }
    local.time_column = std::exchange(window->time_column, plan.inputs[0]->schema.size());
    return local;
  }

  // The calls, named by what they compute, so that their state is found again in another script.
  static std::vector<AggregateCall> LabelledCalls(const Plan& plan) {
    const Plan& input = *plan.inputs[0];
    const auto text = [&](int column) {
      const auto at = static_cast<size_t>(column);
      return input.kind == PlanKind::kProject ? input.expressions[at]->ToString()
                                              : input.schema.columns[at].name;
    };
    std::vector<AggregateCall> calls = plan.calls;
    for (AggregateCall& call : calls) {
      std::string args;
      for (int arg : call.args) args += (args.empty() ? "" : ", ") + text(arg);
      if (call.bound.constant) args += ", '" + call.bound.constant->ToString() + "'";
      call.label = fmt::format("{}({}{})", call.function->name, call.distinct ? "DISTINCT " : "",
                               call.args.empty() ? "*" : args);
      if (call.filter >= 0) call.label += " FILTER (WHERE " + text(call.filter) + ")";
    }
    return calls;
  }

  // The rows that a window aggregate sees: with the local copy of their time behind the others.
  static std::shared_ptr<arrow::Schema> WindowInput(const Plan& plan, const LocalTimeSpec& local) {
    auto schema = plan.inputs[0]->schema.ToArrow();
    if (local.time_column < 0) return schema;
    arrow::FieldVector fields = schema->fields();
    fields.push_back(fields[static_cast<size_t>(local.time_column)]->WithName("$local"));
    return arrow::schema(std::move(fields));
  }

  Stream BuildWindowAggregate(const Plan& plan, Stream input) {
    WindowAggregateSpec spec{plan.window, plan.keys, LabelledCalls(plan), plan.inputs[0]->updating,
                             plan.schema.ToArrow(), nullptr, plan.emit};
    const LocalTimeSpec local = InLocalTime(plan, &spec.window);
    spec.input = WindowInput(plan, local);
    // Another name, for its state is another.
    const bool fires = plan.emit.Updates(plan.window.domain);
    return ChainKeyed(input, fires ? "FiringWindowAggregate" : "WindowAggregate",
                      ExchangeKeys(plan.window, plan.keys),
                      [spec, local](int) -> Result<std::unique_ptr<Operator>> {
                        auto aggregate = MakeWindowAggregate(spec);
                        if (local.zone.empty()) return aggregate;
                        return MakeInLocalTime(local, std::move(aggregate));
                      });
  }

  Result<Stream> BuildGroupAggregate(const Plan& plan, Stream input) {
    GroupAggregateSpec spec;
    spec.keys = plan.keys;
    spec.calls = LabelledCalls(plan);
    spec.retract = plan.inputs[0]->updating;
    spec.output = plan.schema.ToArrow();
    MILL_ASSIGN(spec.ttl, TtlOf(plan));
    return ChainKeyed(input, "GroupAggregate", plan.keys,
                      [spec](int) -> Result<std::unique_ptr<Operator>> {
                        return MakeGroupAggregate(spec);
                      });
  }

  Stream BuildSessionize(const Plan& plan, Stream input) {
    SessionizeSpec spec;
    spec.keys = plan.keys;
    spec.time_column = plan.window.time_column;
    spec.gap = plan.window.size;
    spec.max_duration = plan.window.max_duration;
    spec.max_events = plan.window.max_events;
    spec.output = plan.schema.ToArrow();
    spec.ttl = settings_.state_ttl.count();
    return ChainKeyed(input, "Sessionize", plan.keys,
                      [spec](int) -> Result<std::unique_ptr<Operator>> {
                        return MakeSessionize(spec);
                      });
  }

  Stream BuildNormalize(const Plan& plan, Stream input) {
    const NormalizeSpec spec{plan.keys, plan.schema.ToArrow()};
    return ChainKeyed(input, "Normalize", plan.keys,
                      [spec](int) -> Result<std::unique_ptr<Operator>> {
                        return MakeNormalize(spec);
                      });
  }

  Stream BuildMaterialize(const Plan& plan, Stream input) {
    const MaterializeSpec spec{plan.keys, plan.schema.ToArrow()};
    return ChainKeyed(input, "Materialize", plan.keys,
                      [spec](int) -> Result<std::unique_ptr<Operator>> {
                        return MakeMaterialize(spec);
                      });
  }

  Stream BuildUnnest(const Plan& plan, Stream input) {
    const UnnestSpec spec{plan.outer, plan.with_ordinality, plan.schema.ToArrow()};
    return Chain(input, "Unnest",
                 [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeUnnest(spec); });
  }

  Stream BuildExpand(const Plan& plan, Stream input) {
    const ExpandSpec spec{plan.expand_columns, plan.expand_sets, plan.schema.ToArrow()};
    return Chain(input, "Expand",
                 [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeExpand(spec); });
  }

  Stream BuildSort(const Plan& plan, Stream input) {
    SortSpec spec;
    for (const SortKey& key : plan.sort_keys) spec.keys.push_back({key.column, key.descending});
    spec.time_column = plan.window.time_column;
    spec.domain = plan.window.domain;
    spec.output = plan.schema.ToArrow();
    return ChainKeyed(input, "Sort", {},
                      [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeSort(spec); });
  }

  Stream BuildReplicate(const Plan& plan, Stream input) {
    const ReplicateSpec spec{plan.schema.ToArrow()};
    return Chain(input, "Replicate",
                 [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeReplicate(spec); });
  }

  Stream BuildLimit(const Plan& plan, Stream input) {
    if (plan.updating) {
      const UpdatingLimitSpec spec{plan.limit, plan.offset, plan.schema.ToArrow()};
      return ChainKeyed(input, "UpdatingLimit", {},
                        [spec](int) -> Result<std::unique_ptr<Operator>> {
                          return MakeUpdatingLimit(spec);
                        });
    }
    const auto reached = settings_.limit_reached;
    const int64_t limit = plan.limit, offset = plan.offset;
    return ChainKeyed(input, "Limit", {}, [=](int) -> Result<std::unique_ptr<Operator>> {
      return MakeLimit(limit, offset, reached);
    });
  }

  Result<Stream> BuildUnion(const Plan& plan) {
    Node merged;
    merged.name = "UnionAll";
    for (const PlanPtr& input : plan.inputs) {
      MILL_ASSIGN(Stream side, BuildPlan(*input));
      merged.parallelism = 1;
      merged.inputs.push_back({side.node, 0, Partitioning::kGather, {}});
    }
    CalcSpec spec;  // passes everything on
    kept_by_.clear();
    AddOperator(merged, "UnionAll",
                [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeCalc(spec); });
    return Stream{AddNode(std::move(merged)), false};
  }

  Result<Stream> BuildValues(const Plan& plan) {
    MILL_ASSIGN(auto rows, EvaluateValues(plan));
    Node source;
    source.name = "Values";
    Lane lane;
    lane.source = MakeValuesSource(std::move(rows));
    source.lanes.push_back(std::move(lane));
    source.ingestion = std::make_unique<Ingestion>();
    source.ingestion->table = "VALUES";
    source.source_id = UniqueId("VALUES");
    source.ingestion->schema = plan.schema.ToArrow();
    return Stream{AddNode(std::move(source)), false};
  }

  static Result<std::shared_ptr<arrow::RecordBatch>> EvaluateValues(const Plan& plan) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (size_t c = 0; c < plan.schema.columns.size(); ++c) {
      std::unique_ptr<arrow::ArrayBuilder> builder;
      MILL_RETURN(arrow::MakeBuilder(arrow::default_memory_pool(),
                                     plan.schema.columns[c].type.ToArrow(), &builder));
      for (const auto& row : plan.values) {
        MILL_ASSIGN(auto value, EvaluateConstant(*row[c]));
        MILL_RETURN(builder->AppendScalar(*value));
      }
      MILL_ASSIGN(auto column, builder->Finish());
      columns.push_back(std::move(column));
    }
    const auto count = static_cast<int64_t>(plan.values.size());
    return arrow::RecordBatch::Make(plan.schema.ToArrow(), count, std::move(columns));
  }

  // ---- sources ----

  Result<Stream> BuildScan(const Plan& plan) {
    SharedScan& scan = scans_[ScanKey(*plan.table)];
    const bool shared = scan.readers > 1;
    if (scan.node < 0) {
      MILL_ASSIGN(scan.node, AddSource(*plan.table, scan));
    }
    const Stream source{scan.node, shared};
    kept_by_.clear();
    if (scan.columns.size() == plan.scan_columns.size()) return source;
    CalcSpec spec;
    spec.project = true;
    spec.output = plan.schema.ToArrow();
    for (size_t i = 0; i < plan.scan_columns.size(); ++i) {
      const auto at = std::distance(scan.columns.begin(), scan.columns.find(plan.scan_columns[i]));
      const Column& column = plan.schema.columns[i];
      spec.expressions.push_back(MakeColumn(static_cast<int>(at), column.name, column.type));
    }
    return Chain(source, "Calc", [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeCalc(spec); });
  }

  // The source node that yields `scan.columns` of the table, in order.
  Result<int> AddSource(const TableDefinition& table, const SharedScan& scan) {
    MILL_ASSIGN(const Connector* connector, FindConnector(table));
    TableInfo info = InfoOf(table);
    MILL_RETURN(CheckOptions(*connector, info));
    if (!connector->make_source) {
      return UserError("table '{}': the connector '{}' cannot be read, only written", table.name,
                       connector->name);
    }
    auto ingestion = std::make_unique<Ingestion>();
    MILL_ASSIGN(info.metadata, MetadataOf(table, scan, *connector));
    PushConditions(table, scan, *connector, &info);
    for (const auto& each : info.conditions) ingestion->pushed.push_back(each.text);
    MILL_ASSIGN(const Schema decoded, FillIngestion(table, scan, *connector, ingestion.get()));
    MILL_ASSIGN(auto sources, connector->make_source(info, decoded));
    Node source;
    source.name = "Scan " + table.name;
    source.parallelism = static_cast<int>(sources.size());
    for (auto& each : sources) {
      Lane lane;
      lane.source = std::move(each);
      if (connector->takes_format || connector->make_decoder) {
        MILL_ASSIGN(lane.make_decoder, DecoderMaker(*connector, info, decoded));
      }
      source.lanes.push_back(std::move(lane));
    }
    source.ingestion = std::move(ingestion);
    source.source_id = UniqueId("table " + table.name);
    return AddNode(std::move(source));
  }

  // Rows may be left out only if nobody else reads them, and if the watermark can go on without them.
  static void PushConditions(const TableDefinition& table, const SharedScan& scan,
                             const Connector& connector, TableInfo* info) {
    if (table.watermark) {
      info->time_column = table.columns[static_cast<size_t>(table.rowtime)].name;
    }
    const bool takes = connector.takes_conditions && connector.takes_conditions(*info);
    if (takes && scan.readers <= 1 && WatermarkFollowsTime(table)) {
      info->conditions = scan.conditions;
    }
  }

  using MakeLaneDecoder = std::function<Result<std::unique_ptr<Decoder>>()>;

  // Null if the sources yield batches.
  static Result<MakeLaneDecoder> DecoderMaker(const Connector& connector, const TableInfo& info,
                                              const Schema& decoded) {
    const std::string format = StringOption(info.options, "format", "");
    const auto own = connector.make_decoder;
    if (format.empty() && !own) {
      return UserError("table '{}' has no option 'format'. hint: 'format' = 'json'", info.name);
    }
    const MakeLaneDecoder make = [=]() {
      return own ? own(info, decoded) : MakeDecoder(format, decoded, info.schema, info.options);
    };
    const auto first = make();  // options are checked at once
    MILL_RETURN(Annotate(first.status(), "table '" + info.name + "'"));
    return *first ? make : MakeLaneDecoder();
  }

  // Which of the table's columns the scan reads, directly or through computed ones.
  static std::vector<bool> ReadColumns(const TableDefinition& table, const SharedScan& scan) {
    std::vector<bool> read(table.columns.size(), false);
    for (int c : scan.columns) {
      const TableColumn& column = table.columns[static_cast<size_t>(c)];
      if (column.computed) {
        CollectColumns(*column.computed, read);
      } else {
        read[static_cast<size_t>(c)] = true;
      }
    }
    return read;
  }

  // The keys of the metadata columns that the scan reads, in the order of the table's columns.
  static Result<std::vector<std::string>> MetadataOf(const TableDefinition& table,
                                                     const SharedScan& scan,
                                                     const Connector& connector) {
    const std::vector<bool> read = ReadColumns(table, scan);
    std::vector<std::string> keys;
    for (size_t i = 0; i < read.size(); ++i) {
      const TableColumn& column = table.columns[i];
      if (!read[i] || column.kind != TableColumn::Kind::kMetadata) continue;
      MILL_RETURN(FindMetadata(table, column, connector).status());
      keys.push_back(column.metadata_key);
    }
    return keys;
  }

  static Result<MetadataSpec> FindMetadata(const TableDefinition& table, const TableColumn& column,
                                           const Connector& connector) {
    std::vector<std::string> keys;
    for (const MetadataSpec& spec : connector.metadata) {
      if (spec.key == column.metadata_key) return spec;
      keys.push_back(spec.key);
    }
    const std::string near = NearestName(column.metadata_key, keys);
    std::string hint = keys.empty() ? "" : fmt::format(". it has: {}", fmt::join(keys, ", "));
    if (!near.empty()) hint = ". did you mean '" + near + "'?";
    return UserError("table '{}': its connector '{}' has no metadata column '{}'{}", table.name,
                     connector.name, column.metadata_key, hint);
  }

  static Status AlignWatermarks(const TableDefinition& table, Ingestion* ingestion) {
    const std::string prefix = "scan.watermark.alignment.";
    ingestion->alignment_group = StringOption(table.options, prefix + "group", "");
    MILL_ASSIGN(ingestion->max_drift, DurationOption(table.options, prefix + "max-drift", {}));
    const bool drift = table.options.contains(prefix + "max-drift");
    if (drift == ingestion->alignment_group.empty()) {
      return UserError("table '{}': '{}group' and '{}max-drift' go together", table.name, prefix,
                       prefix);
    }
    if (drift && !table.watermark) {
      return UserError("table '{}': '{}group' wants a WATERMARK", table.name, prefix);
    }
    return Status::OK();
  }

  // Says how decoded rows become the scan's; returns the columns to decode: physical ones, then
  // metadata.
  Result<Schema> FillIngestion(const TableDefinition& table, const SharedScan& scan,
                               const Connector& connector, Ingestion* ingestion) {
    ingestion->table = table.name;
    ingestion->needs_processing_time = scan.wishes.processing_time;
    ingestion->watermark_of_each = scan.wishes.watermark_of_each;
    MILL_ASSIGN(ingestion->idle_timeout,
                DurationOption(table.options, "scan.watermark.idle-timeout",
                               settings_.idle_timeout.value_or(ingestion->idle_timeout)));
    MILL_ASSIGN(ingestion->future_cap,
                DurationOption(table.options, "watermark.future-cap", ingestion->future_cap));
    MILL_RETURN(AlignWatermarks(table, ingestion));
    const std::vector<bool> read = ReadColumns(table, scan);
    Schema decoded;
    std::vector<ExpressionPtr> from_decoded(table.columns.size());
    for (const bool metadata : {false, true}) {
      for (size_t i = 0; i < read.size(); ++i) {
        const TableColumn& column = table.columns[i];
        if (metadata != (column.kind == TableColumn::Kind::kMetadata)) continue;
        if (!read[i]) {
          from_decoded[i] = MakeColumn(-1, column.name, column.type);
          continue;
        }
        Column source{column.name, column.type};
        if (metadata) {
          MILL_ASSIGN(const MetadataSpec spec, FindMetadata(table, column, connector));
          source = {spec.key, spec.type};
        }
        from_decoded[i] = MakeColumn(decoded.size(), source.name, source.type);
        if (metadata) from_decoded[i] = MakeCast(from_decoded[i], column.type);
        decoded.columns.push_back(std::move(source));
      }
    }
    FillColumns(table, scan, from_decoded, decoded, ingestion);
    return decoded;
  }

  static void FillColumns(const TableDefinition& table, const SharedScan& scan,
                          const std::vector<ExpressionPtr>& from_decoded, const Schema& decoded,
                          Ingestion* ingestion) {
    Schema schema;
    std::vector<ExpressionPtr> to_scan(table.columns.size());
    bool as_decoded = decoded.columns.size() == scan.columns.size();
    for (size_t i = 0; i < table.columns.size(); ++i) {
      to_scan[i] = MakeColumn(-1, table.columns[i].name, table.columns[i].type);
    }
    for (int c : scan.columns) {
      const auto at = static_cast<size_t>(c);
      const TableColumn& column = table.columns[at];
      to_scan[at] = MakeColumn(schema.size(), column.name, column.type);
      if (c == table.rowtime) ingestion->rowtime = schema.size();
      as_decoded = as_decoded && column.kind == TableColumn::Kind::kPhysical;
      ingestion->columns.push_back(column.computed ? ReplaceColumns(column.computed, from_decoded)
                                                   : from_decoded[at]);
      schema.columns.push_back({column.name, column.type});
    }
    if (as_decoded) ingestion->columns.clear();
    ingestion->schema = schema.ToArrow();
    if (table.watermark) ingestion->watermark = ReplaceColumns(table.watermark, to_scan);
  }

  // ---- sinks ----

  Status AddSink(const Plan& plan) {
    sink_ = plan.table ? plan.table->name : "$result";
    MILL_ASSIGN(Stream input, BuildPlan(*plan.inputs[0]));
    const std::string id = UniqueId("sink " + sink_);
    std::unique_ptr<Sink> sink;
    if (plan.table) {
      input = KeepNullsOut(plan, input);
      MILL_ASSIGN(input, MoveMetadataBehind(plan, input));
      MILL_ASSIGN(sink, MakeTableSink(plan, id));
    } else {
      const auto make = settings_.committed_results ? MakeCommittedResultWriter : MakeResultWriter;
      sink = make(plan.schema, plan.updating, settings_.results);
    }
    if (input.shared || node(input.node).parallelism > 1) {
      input = {AddNode("Sink " + sink_, 1, input.node, Partitioning::kGather), false};
    } else {
      node(input.node).name += " -> Sink " + sink_;
    }
    node(input.node).sink = std::move(sink);
    node(input.node).sink_table = sink_;
    node(input.node).sink_id = id;
    return Status::OK();
  }

  // Guards the columns that are NOT NULL or in the key, where the query may yield NULL; and those with
  // parts that are NOT NULL, where the enforcer looks into them.
  Stream KeepNullsOut(const Plan& plan, Stream input) {
    NotNullSpec spec{plan.table->name, {}, settings_.drop_nulls, settings_.nested_nulls};
    const auto& keys = plan.table->primary_key;
    for (int i = 0; i < plan.schema.size(); ++i) {
      const Column& column = plan.schema.columns[static_cast<size_t>(i)];
      const int at = plan.table->ToSchema().Find(column.name);
      SqlType type = at < 0 ? column.type : plan.table->columns[static_cast<size_t>(at)].type;
      if (std::find(keys.begin(), keys.end(), column.name) != keys.end()) type.nullable = false;
      const bool guarded = !type.nullable && column.type.nullable;
      const bool inside = settings_.nested_nulls != NestedNulls::kIgnore && !type.children.empty();
      if (guarded || inside) spec.columns.push_back({i, std::move(type)});
    }
    if (spec.columns.empty()) return input;
    return Chain(input, "NotNull",
                 [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeNotNull(spec); });
  }

  static bool IsWritten(const TableColumn& column) {
    return column.kind == TableColumn::Kind::kPhysical ||
           (column.kind == TableColumn::Kind::kMetadata && !column.metadata_virtual);
  }

  static std::vector<const TableColumn*> WrittenMetadata(const TableDefinition& table) {
    std::vector<const TableColumn*> written;
    for (const TableColumn& column : table.columns) {
      const bool metadata = column.kind == TableColumn::Kind::kMetadata;
      if (metadata && IsWritten(column)) written.push_back(&column);
    }
    return written;
  }

  // Sinks take the physical columns, then the metadata in the connector's types.
  Result<Stream> MoveMetadataBehind(const Plan& plan, Stream input) {
    const TableDefinition& table = *plan.table;
    if (WrittenMetadata(table).empty()) return input;
    MILL_ASSIGN(const Connector* connector, FindConnector(table));
    CalcSpec spec;
    spec.project = true;
    spec.time_zone = settings_.time_zone;
    Schema output;
    for (const bool metadata : {false, true}) {
      int from = -1;
      for (const TableColumn& column : table.columns) {
        if (!IsWritten(column)) continue;
        ++from;
        if (metadata != (column.kind == TableColumn::Kind::kMetadata)) continue;
        ExpressionPtr value = MakeColumn(from, column.name, column.type);
        if (metadata) {
          MILL_ASSIGN(const MetadataSpec known, FindMetadata(table, column, *connector));
          value = MakeCast(value, known.type.Nullable());
        }
        output.columns.push_back({column.name, value->type});
        spec.expressions.push_back(std::move(value));
      }
    }
    spec.output = output.ToArrow();
    return Chain(input, "Calc",
                 [spec](int) -> Result<std::unique_ptr<Operator>> { return MakeCalc(spec); });
  }

  Result<std::unique_ptr<Sink>> MakeTableSink(const Plan& plan, const std::string& id) {
    const TableDefinition& table = *plan.table;
    MILL_ASSIGN(const Connector* connector, FindConnector(table));
    TableInfo info = InfoOf(table);
    if (!settings_.owner.empty()) info.owner = settings_.owner + "/" + id;
    for (const TableColumn* column : WrittenMetadata(table)) {
      info.metadata.push_back(column->metadata_key);
    }
    MILL_RETURN(CheckOptions(*connector, info));
    if (!connector->make_sink) {
      return UserError("table '{}': the connector '{}' cannot be written, only read", table.name,
                       connector->name);
    }
    MILL_ASSIGN(auto sink, connector->make_sink(info));
    if (plan.updating && !sink->takes_changelog()) {
      return UserError(
          "table '{}' cannot take updates and deletes, which this query makes. hint: declare PRIMARY "
          "KEY (...) NOT ENFORCED on a connector that can update, or aggregate in windows",
          table.name);
    }
    if (settings_.on_sink_rows) sink = MakeTap(std::move(sink), table.name, settings_.on_sink_rows);
    return sink;
  }

  const BuildSettings& settings_;
  Graph graph_;
  std::map<std::string, SharedScan> scans_;
  std::map<std::string, int> readers_;    // of nodes with state, by fingerprint
  std::map<std::string, Stream> built_;   // those with several readers
  std::map<std::string, int> ids_;  // how often each was given
  std::string sink_, kept_by_;      // of the operators being added
};

const char* PartitioningName(Partitioning partitioning) {
  constexpr const char* kNames[] = {"forward", "hash", "gather"};
  return kNames[static_cast<int>(partitioning)];
}

}  // namespace

TableInfo InfoOf(const TableDefinition& table) {
  TableInfo info;
  info.name = table.name;
  for (const TableColumn& column : table.columns) {
    if (column.kind == TableColumn::Kind::kPhysical) {
      info.schema.columns.push_back({column.name, column.type});
    }
  }
  info.primary_key = table.primary_key;
  info.partitioned_by = table.partitioned_by;
  info.options = table.options;
  return info;
}

Result<Graph> BuildGraph(const std::vector<PlanPtr>& sinks, const BuildSettings& settings) {
  return GraphBuilder(settings).Build(sinks);
}

namespace {

// Appends the operator's line, the lines of its states and the warnings about them.
void PrintOperator(const Operator& op, bool disk, std::string* out, std::string* warnings) {
  *out += "     " + op.Describe() + "\n";
  for (const StateBound& state : op.States()) {
    const std::string bound = state.bound.empty() ? "UNBOUNDED" : state.bound;
    const char* where = !disk ? "" : state.spills ? "; on disk" : "; in memory";
    *out += fmt::format("       state {}: {}{}\n", state.name, bound, where);
    if (!state.bound.empty()) continue;
    *warnings += fmt::format(
        "WARNING: nothing bounds the state '{}' of {} ({}) hint: SET 'table.exec.state.ttl' = '1 d'\n",
        state.name, op.Describe(), state.doc);
  }
}

}  // namespace

std::string GraphToString(const Graph& graph, bool disk) {
  std::string out, warnings;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    out += fmt::format("{}: {} x{}", i, node.name, node.parallelism);
    for (const Edge& edge : node.inputs) {
      out += fmt::format("  <- {} ({})", edge.from, PartitioningName(edge.partitioning));
    }
    out += "\n";
    if (node.ingestion && !node.ingestion->pushed.empty()) {
      out += fmt::format("     skips what fails: {}\n", fmt::join(node.ingestion->pushed, " AND "));
    }
    for (const OperatorMaker& make : node.chain) {
      auto made = make(0);
      if (made.ok()) {
        PrintOperator(**made, disk, &out, &warnings);
      } else {
        out += "     " + made.status().message() + "\n";
      }
    }
  }
  return out + warnings;
}

}  // namespace millrace
