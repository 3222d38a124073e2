#include "state/key_table.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "data/key_hash.h"
#include "state/timers.h"

namespace millrace {
namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;

const std::vector<std::shared_ptr<arrow::DataType>> kAllTypes = {
    arrow::boolean(), arrow::int8(),    arrow::int16(),
    arrow::int32(),   arrow::float64(), arrow::timestamp(arrow::TimeUnit::MILLI),
    arrow::utf8(),    arrow::binary(),  arrow::decimal128(20, 2)};

// A column of few distinct values, NULLs among them, of any of the types above.
std::shared_ptr<arrow::Array> RandomColumn(const std::shared_ptr<arrow::DataType>& type,
                                           size_t rows, std::mt19937& random) {
  std::unique_ptr<arrow::ArrayBuilder> builder;
  EXPECT_TRUE(arrow::MakeBuilder(arrow::default_memory_pool(), type, &builder).ok());
  for (size_t i = 0; i < rows; ++i) {
    const int value = static_cast<int>(random() % 4);
    if (value == 0) {
      EXPECT_TRUE(builder->AppendNull().ok());
      continue;
    }
    std::shared_ptr<arrow::Scalar> scalar;
    if (arrow::is_base_binary_like(type->id())) {
      const std::string text(static_cast<size_t>((value - 1) * (value - 1) * 50),
                             static_cast<char>('a' + value));
      scalar = *arrow::MakeScalar(type, arrow::Buffer::FromString(text));
    } else if (type->id() == arrow::Type::DECIMAL128) {
      scalar = *arrow::MakeScalar(type, arrow::Decimal128(value - 2));
    } else if (type->id() == arrow::Type::BOOL) {
      scalar = *arrow::MakeScalar(type, value % 2 == 0);
    } else {
      scalar = *arrow::MakeScalar(type, value - 2);
    }
    EXPECT_TRUE(builder->AppendScalar(*scalar).ok());
  }
  return *builder->Finish();
}

Rows RandomRows(const std::vector<std::shared_ptr<arrow::DataType>>& types, size_t rows,
                std::mt19937& random) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& type : types) {
    fields.push_back(arrow::field("c", type));
    columns.push_back(RandomColumn(type, rows + 3, random));
  }
  // A slice, so that offsets are not zero.
  return arrow::RecordBatch::Make(arrow::schema(fields), static_cast<int64_t>(rows + 3), columns)
      ->Slice(3);
}

std::vector<int> AllColumns(const Rows& rows) {
  std::vector<int> columns;
  for (int i = 0; i < rows->num_columns(); ++i) columns.push_back(i);
  return columns;
}

std::string RowText(const arrow::ArrayVector& columns, int64_t row) {
  std::string text;
  for (const auto& column : columns) text += (*column->GetScalar(row))->ToString() + "|";
  return text;
}

KeyTable TableOf(const std::vector<std::shared_ptr<arrow::DataType>>& types, bool with_namespace) {
  arrow::FieldVector fields;
  std::vector<int> columns;
  for (const auto& type : types) {
    columns.push_back(static_cast<int>(fields.size()));
    fields.push_back(arrow::field("", type));
  }
  return std::move(**KeyTable::Make(arrow::Schema(fields), columns, with_namespace));
}

void CheckRoundTrip(const std::vector<std::shared_ptr<arrow::DataType>>& types,
                    std::mt19937& random) {
  KeyTable table = TableOf(types, true);
  std::map<std::string, uint32_t> model;
  for (int batch = 0; batch < 4; ++batch) {
    const Rows rows = RandomRows(types, 60, random);
    std::vector<int64_t> namespaces;
    for (int i = 0; i < 60; ++i) namespaces.push_back(static_cast<int64_t>(random() % 2));
    std::vector<uint32_t> slots, inserted;
    ASSERT_TRUE(
        table.FindOrInsert(*rows, AllColumns(rows), namespaces.data(), slots, inserted).ok());
    size_t next_inserted = 0;
    for (size_t i = 0; i < slots.size(); ++i) {
      const std::string key =
          std::to_string(namespaces[i]) + RowText(rows->columns(), static_cast<int64_t>(i));
      const bool is_new = model.emplace(key, slots[i]).second;
      ASSERT_EQ(model[key], slots[i]);
      ASSERT_EQ(is_new, next_inserted < inserted.size() && inserted[next_inserted] == i);
      next_inserted += is_new ? 1 : 0;
    }
    const arrow::ArrayVector decoded = *table.KeyColumns(slots);
    for (size_t c = 0; c < decoded.size(); ++c) {
      ASSERT_TRUE(decoded[c]->ValidateFull().ok());
      ASSERT_TRUE(decoded[c]->Equals(rows->column(static_cast<int>(c)))) << types[c]->ToString();
    }
  }
  ASSERT_EQ(table.size(), model.size());
}

