// The viewing connector: the events of ViewingSimulator as a table. Columns are found by name; each
// partition is a lane with devices of its own.

#include <algorithm>
#include <charconv>

#include "base/nearest.h"
#include "connectors/generators/generator_columns.h"
#include "connectors/generators/generator_source.h"
#include "connectors/generators/generators.h"
#include "connectors/generators/viewing_simulator.h"

namespace millrace {
namespace {

using Events = std::vector<ViewingEvent>;

constexpr int64_t kUnbounded = -1;

// What columns need beside the events.
struct ViewingNames {
  uint64_t seed = 0;
  uint64_t tenants = 3, programs = 200;

  // One number for all that stays the same during an episode.
  uint64_t EpisodeOf(const ViewingEvent& event) const {
    return Mix64(seed + Mix64((uint64_t{event.device} << 32) + event.episode));
  }
};

using Maker = ArrayResult (*)(const Events& events, const ViewingNames& names, const TypePtr& type);

char* AppendNumber(char* out, uint64_t number) { return std::to_chars(out, out + 20, number).ptr; }

template <typename Write>
ArrayResult Texts(const Events& events, const TypePtr& type, int64_t max, Write write) {
  const auto rows = static_cast<int64_t>(events.size());
  return FillText(type, rows, rows * max, [&](int64_t i, char* out) {
    return write(events[static_cast<size_t>(i)], out);
  });
}

template <typename T, typename Value>
ArrayResult Numbers(const Events& events, const TypePtr& type, Value value) {
  return FillFixed<T>(type, static_cast<int64_t>(events.size()),
                      [&](int64_t i) { return value(events[static_cast<size_t>(i)]); });
}

// The same column, NULL where an event has `fault`.
ArrayResult WithFault(const Events& events, const std::shared_ptr<arrow::Array>& array,
                      ViewingFault fault) {
  const bool any = std::any_of(events.begin(), events.end(),
                               [&](const ViewingEvent& event) { return event.fault == fault; });
  if (!any) return array;
  return WithNulls(array, [&](int64_t i) { return events[static_cast<size_t>(i)].fault != fault; });
}

ArrayResult TenantColumn(const Events& events, const ViewingNames& names, const TypePtr& type) {
  return Texts(events, type, 32, [&](const ViewingEvent& event, char* out) {
    return AppendNumber(Append(out, "tenant-"), event.device % names.tenants + 1);
  });
}

ArrayResult UserColumn(const Events& events, const ViewingNames&, const TypePtr& type) {
  MILL_ASSIGN(auto users, Texts(events, type, 32, [&](const ViewingEvent& event, char* out) {
                return AppendNumber(Append(out, "user-"), event.device + 100000u);
              }));
  return WithFault(events, users, ViewingFault::kNoUser);
}

// Some programs are far more popular than others.
ArrayResult ProgramColumn(const Events& events, const ViewingNames& names, const TypePtr& type) {
  return Texts(events, type, 32, [&](const ViewingEvent& event, char* out) {
    const double at = Fraction(names.EpisodeOf(event));
    const auto program = static_cast<uint64_t>(static_cast<double>(names.programs) * at * at * at);
    return AppendNumber(Append(out, "program-"), program + 1);
  });
}

ArrayResult DeviceColumn(const Events& events, const ViewingNames&, const TypePtr& type) {
  static constexpr std::string_view kDevices[] = {"tv", "phone", "tablet", "web", "console"};
  return Texts(events, type, 8, [&](const ViewingEvent& event, char* out) {
    return Append(out, kDevices[Below(Mix64(event.device + 1u), 5)]);
  });
}

ArrayResult SessionColumn(const Events& events, const ViewingNames& names, const TypePtr& type) {
  return Texts(events, type, 16, [&](const ViewingEvent& event, char* out) {
    uint64_t id = Mix64(names.EpisodeOf(event));
    for (int i = 0; i < 16; ++i, id >>= 4) *out++ = "0123456789abcdef"[id & 15];
    return out;
  });
}

ArrayResult TypeColumn(const Events& events, const ViewingNames&, const TypePtr& type) {
  static constexpr std::string_view kTypes[] = {"",     "play",   "heartbeat", "pause",
                                                "seek", "buffer", "stop"};
  return Texts(events, type, 16, [&](const ViewingEvent& event, char* out) {
    return Append(out, kTypes[static_cast<size_t>(event.type)]);
  });
}

ArrayResult TimeColumn(const Events& events, const ViewingNames&, const TypePtr& type) {
  MILL_ASSIGN(auto times, Numbers<int64_t>(events, type,
                                           [](const ViewingEvent& event) { return event.time; }));
  return WithFault(events, times, ViewingFault::kNoTime);
}

ArrayResult PositionColumn(const Events& events, const ViewingNames&, const TypePtr& type) {
  return Numbers<int64_t>(events, type, [](const ViewingEvent& event) {
    const bool negative = event.fault == ViewingFault::kNegativePosition;
    return negative ? -1 - event.position : event.position;
  });
}

// In kbit/s; changes once a minute at most.
ArrayResult BitrateColumn(const Events& events, const ViewingNames& names, const TypePtr& type) {
  static constexpr int32_t kRates[] = {800, 1600, 3200, 6000, 6000, 8000};
  return Numbers<int32_t>(events, type, [&](const ViewingEvent& event) {
    return kRates[Below(Mix64(names.EpisodeOf(event) + event.step / 15u), 6)];
  });
}

struct ViewingColumn {
  const char* name;
  const char* sql_type;
  arrow::Type::type type;
  Maker maker;
};

constexpr ViewingColumn kColumns[] = {
    {"tenant_id", "STRING", arrow::Type::STRING, TenantColumn},
    {"user_id", "STRING", arrow::Type::STRING, UserColumn},
    {"program_id", "STRING", arrow::Type::STRING, ProgramColumn},
    {"device", "STRING", arrow::Type::STRING, DeviceColumn},
    {"session_id", "STRING", arrow::Type::STRING, SessionColumn},
    {"event_type", "STRING", arrow::Type::STRING, TypeColumn},
    {"event_time", "TIMESTAMP(3) or TIMESTAMP_LTZ(3)", arrow::Type::TIMESTAMP, TimeColumn},
    {"position_ms", "BIGINT", arrow::Type::INT64, PositionColumn},
    {"bitrate", "INT", arrow::Type::INT32, BitrateColumn},
};

Result<Maker> FindMaker(const arrow::Field& field) {
  std::vector<std::string> names;
  for (const ViewingColumn& column : kColumns) {
    names.push_back(column.name);
    if (field.name() != column.name) continue;
    bool same = field.type()->id() == column.type;
    if (same && column.type == arrow::Type::TIMESTAMP) {
      const auto& time = static_cast<const arrow::TimestampType&>(*field.type());
      same = time.unit() == arrow::TimeUnit::MILLI;
    }
    if (same) return column.maker;
    return UserError("column '{}' of viewing must be {}", column.name, column.sql_type);
  }
  const std::string hint = NearestName(field.name(), names);
  return UserError("viewing has no column '{}'{}", field.name(),
                   hint.empty() ? "" : ". did you mean '" + hint + "'?");
}

class ViewingGenerator : public Generator {
 public:
  ViewingGenerator(const ViewingConfig& config, ViewingNames names, std::vector<Maker> makers,
                   std::shared_ptr<arrow::Schema> schema, int64_t total, Timestamp stuck_at)
      : simulator_(config),
        names_(names),
        makers_(std::move(makers)),
        schema_(std::move(schema)),
        total_(total),
        stuck_at_(stuck_at) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t limit, Timestamp until) override {
    if (total_ != kUnbounded) limit = std::min(limit, total_ - simulator_.events());
    events_.clear();
    simulator_.Next(static_cast<size_t>(limit), std::min(until, stuck_at_), events_);
    if (events_.empty()) return nullptr;
    std::vector<std::shared_ptr<arrow::Array>> arrays(makers_.size());
    for (size_t i = 0; i < makers_.size(); ++i) {
      MILL_ASSIGN(arrays[i],
                  makers_[i](events_, names_, schema_->field(static_cast<int>(i))->type()));
    }
    return arrow::RecordBatch::Make(schema_, static_cast<int64_t>(events_.size()),
                                    std::move(arrays));
  }
  std::string position() const override { return simulator_.position(); }
  Status Seek(const std::string& position) override { return simulator_.Seek(position); }
  bool done() const override { return bounded() && simulator_.events() >= total_; }
  // A lane that will get stuck never ends.
  bool bounded() const override { return total_ != kUnbounded && stuck_at_ == kMaxTimestamp; }
  int64_t total_rows() const override { return bounded() ? total_ : 0; }
  Timestamp clock() const override { return simulator_.clock(); }

