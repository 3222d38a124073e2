#include "connectors/lookup_cache.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "data/pretty.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<arrow::RecordBatch> Keys(const std::vector<int>& keys) {
  arrow::Int64Builder builder;
  for (const int key : keys) {
    EXPECT_TRUE((key < 0 ? builder.AppendNull() : builder.Append(key)).ok());
  }
  auto array = builder.Finish().ValueOrDie();
  const auto schema = arrow::schema({arrow::field("k", arrow::int64())});
  return arrow::RecordBatch::Make(schema, array->length(), {array});
}

// Key k has k rows, "k.0", "k.1" ..., behind `mark`.
class Outside final : public Lookup {
 public:
  explicit Outside(std::string* asked, std::string* mark) : asked_(asked), mark_(mark) {}
  Status Open() override { return Status::OK(); }
  std::shared_ptr<arrow::Schema> schema() const override {
    return arrow::schema({arrow::field("v", arrow::utf8())});
  }
  Result<LookupRows> Find(const arrow::RecordBatch& keys) override {
    LookupRows found;
    arrow::StringBuilder values;
    const auto& column = static_cast<const arrow::Int64Array&>(*keys.column(0));
    for (int64_t row = 0; row < keys.num_rows(); ++row) {
      *asked_ += fmt::format("{} ", column.Value(row));
      for (int64_t i = 0; i < column.Value(row); ++i) {
        MILL_RETURN(values.Append(fmt::format("{}{}.{}", *mark_, column.Value(row), i)));
        found.keys.push_back(static_cast<int32_t>(row));
      }
    }
    MILL_ASSIGN(auto array, values.Finish());
    found.rows = arrow::RecordBatch::Make(schema(), array->length(), {array});
    return found;
  }

 private:
  std::string* asked_;
  std::string* mark_;
};

class LookupCache : public testing::Test {
 protected:
  void Make(const Options& options) {
    const auto read = LookupCacheOptions::Read(options);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_TRUE(read->has_value());
    lookup_ = MakeCachedLookup(std::make_unique<Outside>(&asked_, &mark_), **read,
                               [this] { return std::chrono::steady_clock::time_point(now_); });
  }
  // "row of keys:value ..."
  std::string Find(const std::vector<int>& keys) {
    asked_.clear();
    const auto found = lookup_->Find(*Keys(keys));
    if (!found.ok()) return found.status().ToString();
    std::string text;
    for (size_t i = 0; i < found->keys.size(); ++i) {
      text += fmt::format("{}:{} ", found->keys[i],
                          FormatValue(*found->rows->column(0), static_cast<int64_t>(i)));
    }
    return text;
  }

  std::string asked_, mark_;
  milliseconds now_{1000};
  std::unique_ptr<Lookup> lookup_;
};

TEST_F(LookupCache, AsksForEachKeyOnceAndNeverForNull) {
  Make({{"lookup.cache", "PARTIAL"}});
  EXPECT_EQ(Find({2, -1, 1, 2, 0}), "0:2.0 0:2.1 2:1.0 3:2.0 3:2.1 ");
  EXPECT_EQ(asked_, "2 1 0 ");
  EXPECT_EQ(Find({1, 3, 0, 2}), "0:1.0 1:3.0 1:3.1 1:3.2 3:2.0 3:2.1 ");
  EXPECT_EQ(asked_, "3 ");
  EXPECT_EQ(Find({-1}), "");
  EXPECT_EQ(Find({}), "");
}

TEST_F(LookupCache, AnswersGrowOldAfterTheWrite) {
  Make({{"lookup.cache", "PARTIAL"}, {"lookup.partial-cache.expire-after-write", "10 s"}});
  EXPECT_EQ(Find({1}), "0:1.0 ");
  mark_ = "new ";
  now_ += milliseconds(9999);
  EXPECT_EQ(Find({1}), "0:1.0 ");
  now_ += milliseconds(1);
  EXPECT_EQ(Find({1}), "0:new 1.0 ");
}

TEST_F(LookupCache, UnusedAnswersGo) {
  Make({{"lookup.cache", "PARTIAL"}, {"lookup.partial-cache.expire-after-access", "10 s"}});
  EXPECT_EQ(Find({1, 2}), "0:1.0 1:2.0 1:2.1 ");
  now_ += milliseconds(9000);
  EXPECT_EQ(Find({1}), "0:1.0 ");
  now_ += milliseconds(9000);
  EXPECT_EQ(Find({1, 2}), "0:1.0 1:2.0 1:2.1 ");
  EXPECT_EQ(asked_, "2 ");
}

TEST_F(LookupCache, WhatWasUsedLongestAgoMakesRoom) {
  Make({{"lookup.cache.max-rows", "4"}});
  Find({1, 3});
  Find({1});
  EXPECT_EQ(Find({2}), "0:2.0 0:2.1 ");  // 3's rows go
  EXPECT_EQ(Find({1, 2}), "0:1.0 1:2.0 1:2.1 ");
  EXPECT_EQ(asked_, "");
  Find({3});
  EXPECT_EQ(asked_, "3 ");
}

TEST_F(LookupCache, MissingKeysAreKeptUnlessThatIsNotWanted) {
  Make({{"lookup.cache", "PARTIAL"}});
  Find({0});
  Find({0});
  EXPECT_EQ(asked_, "");
  Make({{"lookup.cache", "PARTIAL"}, {"lookup.partial-cache.cache-missing-key", "false"}});
  Find({0});
  Find({0});
  EXPECT_EQ(asked_, "0 ");
}

TEST(LookupCacheOptions, NoneByDefaultAndErrors) {
  EXPECT_FALSE(LookupCacheOptions::Read({})->has_value());
  EXPECT_NE(LookupCacheOptions::Read({{"lookup.cache", "FULL"}}).status().message().find("neither"),
            std::string::npos);
  EXPECT_FALSE(LookupCacheOptions::Read({{"lookup.cache", "PARTIAL"},
                                         {"lookup.partial-cache.max-rows", "-1"}}).ok());
}

}  // namespace
}  // namespace millrace
