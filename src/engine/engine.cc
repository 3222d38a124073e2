#include "engine/engine.h"

#include <arrow/compute/initialize.h>
#include <xxhash.h>

#include <algorithm>
#include <thread>

#include "base/nearest.h"
#include "connectors/secrets.h"
#include "data/text_table.h"
#include "engine/build.h"
#include "engine/emit_options.h"
#include "engine/launch.h"
#include "engine/procedures.h"
#include "engine/rejected.h"
#include "engine/session_catalog.h"
#include "engine/state_backend.h"
#include "functions/calendar.h"
#include "functions/registry.h"
#include "functions/special_forms.h"
#include "plan/binder.h"
#include "plan/optimizer.h"
#include "sql/parser.h"

namespace millrace {
namespace {

// The session options that SET accepts; a trailing '*' takes any ending.
const std::vector<std::string>& SessionOptions() {
  static const std::vector<std::string> kNames = {
      "parallelism.default", "pipeline.name", "pipeline.max-parallelism", "table.local-time-zone",
      "execution.runtime-mode", "execution.checkpointing.interval", "sql-client.execution.result-mode",
      "table.dml-sync", "table.exec.*", "__table.exec.sort.non-temporal.enabled__", "table.optimizer.*", "execution.*", "restart-strategy*",
      "state.*", "pipeline.*", "millrace.batch-rows", "millrace.queue-bytes", "millrace.job-folder",
      "millrace.table.*", "metrics.reporters", "metrics.reporter.prom.port",
      "metrics.reporter.prom.factory.class",
      "s3.endpoint", "s3.region", "s3.access-key", "s3.secret-key", "s3.session-token",
      "s3.path.style.access", "s3.anonymous"};
  return kNames;
}

const std::string kTableOption = "millrace.table.";

bool Matches(const std::string& pattern, const std::string& name) {
  if (pattern.ends_with("*")) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == name;
}

// Whole numbers among the session options, and between what they must lie.
struct NumberRange {
  const char* option;
  int64_t least, most;
};
constexpr NumberRange kNumberRanges[] = {{"parallelism.default", -1, 1024},
                                         {"pipeline.max-parallelism", 1, kMostKeyGroups},
                                         {"millrace.batch-rows", 1, 1 << 20},
                                         {"millrace.queue-bytes", 1, int64_t{1} << 40}};

// An error if `value` cannot be what option `key` wants.
Status CheckSessionValue(const std::string& key, const std::string& value) {
  const Options one = {{key, value}};
  for (const NumberRange& range : kNumberRanges) {
    if (key != range.option) continue;
    MILL_ASSIGN(const int64_t number, IntOption(one, key, 0));
    if (number >= range.least && number <= range.most) return Status::OK();
    return UserError("option '{}': {} is not between {} and {}", key, value, range.least, range.most);
  }
  if (key == "table.local-time-zone") {
    return Annotate(TimeZone::Make(value).status(), "option '" + key + "'");
  }
  if (key == "metrics.reporters" && value != "prom") {
    return UserError("option '{}': there is only 'prom', not '{}'", key, value);
  }
  if (key == "metrics.reporter.prom.factory.class" && !value.ends_with("PrometheusReporterFactory")) {
    return UserError(
        "option '{}': '{}' is not there; metrics are served as Flink's PrometheusReporterFactory does", key,
        value);
  }
  if (key.starts_with("state.backend")) return ReadStateBackend(one, 1).status();
  if (key == "execution.checkpointing.interval") {
    return DurationOption(one, key, std::chrono::milliseconds(0)).status();
  }
  return Status::OK();
}

// Scripts are UTF-8: what they say ends up in tables and files.
Status CheckIsText(std::string_view script) {
  for (int line = 1; !script.empty(); ++line) {
    const size_t end = std::min(script.find('\n'), script.size());
    if (!IsUtf8(script.substr(0, end))) {
      return UserError("line {}: the script is not valid UTF-8. hint: X'FF' writes bytes", line);
    }
    script.remove_prefix(std::min(end + 1, script.size()));
  }
  return Status::OK();
}

std::string OneALine(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += name + "\n";
  return out;
}

class EngineImpl : public Engine {
 public:
  explicit EngineImpl(EngineOptions options) : options_(std::move(options)) {}

  Status Open() {
    MILL_RETURN(arrow::compute::Initialize());
    MILL_ASSIGN(rejected_, Rejected::Make(options_.job_folder));
    return AddRejectedTables();
  }