TEST(KeyTable, FindsAndDecodesKeysOfAllTypes) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::shared_ptr<arrow::DataType>> types;
    for (size_t i = random() % 4; i > 0; --i)
      types.push_back(kAllTypes[random() % kAllTypes.size()]);
    CheckRoundTrip(types, random);
  }
}

Rows Strings(const std::vector<std::string>& values) {
  arrow::StringBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("s", arrow::utf8())}),
                                  static_cast<int64_t>(values.size()), {*builder.Finish()});
}

// Inserts and erases at random beside a map, and for so long that memory must be reused.
TEST(KeyTable, StaysFlatAndRightWhileKeysComeAndGo) {
  KeyTable table = TableOf({arrow::utf8()}, false);
  std::mt19937 random(7);
  std::map<std::string, uint32_t> model;
  size_t bytes_early = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<std::string> keys;
    for (int i = 0; i < 200; ++i)
      keys.push_back(std::string(20, 'x') + std::to_string(random() % 100000));
    std::vector<uint32_t> slots, inserted;
    ASSERT_TRUE(table.FindOrInsert(*Strings(keys), {0}, nullptr, slots, inserted).ok());
    for (size_t i = 0; i < keys.size(); ++i)
      ASSERT_EQ(model.emplace(keys[i], slots[i]).first->second, slots[i]);
    while (model.size() > 1000) {
      const auto victim = std::next(model.begin(), static_cast<long>(random() % 20));
      table.Erase(victim->second);
      model.erase(victim);
    }
    ASSERT_EQ(table.size(), model.size());
    if (round == 100) bytes_early = table.memory_bytes();
  }
  EXPECT_LE(table.slot_count(), 1200u);
  EXPECT_LE(table.memory_bytes(), bytes_early * 2);
}

TEST(KeyTable, MovesKeysToAnotherNamespace) {
  KeyTable table = TableOf({arrow::utf8()}, true);
  const std::vector<int64_t> namespaces = {1, 2, 1};
  std::vector<uint32_t> slots, inserted, merged, merged_inserted;
  ASSERT_TRUE(
      table.FindOrInsert(*Strings({"a", "a", "b"}), {0}, namespaces.data(), slots, inserted).ok());
  EXPECT_EQ(table.size(), 3u);
  table.FindOrInsertIn(9, slots, merged, merged_inserted);
  EXPECT_EQ(merged[0], merged[1]);
  EXPECT_NE(merged[0], merged[2]);
  EXPECT_EQ(merged_inserted, (std::vector<uint32_t>{0, 2}));
  EXPECT_TRUE((*table.KeyColumns(merged))[0]->Equals(Strings({"a", "a", "b"})->column(0)));
}

TEST(KeyTable, RefusesNestedKeys) {
  const arrow::Schema schema({arrow::field("list", arrow::list(arrow::int32()))});
  EXPECT_FALSE(KeyTable::Make(schema, {0}).ok());
}

TEST(KeyHash, IsOfTheValuesOnly) {
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    const Rows rows = RandomRows(kAllTypes, 100, random);
    std::map<std::string, uint64_t> model;
    std::map<uint64_t, std::string> texts;
    for (const Rows& part : {rows->Slice(0, 33), rows->Slice(33)}) {
      std::vector<uint64_t> hashes;
      ASSERT_TRUE(HashKeys(*part, {0, 3, 6}, hashes).ok());
      for (size_t i = 0; i < hashes.size(); ++i) {
        const auto row = static_cast<int64_t>(i);
        const std::string text = RowText({part->column(0), part->column(3), part->column(6)}, row);
        ASSERT_EQ(model.emplace(text, hashes[i]).first->second, hashes[i]);
        ASSERT_EQ(texts.emplace(hashes[i], text).first->second, text);
      }
    }
  }
}

