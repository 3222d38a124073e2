// The nexmark connector: NexmarkEvents as a table, either all events in the columns of the Flink
// connector (event_type, person, auction, bid) or only the bids in flat columns.

#include <arrow/array/array_nested.h>

#include <charconv>

#include "base/nearest.h"
#include "connectors/generators/generator_source.h"
#include "connectors/generators/generators.h"
#include "connectors/generators/nexmark_events.h"

namespace millrace {
namespace {

using Member = NexmarkEvents::Member;
constexpr int64_t kUnbounded = 0;
constexpr int64_t kMaxEventBytes = 65536;

// What makes one column of the table.
struct NexmarkColumn {
  NexmarkKind kind = NexmarkKind::kBid;
  bool is_type = false;          // event_type
  bool is_row = false;           // person, auction, bid: `members` are the fields
  std::vector<Member> members;   // of a flat column just one
};

class NexmarkGenerator : public Generator {
 public:
  NexmarkGenerator(std::shared_ptr<const NexmarkEvents> events, std::vector<NexmarkColumn> columns,
                   std::shared_ptr<arrow::Schema> schema, int64_t total, bool bids_only)
      : events_(std::move(events)),
        columns_(std::move(columns)),
        schema_(std::move(schema)),
        total_(total),
        bids_only_(bids_only) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t limit, Timestamp) override {
    if (bounded()) limit = std::min(limit, total_ - next_);
    events_->Describe(next_, limit, bids_only_, rows_);
    std::vector<std::shared_ptr<arrow::Array>> arrays(columns_.size());
    for (size_t i = 0; i < columns_.size(); ++i) {
      MILL_ASSIGN(arrays[i], MakeColumn(columns_[i], schema_->field(static_cast<int>(i))->type()));
    }
    next_ += limit;
    return arrow::RecordBatch::Make(schema_, limit, std::move(arrays));
  }
  std::string position() const override { return std::to_string(next_); }
  Status Seek(const std::string& position) override {
    const char* end = position.data() + position.size();
    const auto parsed = std::from_chars(position.data(), end, next_);
    if (parsed.ptr == end && next_ >= 0) return Status::OK();
    return UserError("cannot seek nexmark to position \"{}\"", position);
  }
  bool done() const override { return bounded() && next_ >= total_; }
  bool bounded() const override { return total_ != kUnbounded; }
  int64_t total_rows() const override { return total_; }

 private:
  ArrayResult MakeColumn(const NexmarkColumn& column, const TypePtr& type) {
    if (column.is_type) {
      return FillFixed<int32_t>(type, rows_.size(), [&](int64_t i) {
        return static_cast<int32_t>(rows_.kinds[static_cast<size_t>(i)]);
      });
    }
    if (!column.is_row) return MakeMember(column.members[0], type);
    return MakeRow(column, type);
  }

  // Declared types may differ in the time zone only.
  ArrayResult MakeMember(const Member& member, const TypePtr& type) {
    MILL_ASSIGN(auto array, events_->Make(member, rows_));
    if (array->type()->Equals(*type)) return array;
    return array->View(type);
  }

  // Rows of other kinds are NULL.
  ArrayResult MakeRow(const NexmarkColumn& column, const TypePtr& type) {
    std::vector<std::shared_ptr<arrow::Array>> fields;
    for (size_t i = 0; i < column.members.size(); ++i) {
      MILL_ASSIGN(auto field,
                  MakeMember(column.members[i], type->field(static_cast<int>(i))->type()));
      fields.push_back(std::move(field));
    }
    MILL_ASSIGN(auto valid, FillBits(rows_.size(), [&](int64_t i) {
                  return rows_.kinds[static_cast<size_t>(i)] == column.kind;
                }));
    return std::make_shared<arrow::StructArray>(type, rows_.size(), std::move(fields),
                                                std::move(valid));
  }