  Status Execute(std::string_view script, ResultSink* rows,
                 const std::function<Status(StatementResult)>& on_result) override {
    MILL_RETURN(CheckIsText(script));
    MILL_ASSIGN(auto statements, ParseScript(script));
    script_hash_ = fmt::format("{:016x}", XXH64(script.data(), script.size(), 0));
    for (const ast::Statement& statement : statements) {
      auto result = ExecuteOne(statement, rows);
      if (!result.ok()) return AtPlace(result.status(), statement.place);
      MILL_RETURN(on_result(std::move(*result)));
      MILL_RETURN(rejected_->failure());
    }
    return Status::OK();
  }

  Status SetOption(const std::string& key, const std::string& value) override {
    MILL_RETURN(CheckSessionOption(key));
    MILL_RETURN(CheckSessionValue(key, value));
    set_[key] = value;
    return Status::OK();
  }
  std::string Option(const std::string& key, const std::string& fallback) const override {
    return StringOption(set_, key, fallback);
  }
  std::vector<RejectedRow> DeadLetterRows() const override { return rejected_->dead_letters(); }
  std::vector<RejectedRow> LateRows() const override { return rejected_->late_rows(); }
  Status RejectedFailure() const override { return rejected_->failure(); }

 private:
  // $dead_letter and $late as tables over the files of the job's folder.
  Status AddRejectedTables() {
    if (options_.job_folder.empty()) return Status::OK();
    for (const char* name : {"dead_letter", "late"}) {
      TableDefinition table;
      table.name = std::string("$") + name;
      for (const Column& column : RejectedColumns().columns) {
        TableColumn added;
        added.name = column.name;
        added.type = column.type;
        table.columns.push_back(std::move(added));
      }
      table.options = {{"connector", "filesystem"},
                       {"path", options_.job_folder + "/" + name + ".json"},
                       {"format", "json"}};
      MILL_RETURN(catalog_.Add(std::move(table), true));
    }
    return Status::OK();
  }

  Result<StatementResult> ExecuteOne(const ast::Statement& statement, ResultSink* rows) {
    return std::visit([&](const auto& body) { return Run(body, rows); }, statement.body);
  }

  static StatementResult Text(std::string text) {
    StatementResult result;
    result.kind = StatementResult::Kind::kText;
    result.text = std::move(text);
    return result;
  }

  Result<StatementResult> Run(const ast::CreateTable& create, ResultSink*) {
    MILL_ASSIGN(TableDefinition table, Binder(catalog_).BindCreateTable(create));
    OverrideOptions(&table);
    InheritOptions(&table);
    const Connector* connector = ConnectorOf(table.options);
    if (connector != nullptr && connector->changelog) {
      table.changelog = connector->changelog(InfoOf(table));
    }
    if (table.source_watermark) MILL_RETURN(SetSourceWatermark(connector, &table));
    MILL_RETURN(catalog_.Add(std::move(table), create.if_not_exists));
    return StatementResult{};
  }

  // SOURCE_WATERMARK(): the event time less the disorder that the connector knows of, so that no row is
  // late. A row at the watermark would be: hence the millisecond.
  static Status SetSourceWatermark(const Connector* connector, TableDefinition* table) {
    const TableColumn& column = table->columns[static_cast<size_t>(table->rowtime)];
    if (connector == nullptr || !connector->disorder) {
      return UserError(
          "table '{0}': its connector cannot tell how far its rows are out of order, so there is no "
          "SOURCE_WATERMARK(). hint: WATERMARK FOR {1} AS {1} - INTERVAL '5' SECOND",
          table->name, column.name);
    }
    MILL_ASSIGN(const std::chrono::milliseconds disorder, connector->disorder(InfoOf(*table)));
    const ExpressionPtr behind =
        MakeLiteral(arrow::MakeScalar(int64_t{disorder.count()} + 1),
                    SqlType::Of(TypeKind::kIntervalDay).NotNull());
    MILL_ASSIGN(table->watermark,
                MakeCall("-", {MakeColumn(table->rowtime, column.name, column.type), behind}));
    table->watermark = MakeCast(table->watermark, column.type);
    return Status::OK();
  }

  // 'millrace.table.<table>.<option>' stands above what the script says; with another connector the
  // script's options are none of its own.
  void OverrideOptions(TableDefinition* table) const {
    const std::string prefix = kTableOption + table->name + ".";
    if (set_.contains(prefix + "connector")) table->options.clear();
    for (auto it = set_.lower_bound(prefix); it != set_.end() && it->first.starts_with(prefix); ++it) {
      table->options[it->first.substr(prefix.size())] = it->second;
    }
  }