 private:
  ViewingSimulator simulator_;
  ViewingNames names_;
  std::vector<Maker> makers_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t total_;
  Timestamp stuck_at_;
  Events events_;
};

Result<ViewingConfig> ReadConfig(const Options& options) {
  using std::chrono::milliseconds;
  ViewingConfig config;
  MILL_ASSIGN(config.devices, RangedOption(options, "devices", 1000, 1, 100000000));
  MILL_ASSIGN(config.lanes, RangedOption(options, "partitions", 1, 1, 1024));
  if (config.lanes > config.devices) {
    return UserError("option 'partitions' = '{}' is above 'devices' = '{}'", config.lanes,
                     config.devices);
  }
  MILL_ASSIGN(config.start, TimeOption(options, "start-time"));
  MILL_ASSIGN(config.disorder, ChanceOption(options, "disorder"));
  MILL_ASSIGN(config.duplicates, ChanceOption(options, "duplicates"));
  MILL_ASSIGN(config.silence, ChanceOption(options, "silence"));
  MILL_ASSIGN(config.broken, ChanceOption(options, "broken"));
  MILL_ASSIGN(const milliseconds held, DurationOption(options, "disorder.max", milliseconds{5000}));
  if (held < milliseconds{0} || held > std::chrono::hours{24}) {
    return UserError("option 'disorder.max' is out of range: use 0 s to 24 h");
  }
  config.disorder_max = held.count();
  MILL_ASSIGN(const int64_t seed, IntOption(options, "seed", 0));
  config.seed = static_cast<uint64_t>(seed);
  return config;
}

// The share of lane `lane` when `total` is dealt out evenly.
int64_t ShareOf(int64_t total, int64_t lane, int64_t lanes) {
  return total / lanes + (lane < total % lanes ? 1 : 0);
}

// What the lanes have in common.
struct ViewingPlan {
  ViewingConfig config;
  ViewingNames names;
  int64_t events = kUnbounded;
  Pace pace;
  int64_t stuck_lane = -1;
  Timestamp stuck_at = kMaxTimestamp;
};

Result<ViewingPlan> ReadPlan(const Options& options) {
  using std::chrono::milliseconds;
  constexpr int64_t kMax = int64_t{1} << 60;
  ViewingPlan plan;
  MILL_ASSIGN(plan.config, ReadConfig(options));
  MILL_ASSIGN(const int64_t tenants, RangedOption(options, "tenants", 3, 1, 1000000));
  MILL_ASSIGN(const int64_t programs, RangedOption(options, "programs", 200, 1, 100000000));
  plan.names = {plan.config.seed, static_cast<uint64_t>(tenants), static_cast<uint64_t>(programs)};
  if (options.contains("events")) {
    MILL_ASSIGN(plan.events, RangedOption(options, "events", 0, 0, kMax));
  }
  MILL_ASSIGN(plan.pace.rows_per_second, RangedOption(options, "rows-per-second", 0, 0, kMax));
  MILL_ASSIGN(plan.pace.speedup, DoubleOption(options, "speedup", 0));
  if (!(plan.pace.speedup >= 0 && plan.pace.speedup <= 1e6)) {
    return UserError("option 'speedup' is out of range: use 0 to 1000000");
  }
  MILL_ASSIGN(plan.stuck_lane,
              RangedOption(options, "stuck-partition", -1, -1, plan.config.lanes - 1));
  MILL_ASSIGN(const milliseconds after,
              DurationOption(options, "stuck-after", milliseconds{60000}));
  plan.stuck_at = plan.config.start + after.count();
  return plan;
}

Result<std::vector<std::unique_ptr<Source>>> MakeViewing(const TableInfo& table,
                                                         const Schema& columns) {
  MILL_ASSIGN(ViewingPlan plan, ReadPlan(table.options));
  auto schema = columns.ToArrow();
  std::vector<Maker> makers;
  for (const auto& field : schema->fields()) {
    MILL_ASSIGN(Maker maker, FindMaker(*field));
    makers.push_back(maker);
  }
  std::vector<std::unique_ptr<Source>> lanes;
  const int64_t count = plan.config.lanes;
  for (int64_t lane = 0; lane < count; ++lane) {
    plan.config.lane = lane;
    const int64_t events =
        plan.events == kUnbounded ? kUnbounded : ShareOf(plan.events, lane, count);
    const Timestamp stuck_at = lane == plan.stuck_lane ? plan.stuck_at : kMaxTimestamp;
    auto generator = std::make_unique<ViewingGenerator>(plan.config, plan.names, makers, schema,
                                                        events, stuck_at);
    Pace pace = plan.pace;
    if (pace.rows_per_second > 0) {
      pace.rows_per_second =
          std::max<int64_t>(1, ShareOf(plan.pace.rows_per_second, lane, count));
    }
    lanes.push_back(std::make_unique<GeneratorSource>(fmt::format("partition {}", lane),
                                                      std::move(generator), pace));
  }
  return lanes;
}

}  // namespace