TEST(KeyHash, SpreadsOverKeyGroups) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 128000; ++i) ASSERT_TRUE(builder.Append(i).ok());
  const Rows rows = arrow::RecordBatch::Make(arrow::schema({arrow::field("k", arrow::int64())}),
                                             128000, {*builder.Finish()});
  std::vector<uint64_t> hashes;
  ASSERT_TRUE(HashKeys(*rows, {0}, hashes).ok());
  std::vector<int> sizes(128);
  for (uint64_t hash : hashes) ++sizes[KeyGroup(hash, 128)];
  EXPECT_GT(*std::min_element(sizes.begin(), sizes.end()), 850);
  EXPECT_LT(*std::max_element(sizes.begin(), sizes.end()), 1150);
}

struct RealTimes {
  const std::vector<Timestamp>& times;
  Timestamp operator()(uint32_t slot) const { return times[slot]; }
  void Prefetch(uint32_t) const {}
};

TEST(Timers, FireInOrderAtTheRealTime) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    Timers timers(1 + random() % 9);
    constexpr uint32_t kSlots = 40;
    timers.Resize(kSlots);
    std::vector<Timestamp> real(kSlots, kMinTimestamp);
    Timestamp now = -100;
    for (int step = 0; step < 200; ++step) {
      const auto slot = static_cast<uint32_t>(random() % kSlots);
      const Timestamp time = now + 1 + random() % 60;
      if (real[slot] == kMinTimestamp) timers.Set(slot, time);
      real[slot] = std::max(real[slot], time);
      if (random() % 3 != 0) continue;
      now += random() % 30;
      Timestamp last = kMinTimestamp;
      uint32_t due;
      while (timers.PopDue(now, RealTimes{real}, &due)) {
        ASSERT_LE(last, real[due]);
        ASSERT_LE(real[due], now);
        last = real[due];
        real[due] = kMinTimestamp;
      }
      for (Timestamp left : real) ASSERT_TRUE(left == kMinTimestamp || left > now);
    }
  }
}

std::set<int64_t> Numbers(const arrow::Array& column) {
  std::set<int64_t> numbers;
  for (int64_t i = 0; i < column.length(); ++i) {
    EXPECT_TRUE(numbers.insert(static_cast<const arrow::Int64Array&>(column).Value(i)).second);
  }
  return numbers;
}

// Looked up, touched, erased and inserted anew, at random, against sets.
TEST(KeyTable, NotesChangesBetweenSnapshots) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    KeyTable table = TableOf({arrow::int64()}, false);
    std::map<int64_t, uint32_t> slots;
    std::set<int64_t> touched, saved, erased;
    const auto erase = [&](int64_t key) {
      if (saved.erase(key) > 0) erased.insert(key);
      touched.erase(key);
    };
    for (int step = 0; step < 60; ++step) {
      const auto key = static_cast<int64_t>(random() % 30);
      const bool known = slots.contains(key);
      if (known && random() % 4 == 0) {
        table.Erase(slots[key]);
        slots.erase(key);
        erase(key);
      } else if (known && random() % 4 == 0) {
        table.ForgetSaved(slots[key]);
        if (saved.erase(key) > 0) erased.insert(key);
      } else if (known && random() % 4 == 0) {
        table.Touch(slots[key]);
        touched.insert(key);
      } else {
        arrow::Int64Builder builder;
        ASSERT_TRUE(builder.Append(key).ok());
        const auto schema = arrow::schema({arrow::field("k", arrow::int64())});
        const auto rows = arrow::RecordBatch::Make(schema, 1, {*builder.Finish()});
        std::vector<uint32_t> found, inserted;
        ASSERT_TRUE(table.FindOrInsert(*rows, {0}, nullptr, found, inserted).ok());
        slots[key] = found[0];
        touched.insert(key);
      }
      if (random() % 10 != 0) continue;
      const bool first = saved.empty() && erased.empty();
      const bool full = first || random() % 3 == 0;
      const KeyChanges changes = *table.TakeChanges(full ? SaveMode::kFull : SaveMode::kDelta);
      std::set<int64_t> all;
      for (const auto& [present, slot] : slots) all.insert(present);
      ASSERT_EQ(Numbers(*(*table.KeyColumns(changes.slots))[0]), full ? all : touched);
      if (!full) {
        ASSERT_EQ(Numbers(*changes.erased[0]), erased);
        ASSERT_EQ(changes.erased_count, static_cast<int64_t>(erased.size()));
      }
      if (full) saved.clear();
      for (const auto& [present, slot] : slots) {
        if (full || touched.contains(present)) saved.insert(present);
      }
      touched.clear();
      erased.clear();
    }
  }
}

}  // namespace
}  // namespace millrace