  // 's3.*' holds for all tables that know such options and do not say otherwise themselves.
  void InheritOptions(TableDefinition* table) const {
    const Connector* connector = ConnectorOf(table->options);
    if (!connector) return;
    for (const OptionSpec& option : connector->options) {
      const auto set = set_.find(option.name);
      if (option.name.starts_with("s3.") && set != set_.end()) table->options.insert(*set);
    }
  }

  // Options that no table has taken have a wrong name.
  Status CheckOverrides() const {
    for (auto it = set_.lower_bound(kTableOption);
         it != set_.end() && it->first.starts_with(kTableOption); ++it) {
      const std::string rest = it->first.substr(kTableOption.size());
      const std::vector<std::string> tables = catalog_.TableNames();
      const auto meant = [&rest](const std::string& name) { return rest.starts_with(name + "."); };
      if (std::any_of(tables.begin(), tables.end(), meant)) continue;
      const std::string near = NearestName(rest.substr(0, rest.find('.')), tables);
      return UserError("option '{}' names no table{}", it->first,
                       near.empty() ? "" : ". did you mean '" + near + "'?");
    }
    return Status::OK();
  }

  Result<StatementResult> Run(const ast::CreateView& create, ResultSink*) {
    MILL_ASSIGN(const PlanPtr plan, Binder(catalog_).BindQuery(*create.query));
    const size_t names = create.columns.size(), columns = plan->schema.columns.size();
    if (names != 0 && names != columns) {
      return AtPlace(UserError("view '{}' names {} columns, its query has {}", create.name, names,
                               columns),
                     create.query->place);
    }
    MILL_RETURN(catalog_.Add(ViewDefinition{create.name, create.columns, create.query, create.text},
                             create.if_not_exists));
    return StatementResult{};
  }

  Result<StatementResult> Run(const ast::Drop& drop, ResultSink*) {
    MILL_RETURN(catalog_.Drop(drop));
    return StatementResult{};
  }

  Result<StatementResult> Run(const ast::Show& show, ResultSink*) {
    switch (show.what) {
      case ast::Show::What::kTables: return Text(OneALine(catalog_.Names()));
      case ast::Show::What::kViews: return Text(OneALine(catalog_.ViewNames()));
      case ast::Show::What::kFunctions: return Text(OneALine(FunctionRegistry::Default().Names()));
      case ast::Show::What::kCreateTable: {
        auto table = catalog_.FindTable(show.name);
        if (!table) return NoSuchTable(show.name);
        return Text(ShowCreateTable(*table));
      }
      case ast::Show::What::kCreateView: {
        auto view = catalog_.FindView(show.name);
        if (!view) return NoSuchTable(show.name);
        return Text("CREATE VIEW `" + view->name + "` AS " + view->text + "\n");
      }
    }
    return StatementResult{};
  }

  Status NoSuchTable(const std::string& name) const {
    const std::string near = NearestName(name, catalog_.Names());
    return UserError("there is no table or view '{}'{}", name,
                     near.empty() ? "" : ". did you mean '" + near + "'?");
  }

  Result<StatementResult> Run(const ast::Describe& describe, ResultSink*) {
    if (auto table = catalog_.FindTable(describe.name)) return Text(DescribeTable(*table));
    auto view = catalog_.FindView(describe.name);
    if (!view) return NoSuchTable(describe.name);
    MILL_ASSIGN(PlanPtr plan, Binder(catalog_).BindQuery(*view->query));
    TableDefinition shown;
    for (const Column& column : plan->schema.columns) {
      TableColumn added;
      const size_t at = shown.columns.size();
      added.name = view->columns.empty() ? column.name : view->columns[at];
      added.type = column.type;
      shown.columns.push_back(std::move(added));
    }
    return Text(DescribeTable(shown));
  }

  Result<StatementResult> Run(const ast::SetOption& option, ResultSink*) {
    if (option.reset) {
      if (option.key.empty()) set_.clear();
      set_.erase(option.key);
      return StatementResult{};
    }
    if (option.value) {
      MILL_RETURN(SetOption(option.key, *option.value));
      return StatementResult{};
    }
    std::string text;
    for (const auto& [key, value] : set_) {
      text += fmt::format("'{}' = '{}'\n", key, ShownOption(key, value));
    }
    return Text(text);
  }