Connector ViewingConnector() {
  Connector connector;
  connector.name = "viewing";
  connector.doc = "Simulated devices that play video: one heartbeat each 4 s, and what goes wrong. "
                  "Columns by name: tenant_id, user_id, program_id, device, session_id, "
                  "event_type, event_time, position_ms, bitrate.";
  connector.options = {
      {"devices", "BIGINT", "1000", "Devices, most of which are playing at any time."},
      {"tenants", "BIGINT", "3", "Tenants the devices belong to."},
      {"programs", "BIGINT", "200", "Programs they play, some far more than others."},
      {"events", "BIGINT", "", "Events in all; without it there is no end."},
      {"rows-per-second", "BIGINT", "0", "Rows per second; 0: as fast as they are taken."},
      {"speedup", "DOUBLE", "0", "Event time runs so many times as fast as the clock; 0: any."},
      {"start-time", "STRING", "2026-01-01 00:00:00", "Event time of the start."},
      {"seed", "BIGINT", "0", "The same seed gives the same events."},
      {"partitions", "BIGINT", "1", "Lanes, each with devices of its own."},
      {"disorder", "DOUBLE", "0", "Probability that an event arrives late."},
      {"disorder.max", "DURATION", "5 s", "How late at most; duplicates too."},
      {"duplicates", "DOUBLE", "0", "Probability that an event arrives twice."},
      {"silence", "DOUBLE", "0", "Probability that a device vanishes without a stop."},
      {"broken", "DOUBLE", "0", "Probability of a row without time, without user, or with a "
                                "negative position."},
      {"stuck-partition", "BIGINT", "", "A lane that falls silent and never ends."},
      {"stuck-after", "DURATION", "1 min", "Event time after which it falls silent."},
  };
  connector.make_source = MakeViewing;
  connector.disorder = [](const TableInfo& table) -> Result<std::chrono::milliseconds> {
    MILL_ASSIGN(const ViewingConfig config, ReadConfig(table.options));
    return std::chrono::milliseconds{config.disorder_max};
  };
  return connector;
}

}  // namespace millrace