  std::shared_ptr<const NexmarkEvents> events_;
  std::vector<NexmarkColumn> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t total_;
  bool bids_only_;
  int64_t next_ = 0;
  NexmarkRows rows_;
};

Result<Member> FindMember(NexmarkKind kind, const arrow::Field& field) {
  std::vector<std::string> names;
  for (const Member& member : NexmarkEvents::Members(kind)) {
    names.push_back(member.name);
    if (field.name() != member.name) continue;
    const bool time = member.type->id() == arrow::Type::TIMESTAMP;
    const bool same = time ? field.type()->id() == arrow::Type::TIMESTAMP &&
                                 static_cast<const arrow::TimestampType&>(*field.type()).unit() ==
                                     arrow::TimeUnit::MILLI
                           : field.type()->Equals(*member.type);
    if (same) return member;
    return UserError("column '{}' of nexmark must be {}", member.name,
                     time ? "TIMESTAMP(3)"
                          : member.type->id() == arrow::Type::INT64 ? "BIGINT" : "STRING");
  }
  const std::string hint = NearestName(field.name(), names);
  return UserError("nexmark has no column '{}'{}", field.name(),
                   hint.empty() ? "" : ". did you mean '" + hint + "'?");
}

Result<NexmarkColumn> FindColumn(const arrow::Field& field, bool bids_only) {
  NexmarkColumn column;
  if (bids_only) {
    MILL_ASSIGN(Member member, FindMember(NexmarkKind::kBid, field));
    column.members.push_back(member);
    return column;
  }
  if (field.name() == "event_type") {
    if (field.type()->id() != arrow::Type::INT32) {
      return UserError("column 'event_type' of nexmark must be INT");
    }
    column.is_type = true;
    return column;
  }
  if (field.name() == "person") column.kind = NexmarkKind::kPerson;
  else if (field.name() == "auction") column.kind = NexmarkKind::kAuction;
  else if (field.name() != "bid") {
    return UserError("nexmark has no column '{}': it has event_type, person, auction and bid, or "
                     "with 'nexmark.events' = 'bid' the columns of a bid", field.name());
  }
  if (field.type()->id() != arrow::Type::STRUCT) {
    return UserError("column '{}' of nexmark must be a ROW", field.name());
  }
  column.is_row = true;
  for (const auto& child : field.type()->fields()) {
    MILL_ASSIGN(Member member, FindMember(column.kind, *child));
    column.members.push_back(member);
  }
  return column;
}

Result<NexmarkConfig> ReadConfig(const Options& options) {
  NexmarkConfig config;
  const struct { const char* key; int64_t* value; int64_t max; } numbers[] = {
      {"person.proportion", &config.persons, 1000000},
      {"auction.proportion", &config.auctions, 1000000},
      {"bid.proportion", &config.bids, 1000000},
      {"bid.hot-ratio.auctions", &config.hot_auctions, 1000000},
      {"bid.hot-ratio.bidders", &config.hot_bidders, 1000000},
      {"auction.hot-ratio.sellers", &config.hot_sellers, 1000000},
      {"first-event.rate", &config.event_rate, 1000000000},
  };
  for (const auto& number : numbers) {
    MILL_ASSIGN(*number.value, RangedOption(options, number.key, *number.value, 1, number.max));
  }
  const struct { const char* key; int64_t* value; } sizes[] = {
      {"person.avg-size", &config.person_bytes},
      {"auction.avg-size", &config.auction_bytes},
      {"bid.avg-size", &config.bid_bytes},
  };
  for (const auto& size : sizes) {
    const std::string text = StringOption(options, size.key, std::to_string(*size.value) + " b");
    MILL_ASSIGN(*size.value, ParseMemorySize(text));
    if (*size.value < 0 || *size.value > kMaxEventBytes) {
      return UserError("option '{}' = '{}' is out of range: use 0 to {} bytes", size.key, text,
                       kMaxEventBytes);
    }
  }
  MILL_ASSIGN(const int64_t seed, IntOption(options, "seed", 0));
  config.seed = static_cast<uint64_t>(seed);
  MILL_ASSIGN(config.start, TimeOption(options, "start-time"));
  return config;
}

// Flat columns mean bids alone.
Result<bool> BidsOnly(const TableInfo& table) {
  const std::string fallback = table.schema.Find("bidder") >= 0 ? "bid" : "all";
  const std::string events = StringOption(table.options, "nexmark.events", fallback);
  if (events == "bid" || events == "all") return events == "bid";
  return UserError("option 'nexmark.events' = '{}' is not known: use 'all' or 'bid'", events);
}

Result<std::vector<std::unique_ptr<Source>>> MakeNexmark(const TableInfo& table,
                                                         const Schema& columns) {
  constexpr int64_t kMax = int64_t{1} << 50;  // event number times 1000 still fits
  MILL_ASSIGN(const bool bids_only, BidsOnly(table));
  MILL_ASSIGN(const NexmarkConfig config, ReadConfig(table.options));
  MILL_ASSIGN(const int64_t total, RangedOption(table.options, "events.num", kUnbounded, 0, kMax));
  Pace pace;
  MILL_ASSIGN(pace.rows_per_second, RangedOption(table.options, "rows-per-second", 0, 0, kMax));
  auto schema = columns.ToArrow();
  std::vector<NexmarkColumn> made;
  for (const auto& field : schema->fields()) {
    MILL_ASSIGN(NexmarkColumn column, FindColumn(*field, bids_only));
    made.push_back(std::move(column));
  }
  auto generator = std::make_unique<NexmarkGenerator>(std::make_shared<NexmarkEvents>(config),
                                                      std::move(made), schema, total, bids_only);
  std::vector<std::unique_ptr<Source>> lanes;
  lanes.push_back(std::make_unique<GeneratorSource>("nexmark", std::move(generator), pace));
  return lanes;
}

}  // namespace

Connector NexmarkConnector() {
  Connector connector;
  connector.name = "nexmark";
  connector.doc = "Events of the Nexmark benchmark: persons, auctions and bids of an auction site.";
  connector.options = {
      {"events.num", "BIGINT", "0", "Rows to make; 0: no end."},
      {"nexmark.events", "STRING", "",
       "'all', or 'bid' for bids alone in flat columns; the default is 'bid' if the table has a "
       "column bidder."},
      {"rows-per-second", "BIGINT", "0", "Rows per second; 0: as fast as they are taken."},
      {"seed", "BIGINT", "0", "The same seed gives the same events."},
      {"start-time", "STRING", "2026-01-01 00:00:00", "dateTime of the first event."},
      {"first-event.rate", "BIGINT", "10000", "Events per second of dateTime."},
      {"person.proportion", "BIGINT", "1", "Persons in each round of events."},
      {"auction.proportion", "BIGINT", "3", "Auctions in each round of events."},
      {"bid.proportion", "BIGINT", "46", "Bids in each round of events."},
      {"bid.hot-ratio.auctions", "BIGINT", "2", "All but one in so many bids go to a hot auction."},
      {"bid.hot-ratio.bidders", "BIGINT", "4", "All but one in so many bids are a hot bidder's."},
      {"auction.hot-ratio.sellers", "BIGINT", "4",
       "All but one in so many auctions are a hot seller's."},
      {"person.avg-size", "STRING", "200 b", "Average bytes of a person."},
      {"auction.avg-size", "STRING", "500 b", "Average bytes of an auction."},
      {"bid.avg-size", "STRING", "100 b", "Average bytes of a bid."},
  };
  connector.make_source = MakeNexmark;
  connector.disorder = [](const TableInfo&) { return std::chrono::milliseconds{0}; };
  return connector;
}

}  // namespace millrace