  static Status CheckSessionOption(const std::string& key) {
    const auto& names = SessionOptions();
    const auto known = [&](const std::string& name) { return Matches(name, key); };
    if (std::any_of(names.begin(), names.end(), known)) return Status::OK();
    const std::string near = NearestName(key, names);
    return UserError("there is no option '{}'{}", key,
                     near.empty() ? "" : ". did you mean '" + near + "'?");
  }

  Result<StatementResult> Run(const ast::Insert& insert, ResultSink*) { return RunInserts({insert}); }
  Result<StatementResult> Run(const ast::StatementSet& set, ResultSink*) {
    return RunInserts(set.inserts);
  }

  Result<StatementResult> Run(const ast::QueryPtr& query, ResultSink* rows) {
    if (options_.explain) return Run(ast::Explain{query, {}}, rows);
    MILL_ASSIGN(PlanPtr sink, PlanSelect(*query));
    MILL_ASSIGN(StatementResult result, StartJob({sink}, rows));
    result.kind = StatementResult::Kind::kRows;
    return result;
  }

  Result<StatementResult> Run(const ast::Explain& explain, ResultSink*) {
    MILL_ASSIGN(auto plans, PlanStatement(explain));
    std::string logical = "== Logical Plan ==\n", optimized = "\n== Optimized Plan ==\n";
    std::vector<PlanPtr> best;
    for (const PlanPtr& plan : plans) {
      logical += PlanToString(*plan);
      MILL_ASSIGN(PlanPtr better, Optimize(plan));
      optimized += PlanToString(*better);
      best.push_back(std::move(better));
    }
    MILL_ASSIGN(const BuildSettings settings, Settings(nullptr));
    MILL_ASSIGN(const Graph graph, BuildGraph(best, settings));
    MILL_ASSIGN(const StateBackend backend, ReadStateBackend(set_, Workers()));
    return Text(logical + optimized + "\n== Physical Plan ==\n" +
                GraphToString(graph, backend.rocksdb));
  }

  Result<StatementResult> Run(const ast::Help& help, ResultSink*) {
    const FunctionRegistry& registry = FunctionRegistry::Default();
    if (const ScalarFunction* f = registry.FindScalar(help.name)) {
      std::string text = f->signature + "\n" + f->doc + "\n";
      for (const Example& example : f->examples) text += "  " + example.sql + " = " + example.result + "\n";
      return Text(text);
    }
    if (const AggregateFunction* f = registry.FindAggregate(help.name)) {
      return Text(f->signature + "\n" + f->doc + "\n");
    }
    if (const SpecialForm* form = FindSpecialForm(help.name)) {
      return Text(fmt::format("{}\n{}\n", form->signature, form->doc));
    }
    if (std::string manual = ProcedureManual(help.name); !manual.empty()) return Text(manual);
    const std::string near = NearestName(help.name, registry.Names());
    return UserError("there is no function '{}'{}", help.name,
                     near.empty() ? "" : ". did you mean '" + near + "'?");
  }

  Result<StatementResult> Run(const ast::Call& call, ResultSink* rows) {
    if (options_.explain) return Text(fmt::format("CALL system.{}: it is run at once\n", call.name));
    MILL_ASSIGN(const ProcedureRow row,
                RunProcedure(call, [this](const std::string& name) -> Result<TableInfo> {
                  auto table = catalog_.FindTable(name);
                  if (!table) return NoSuchTable(name);
                  return InfoOf(*table);
                }));
    MILL_ASSIGN(const auto statements, ParseScript(QueryOf(row)));
    return ExecuteOne(statements.front(), rows);
  }

  Result<PlanPtr> PlanSelect(const ast::Query& query) {
    MILL_ASSIGN(const EmitSpec emit, ReadEmit(set_));
    MILL_ASSIGN(PlanPtr plan, Binder(catalog_, SortsAtEnd(), emit).BindQuery(query));
    auto sink = std::make_shared<Plan>();
    sink->kind = PlanKind::kSink;
    sink->schema = plan->schema;
    sink->traits = plan->traits;
    sink->updating = plan->updating;
    // The projection keeps the columns as they were asked for, whatever the optimizer does below.
    std::vector<ExpressionPtr> columns;
    std::vector<std::string> names;
    for (int i = 0; i < plan->schema.size(); ++i) {
      const Column& column = plan->schema.columns[static_cast<size_t>(i)];
      columns.push_back(MakeColumn(i, column.name, column.type));
      names.push_back(column.name);
    }
    sink->inputs = {MakeProject(plan, std::move(columns), std::move(names))};
    return sink;
  }

