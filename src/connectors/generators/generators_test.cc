#include "connectors/generators/generators.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <thread>

#include "base/random.h"
#include "connectors/generators/generator_source.h"

namespace millrace {
namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;
using std::chrono::milliseconds;

SqlType RowOf(std::vector<std::pair<std::string, SqlType>> fields) {
  SqlType type = SqlType::Of(TypeKind::kRow);
  for (auto& [name, field] : fields) {
    type.children.push_back({name, std::make_shared<const SqlType>(field)});
  }
  return type;
}

Schema BidSchema() {
  const auto number = SqlType::BigInt();
  const auto text = SqlType::String();
  return {{{"auction", number}, {"bidder", number}, {"price", number}, {"channel", text},
           {"url", text}, {"dateTime", SqlType::Timestamp(3)}, {"extra", text}}};
}

Schema NexmarkSchema() {
  const auto number = SqlType::BigInt();
  const auto text = SqlType::String();
  const auto time = SqlType::Timestamp(3);
  return {{{"event_type", SqlType::Int()},
           {"person", RowOf({{"id", number}, {"name", text}, {"emailAddress", text},
                             {"creditCard", text}, {"city", text}, {"state", text},
                             {"dateTime", time}, {"extra", text}})},
           {"auction", RowOf({{"id", number}, {"itemName", text}, {"description", text},
                              {"initialBid", number}, {"reserve", number}, {"dateTime", time},
                              {"expires", time}, {"seller", number}, {"category", number},
                              {"extra", text}})},
           {"bid", RowOf({{"auction", number}, {"bidder", number}, {"price", number},
                          {"channel", text}, {"url", text}, {"dateTime", time},
                          {"extra", text}})}}};
}

Schema ViewingSchema() {
  const auto text = SqlType::String();
  return {{{"tenant_id", text}, {"user_id", text}, {"program_id", text}, {"device", text},
           {"session_id", text}, {"event_type", text}, {"event_time", SqlType::Timestamp(3)},
           {"position_ms", SqlType::BigInt()}, {"bitrate", SqlType::Int()}}};
}

Schema Pick(const Schema& all, const std::vector<std::string>& names) {
  Schema picked;
  for (const auto& name : names) {
    picked.columns.push_back(all.columns[static_cast<size_t>(all.Find(name))]);
  }
  return picked;
}

Result<std::vector<std::unique_ptr<Source>>> Open(const Connector& connector, const Schema& schema,
                                                  Options options, const Schema& columns) {
  TableInfo table;
  table.name = "t";
  table.schema = schema;
  table.options = std::move(options);
  MILL_RETURN(CheckOptions(connector, table));
  return connector.make_source(table, columns);
}

std::unique_ptr<Source> OpenOne(const Connector& connector, const Schema& schema, Options options,
                                const Schema& columns) {
  auto lanes = Open(connector, schema, std::move(options), columns).ValueOrDie();
  EXPECT_EQ(lanes.size(), 1u);
  return std::move(lanes[0]);
}

// All rows of a bounded source; the position after each batch is kept in `positions`.
Rows ReadAll(Source& source, std::vector<std::pair<int64_t, std::string>>* positions = nullptr) {
  EXPECT_TRUE(source.Open().ok());
  std::vector<Rows> batches;
  int64_t rows = 0;
  while (true) {
    Polled polled = source.Poll(milliseconds{100}).ValueOrDie();
    if (polled.state == Polled::State::kEnd) break;
    if (polled.state == Polled::State::kNothing) continue;
    rows += polled.rows->num_rows();
    if (positions) positions->emplace_back(rows, polled.position);
    EXPECT_TRUE(polled.rows->ValidateFull().ok()) << polled.rows->ValidateFull().ToString();
    batches.push_back(polled.rows);
  }
  auto table = arrow::Table::FromRecordBatches(batches).ValueOrDie();
  return table->CombineChunksToBatch().ValueOrDie();
}

Rows ReadAll(const Connector& connector, const Schema& schema, const Options& options,
             const Schema& columns) {
  return ReadAll(*OpenOne(connector, schema, options, columns));
}

// Same seed, same rows; another seed, others; after each Seek exactly the rest.
void ExpectReplayable(const Connector& connector, const Schema& schema, Options options) {
  std::vector<std::pair<int64_t, std::string>> positions;
  const Rows all = ReadAll(*OpenOne(connector, schema, options, schema), &positions);
  EXPECT_TRUE(all->Equals(*ReadAll(connector, schema, options, schema)));
  ASSERT_GE(positions.size(), 2u);
  for (const auto& [row, position] : positions) {
    if (row == all->num_rows()) continue;
    auto source = OpenOne(connector, schema, options, schema);
    ASSERT_TRUE(source->Seek(position).ok());
    const Rows rest = ReadAll(*source);
    EXPECT_TRUE(rest->Equals(*all->Slice(row))) << "after row " << row;
  }
  options["seed"] = "99";
  EXPECT_FALSE(all->Equals(*ReadAll(connector, schema, options, schema)));
}

template <typename ArrayType>
const ArrayType& Get(const Rows& rows, const std::string& name) {
  return static_cast<const ArrayType&>(*rows->GetColumnByName(name));
}

TEST(RandomTest, IsTheSameForOneSeedAndSpreadsEvenly) {
  Random one(7), same(7), other(8);
  EXPECT_EQ(one.Next(), same.Next());
  EXPECT_NE(one.Next(), other.Next());
  std::array<int, 10> counts{};
  for (int i = 0; i < 100000; ++i) ++counts[one.Below(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(RandomStream(1, 2).At(5), RandomStream(1, 2).At(5));
  EXPECT_NE(RandomStream(1, 2).At(5), RandomStream(1, 3).At(5));
}

TEST(NexmarkTest, CanBeReplayed) {
  ExpectReplayable(NexmarkConnector(), NexmarkSchema(), {{"events.num", "20000"}});
  ExpectReplayable(NexmarkConnector(), BidSchema(), {{"events.num", "20000"}, {"seed", "5"}});
}

TEST(NexmarkTest, MixesOnePersonThreeAuctionsFortySixBids) {
  const Rows rows =
      ReadAll(NexmarkConnector(), NexmarkSchema(), {{"events.num", "50000"}}, NexmarkSchema());
  std::array<int, 3> counts{};
  const auto& types = Get<arrow::Int32Array>(rows, "event_type");
  for (int64_t i = 0; i < rows->num_rows(); ++i) ++counts[static_cast<size_t>(types.Value(i))];
  EXPECT_EQ(counts, (std::array<int, 3>{1000, 3000, 46000}));
  EXPECT_EQ(rows->GetColumnByName("person")->null_count(), 49000);
  EXPECT_EQ(rows->GetColumnByName("auction")->null_count(), 47000);
  EXPECT_EQ(rows->GetColumnByName("bid")->null_count(), 4000);
}

TEST(NexmarkTest, HalfOfTheBidsAreForAHotAuction) {
  const Schema columns = Pick(BidSchema(), {"price", "auction", "bidder"});
  const Rows rows =
      ReadAll(NexmarkConnector(), BidSchema(), {{"events.num", "200000"}}, columns);
  int hot_auctions = 0, hot_bidders = 0;
  for (int64_t i = 100000; i < rows->num_rows(); ++i) {
    hot_auctions += Get<arrow::Int64Array>(rows, "auction").Value(i) % 100 == 0;
    hot_bidders += Get<arrow::Int64Array>(rows, "bidder").Value(i) % 100 == 1;
    const int64_t price = Get<arrow::Int64Array>(rows, "price").Value(i);
    EXPECT_TRUE(price >= 100 && price <= 100000000) << price;
  }
  EXPECT_NEAR(hot_auctions, 50500, 1500);  // the hot half, and one in a hundred of the others
  EXPECT_NEAR(hot_bidders, 75250, 1500);
}

TEST(NexmarkTest, FlatBidsAreThoseOfTheWholeStream) {
  const Rows flat =
      ReadAll(NexmarkConnector(), BidSchema(), {{"events.num", "9200"}}, BidSchema());
  const Rows whole =
      ReadAll(NexmarkConnector(), NexmarkSchema(), {{"events.num", "10000"}}, NexmarkSchema());
  const auto& bids = Get<arrow::StructArray>(whole, "bid");
  const auto flat_bids = flat->ToStructArray().ValueOrDie();
  int64_t next = 0;
  for (int64_t i = 0; i < whole->num_rows(); ++i) {
    if (bids.IsNull(i)) continue;
    ASSERT_TRUE(bids.GetScalar(i).ValueOrDie()->Equals(*flat_bids->GetScalar(next++).ValueOrDie()));
  }
  EXPECT_EQ(next, flat->num_rows());
}

TEST(NexmarkTest, PadsEventsToTheirSize) {
  const Rows rows = ReadAll(NexmarkConnector(), BidSchema(),
                            {{"events.num", "50000"}, {"bid.avg-size", "200 b"}},
                            Pick(BidSchema(), {"extra"}));
  const auto& extra = Get<arrow::StringArray>(rows, "extra");
  EXPECT_NEAR(static_cast<double>(extra.total_values_length()) / 50000, 200 - 32, 2);
}

TEST(NexmarkTest, MakesOnlyWantedColumnsInTheirOrder) {
  const Schema columns = Pick(BidSchema(), {"price", "auction"});
  const Rows some = ReadAll(NexmarkConnector(), BidSchema(), {{"events.num", "1000"}}, columns);
  const Rows all = ReadAll(NexmarkConnector(), BidSchema(), {{"events.num", "1000"}}, BidSchema());
  ASSERT_EQ(some->num_columns(), 2);
  EXPECT_TRUE(some->column(0)->Equals(all->GetColumnByName("price")));
  EXPECT_TRUE(some->column(1)->Equals(all->GetColumnByName("auction")));
  const Rows none = ReadAll(NexmarkConnector(), BidSchema(), {{"events.num", "1000"}}, Schema{});
  EXPECT_EQ(none->num_rows(), 1000);
}

TEST(NexmarkTest, NamesTheNearestColumn) {
  const Schema wrong{{{"bidder", SqlType::BigInt()}, {"prise", SqlType::BigInt()}}};
  const Status status = Open(NexmarkConnector(), wrong, {}, wrong).status();
  EXPECT_NE(status.message().find("did you mean 'price'"), std::string::npos) << status.message();
}

const Options kRoughField = {{"events", "60000"},   {"devices", "500"},    {"disorder", "0.05"},
                             {"duplicates", "0.02"}, {"silence", "0.1"},   {"broken", "0.01"},
                             {"disorder.max", "7 s"}};

TEST(ViewingTest, CanBeReplayed) {
  ExpectReplayable(ViewingConnector(), ViewingSchema(), {{"events", "60000"}, {"devices", "500"}});
  ExpectReplayable(ViewingConnector(), ViewingSchema(), kRoughField);
  Options few = kRoughField;
  few["devices"] = "3";
  ExpectReplayable(ViewingConnector(), ViewingSchema(), few);
}

TEST(ViewingTest, IsInTimeOrderUnlessDisordered) {
  const Schema columns = Pick(ViewingSchema(), {"event_time"});
  Options options = {{"events", "60000"}};
  const auto worst_delay = [&](int64_t& late) {
    const Rows rows = ReadAll(ViewingConnector(), ViewingSchema(), options, columns);
    const auto& times = Get<arrow::TimestampArray>(rows, "event_time");
    int64_t newest = times.Value(0), worst = 0;
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      newest = std::max(newest, times.Value(i));
      worst = std::max(worst, newest - times.Value(i));
      late += times.Value(i) < newest;
    }
    return worst;
  };
  int64_t late = 0;
  EXPECT_EQ(worst_delay(late), 0);
  options["disorder"] = "0.05";
  options["disorder.max"] = "7 s";
  const int64_t worst = worst_delay(late);
  EXPECT_GT(worst, 6000);
  EXPECT_LE(worst, 7000);
  EXPECT_NEAR(static_cast<double>(late), 3000, 300);
}

TEST(ViewingTest, SendsAHeartbeatEachFourSeconds) {
  const Rows rows = ReadAll(ViewingConnector(), ViewingSchema(),
                            {{"events", "200000"}, {"devices", "100"}}, ViewingSchema());
  const auto& types = Get<arrow::StringArray>(rows, "event_type");
  const auto& sessions = Get<arrow::StringArray>(rows, "session_id");
  const auto& times = Get<arrow::TimestampArray>(rows, "event_time");
  std::map<std::string, int64_t> counts;
  std::map<std::string, int64_t, std::less<>> last;
  for (int64_t i = 0; i < rows->num_rows(); ++i) {
    ++counts[types.GetString(i)];
    auto [entry, first] = last.try_emplace(sessions.GetString(i), times.Value(i));
    const int64_t passed = times.Value(i) - entry->second;
    EXPECT_EQ(passed % 4000, 0);
    EXPECT_TRUE(first || passed == 4000 || types.GetView(i) != "heartbeat") << passed;
    entry->second = times.Value(i);
  }
  EXPECT_GT(counts["heartbeat"], 180000);
  for (const char* type : {"play", "pause", "seek", "buffer", "stop"}) EXPECT_GT(counts[type], 100);
}

TEST(ViewingTest, BreaksAndDoublesRowsAsAsked) {
  const Rows rows = ReadAll(ViewingConnector(), ViewingSchema(), kRoughField, ViewingSchema());
  const auto& positions = Get<arrow::Int64Array>(rows, "position_ms");
  int64_t broken = rows->GetColumnByName("user_id")->null_count() +
                   rows->GetColumnByName("event_time")->null_count();
  std::set<std::pair<std::string, int64_t>> distinct;
  for (int64_t i = 0; i < rows->num_rows(); ++i) {
    broken += positions.Value(i) < 0;
    distinct.emplace(Get<arrow::StringArray>(rows, "session_id").GetString(i),
                     Get<arrow::TimestampArray>(rows, "event_time").Value(i));
  }
  EXPECT_NEAR(static_cast<double>(broken), 600, 120);
  const auto doubles = static_cast<double>(rows->num_rows()) - static_cast<double>(distinct.size());
  EXPECT_GT(doubles, 900);
}

TEST(ViewingTest, SplitsDevicesAndEventsOverPartitions) {
  const Schema columns = Pick(ViewingSchema(), {"user_id"});
  auto lanes = Open(ViewingConnector(), ViewingSchema(),
                    {{"events", "10001"}, {"partitions", "2"}, {"devices", "101"}}, columns)
                   .ValueOrDie();
  ASSERT_EQ(lanes.size(), 2u);
  std::set<std::string> users;
  int64_t rows = 0, of_lanes = 0;
  for (const auto& lane : lanes) {
    const Rows part = ReadAll(*lane);
    std::set<std::string> here;
    for (int64_t i = 0; i < part->num_rows(); ++i) {
      here.insert(Get<arrow::StringArray>(part, "user_id").GetString(i));
    }
    rows += part->num_rows();
    of_lanes += static_cast<int64_t>(here.size());
    users.merge(here);
  }
  EXPECT_EQ(rows, 10001);
  EXPECT_EQ(of_lanes, static_cast<int64_t>(users.size()));  // no device in two lanes
}

TEST(ViewingTest, AStuckPartitionFallsSilentWithoutEnd) {
  auto lanes = Open(ViewingConnector(), ViewingSchema(),
                    {{"events", "100000"}, {"partitions", "2"}, {"stuck-partition", "1"},
                     {"stuck-after", "10 s"}},
                    Pick(ViewingSchema(), {"user_id"}))
                   .ValueOrDie();
  EXPECT_TRUE(lanes[0]->bounded());
  EXPECT_FALSE(lanes[1]->bounded());
  int64_t rows = 0;
  for (int i = 0; i < 10; ++i) {
    const Polled polled = lanes[1]->Poll(milliseconds{0}).ValueOrDie();
    EXPECT_NE(polled.state, Polled::State::kEnd);
    if (polled.rows) rows += polled.rows->num_rows();
  }
  EXPECT_GT(rows, 0);
  EXPECT_LT(rows, 500 * 4);
}

TEST(ViewingTest, KeepsPaceWithTheClock) {
  auto source = OpenOne(ViewingConnector(), ViewingSchema(), {{"speedup", "1"}},
                        Pick(ViewingSchema(), {"event_time"}));
  int64_t rows = 0;
  for (int i = 0; i < 20; ++i) {
    const Polled polled = source->Poll(milliseconds{5}).ValueOrDie();
    if (polled.rows) rows += polled.rows->num_rows();
  }
  EXPECT_LT(rows, 1000);  // 1,000 devices report within 4 s
}

// As a stopped process does: the rows of a lost second are not made up for, nor made twice.
TEST(GeneratorSourceTest, GoesOnInOrderAfterStandingStill) {
  const Schema schema{{{"n", SqlType::BigInt()}}};
  auto source = OpenOne(DatagenConnector(), schema,
                        {{"rows-per-second", "1000"}, {"fields.n.kind", "sequence"},
                         {"fields.n.start", "0"}, {"fields.n.end", "100000"}},
                        schema);
  int64_t next = 0;
  const auto poll = [&] {
    const Polled polled = source->Poll(milliseconds{0}).ValueOrDie();
    if (!polled.rows) return;
    const auto& numbers = Get<arrow::Int64Array>(polled.rows, "n");
    for (int64_t i = 0; i < numbers.length(); ++i) EXPECT_EQ(numbers.Value(i), next++);
  };
  poll();
  std::this_thread::sleep_for(milliseconds{1200});
  for (int i = 0; i < 1000; ++i) poll();
  EXPECT_GT(next, 0);
  EXPECT_LT(next, 1000);
}

TEST(DatagenTest, CanBeReplayed) {
  const Schema schema{{{"a", SqlType::Int()}, {"b", SqlType::String()}, {"c", SqlType::Double()},
                       {"d", SqlType::Of(TypeKind::kDecimal, 10, 2)}, {"e", SqlType::Boolean()},
                       {"f", RowOf({{"x", SqlType::BigInt()}, {"y", SqlType::Bytes()}})}}};
  ExpectReplayable(DatagenConnector(), schema,
                   {{"number-of-rows", "20000"}, {"rows-per-second", "0"},
                    {"fields.b.null-rate", "0.5"}, {"fields.f.x.max", "10"}});
}

TEST(DatagenTest, KeepsToItsOptions) {
  const Schema schema{{{"n", SqlType::BigInt()}, {"a", SqlType::Int()}, {"b", SqlType::String()},
                       {"d", SqlType::Of(TypeKind::kDecimal, 6, 2)}, {"t", SqlType::Timestamp(6)},
                       {"v", SqlType::String()}}};
  const Rows rows = ReadAll(
      DatagenConnector(), schema,
      {{"rows-per-second", "0"}, {"fields.n.kind", "sequence"}, {"fields.n.start", "5"},
       {"fields.n.end", "1004"}, {"fields.a.min", "-3"}, {"fields.a.max", "3"},
       {"fields.a.null-rate", "0.3"}, {"fields.d.min", "1.5"}, {"fields.d.max", "2"},
       {"fields.v.length", "7"}, {"fields.v.var-len", "true"}, {"fields.t.max-past", "1 d"}},
      schema);
  ASSERT_EQ(rows->num_rows(), 1000);
  EXPECT_NEAR(static_cast<double>(rows->GetColumnByName("a")->null_count()), 300, 60);
  const auto low = arrow::Decimal128(150), high = arrow::Decimal128(200);
  std::set<int32_t> lengths;
  for (int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(Get<arrow::Int64Array>(rows, "n").Value(i), 5 + i);
    const auto& a = Get<arrow::Int32Array>(rows, "a");
    EXPECT_TRUE(a.IsNull(i) || (a.Value(i) >= -3 && a.Value(i) <= 3));
    EXPECT_EQ(Get<arrow::StringArray>(rows, "b").value_length(i), 100);
    const arrow::Decimal128 d(Get<arrow::Decimal128Array>(rows, "d").Value(i));
    EXPECT_TRUE(d >= low && d <= high) << d.ToString(2);
    lengths.insert(Get<arrow::StringArray>(rows, "v").value_length(i));
  }
  EXPECT_EQ(lengths, (std::set<int32_t>{1, 2, 3, 4, 5, 6, 7}));
}

TEST(DatagenTest, HoldsItsRate) {
  const Schema schema{{{"a", SqlType::Int()}}};
  auto source = OpenOne(DatagenConnector(), schema, {{"rows-per-second", "1000"}}, schema);
  EXPECT_FALSE(source->bounded());
  const auto start = std::chrono::steady_clock::now();
  int64_t rows = 0;
  for (int i = 0; i < 10; ++i) {
    const Polled polled = source->Poll(milliseconds{20}).ValueOrDie();
    if (polled.rows) rows += polled.rows->num_rows();
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  EXPECT_LE(static_cast<double>(rows), passed.count() * 1000 + 1);
}

TEST(DatagenTest, NamesWrongSettings) {
  const Schema schema{{{"amount", SqlType::Int()}}};
  const auto message = [&](const std::string& key, const std::string& value) {
    return Open(DatagenConnector(), schema, {{key, value}}, schema).status().message();
  };
  EXPECT_NE(message("fields.amuont.min", "1").find("did you mean 'amount'"), std::string::npos);
  EXPECT_NE(message("fields.amount.mim", "1").find("did you mean 'min'"), std::string::npos);
  EXPECT_NE(message("fields.amount.kind", "sequence").find("start"), std::string::npos);
  EXPECT_NE(message("fields.amount.min", "9999999999").find("out of range"), std::string::npos);
}

}  // namespace
}  // namespace millrace