  // Flink's own switch for ORDER BY other than by time, on inputs that end.
  bool SortsAtEnd() const {
    return Option("__table.exec.sort.non-temporal.enabled__", "false") == "true";
  }

  Result<std::vector<PlanPtr>> PlanInserts(const std::vector<ast::Insert>& inserts) {
    MILL_ASSIGN(const EmitSpec emit, ReadEmit(set_));
    std::vector<PlanPtr> plans;
    for (const ast::Insert& insert : inserts) {
      MILL_ASSIGN(PlanPtr plan, Binder(catalog_, SortsAtEnd(), emit).BindInsert(insert));
      plans.push_back(std::move(plan));
    }
    return plans;
  }

  Result<std::vector<PlanPtr>> PlanStatement(const ast::Explain& explain) {
    if (!explain.query) return PlanInserts(explain.inserts);
    MILL_ASSIGN(PlanPtr plan, PlanSelect(*explain.query));
    return std::vector<PlanPtr>{plan};
  }

  Result<StatementResult> RunInserts(const std::vector<ast::Insert>& inserts) {
    if (options_.explain) return Run(ast::Explain{nullptr, inserts}, nullptr);
    MILL_ASSIGN(auto plans, PlanInserts(inserts));
    return StartJob(plans, nullptr);
  }

  const Connector* FindByName(const std::string& name) const {
    for (const Connector& extra : options_.extra_connectors) {
      if (extra.name == name) return &extra;
    }
    return FindConnector(name);
  }

  // The connector that a table's options name; null if there is none.
  const Connector* ConnectorOf(const Options& options) const {
    return FindByName(StringOption(options, "connector", ""));
  }

  Result<BuildSettings> Settings(ResultSink* rows) {
    BuildSettings settings;
    settings.workers = Workers();
    settings.time_zone = Option("table.local-time-zone", "UTC");
    MILL_ASSIGN(settings.state_ttl, DurationOption(set_, "table.exec.state.ttl", {}));
    if (set_.contains("table.exec.source.idle-timeout")) {
      MILL_ASSIGN(settings.idle_timeout,
                  DurationOption(set_, "table.exec.source.idle-timeout", {}));
    }
    settings.results = rows;
    settings.committed_results = options_.checkpoint_queries;
    settings.drop_nulls = Option("table.exec.sink.not-null-enforcer", "ERROR") == "DROP";
    MILL_ASSIGN(settings.nested_nulls, NestedNullsOption());
    settings.on_sink_rows = options_.on_sink_rows;
    settings.limit_reached = std::make_shared<std::atomic<bool>>(false);
    settings.find_connector = [this](const std::string& name) { return FindByName(name); };
    return settings;
  }

  Result<NestedNulls> NestedNullsOption() const {
    const std::string name = "table.exec.sink.nested-constraint-enforcer";
    const std::string value = Option(name, "IGNORE");
    if (value == "IGNORE") return NestedNulls::kIgnore;
    if (value == "ROWS") return NestedNulls::kRows;
    if (value == "ROWS_AND_COLLECTIONS") return NestedNulls::kRowsAndCollections;
    return UserError("option '{}' is '{}', expected IGNORE, ROWS or ROWS_AND_COLLECTIONS", name, value);
  }

  int Workers() const {
    if (options_.workers > 0) return options_.workers;
    auto wanted = IntOption(set_, "parallelism.default", 0);
    if (wanted.ok() && *wanted > 0) return static_cast<int>(*wanted);
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  Result<StatementResult> StartJob(const std::vector<PlanPtr>& plans, ResultSink* rows) {
    MILL_RETURN(CheckOverrides());
    std::vector<PlanPtr> best;
    StatementResult result;
    result.kind = StatementResult::Kind::kJob;
    for (const PlanPtr& plan : plans) {
      MILL_ASSIGN(PlanPtr better, Optimize(plan));
      if (better->table) result.sinks.push_back(better->table->name);
      best.push_back(std::move(better));
    }
    MILL_ASSIGN(const BuildSettings settings, Settings(rows));
    MILL_ASSIGN(JobOptions job_options, OptionsOfJob());
    if (!best[0]->table && !options_.checkpoint_queries) {
      MILL_ASSIGN(Graph graph, BuildGraph(best, settings));
      MILL_ASSIGN(RejectLog* const rejects, RejectsOfQuery());
      MILL_ASSIGN(job_options.disk, SpaceOfJob());
      MILL_ASSIGN(result.job, Job::Make(std::move(graph), job_options, {rejects}));
    } else {
      MILL_RETURN(LaunchJob(best, settings, job_options, &result));
    }
    result.limit_reached = settings.limit_reached;
    return result;
  }

  // A query may look into the folder of a running job, but must not write there.
  Result<RejectLog*> RejectsOfQuery() {
    if (!options_.job_folder.empty() && !directory_) {
      auto owned = JobDirectory::Own(options_.job_folder);
      if (owned.ok()) directory_ = std::move(*owned);
    }
    if (options_.job_folder.empty() || directory_) return rejected_.get();
    MILL_ASSIGN(in_memory_, Rejected::Make(""));
    return in_memory_.get();
  }

  // A job that writes tables: named, checkpointed, restarted.
  Status LaunchJob(const std::vector<PlanPtr>& plans, BuildSettings settings,
                   const JobOptions& options, StatementResult* result) {
    LaunchRequest request;
    request.name = result->job_name = UniqueJobName(result->sinks);
    request.options = options;
    request.session = set_;
    request.rejects = rejected_.get();
    request.restore = options_.restore;
    if (request.restore.from.empty()) {
      request.restore.from = Option("execution.state-recovery.path", "");
    }
    request.note = options_.on_note;
    if (!options_.job_folder.empty() && !directory_) {
      MILL_ASSIGN(directory_, JobDirectory::Own(options_.job_folder));
    }
    request.store = options_.checkpoint_store;
    request.directory = directory_;
    MILL_ASSIGN(request.options.disk, SpaceOfJob());
    if (directory_) settings.owner = directory_->id() + "/" + request.name;
    request.build = [plans, settings] { return BuildGraph(plans, settings); };
    MILL_ASSIGN(Launched launched, Launch(std::move(request)));
    result->job = std::move(launched.job);
    result->text = std::move(launched.text);
    if (!result->job) result->kind = StatementResult::Kind::kText;
    return Status::OK();
  }

  // pipeline.name, else the tables written; numbered where a script has several of that name.
  std::string UniqueJobName(const std::vector<std::string>& sinks) {
    std::string name = Option("pipeline.name", "");
    for (const std::string& sink : name.empty() ? sinks : std::vector<std::string>{}) {
      name += (name.empty() ? "" : "+") + sink;
    }
    if (name.empty()) name = "query";
    if (name.size() > 100) name.resize(100);
    const int uses = ++job_names_[name];
    return uses == 1 ? name : fmt::format("{}-{}", name, uses);
  }

  // Once it is known whose folder it is.
  Result<std::shared_ptr<RocksDbSpace>> SpaceOfJob() const {
    MILL_ASSIGN(const StateBackend backend, ReadStateBackend(set_, Workers()));
    return MakeSpace(backend, directory_ ? directory_->path() : "");
  }

  Result<JobOptions> OptionsOfJob() const {
    JobOptions job;
    job.clock = options_.clock;
    job.steady_clock = options_.steady_clock;
    job.workers = Workers();
    job.time_zone = Option("table.local-time-zone", "UTC");
    MILL_ASSIGN(job.batch_rows, IntOption(set_, "millrace.batch-rows", job.batch_rows));
    MILL_ASSIGN(job.queue_bytes, IntOption(set_, "millrace.queue-bytes", job.queue_bytes));
    MILL_ASSIGN(const int64_t key_groups,
                IntOption(set_, "pipeline.max-parallelism", job.checkpoints.key_groups));
    job.checkpoints.key_groups = static_cast<uint32_t>(key_groups);
    MILL_RETURN(ReadCheckpointOptions(set_, &job));
    job.checkpoints.script_hash = script_hash_;
    job.crash_point = options_.crash_point;
    job.message_order = options_.message_order;
    if (job.crash_point) job.messages_per_run = 1;
    return job;
  }

  EngineOptions options_;
  SessionCatalog catalog_;
  Options set_;
  std::unique_ptr<Rejected> rejected_;
  std::unique_ptr<Rejected> in_memory_;      // of a query in another process's folder
  std::string script_hash_;                  // of the script being executed
  std::shared_ptr<JobDirectory> directory_;  // once a job has needed it
  std::map<std::string, int> job_names_;     // how often each was given
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Make(EngineOptions options) {
  auto engine = std::make_unique<EngineImpl>(std::move(options));
  MILL_RETURN(engine->Open());
  return engine;
}

}  // namespace millrace
