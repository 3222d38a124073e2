// Calls that share a set of values against the same calls, each with its own.
#include "functions/shared_distinct.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <random>

#include "functions/families.h"
#include "functions/registry.h"

namespace millrace {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

constexpr uint32_t kSlots = 4;

const FunctionRegistry& Registry() {
  static const auto* const registry = [] {
    auto* made = new FunctionRegistry;
    RegisterAggregates(*made);
    return made;
  }();
  return *registry;
}

std::vector<AggregateCall> Calls(const SqlType& type) {
  std::vector<AggregateCall> calls;
  for (const char* name : {"COUNT", "COUNT", "LAST_VALUE", "COUNT"}) {
    AggregateCall call;
    call.function = Registry().FindAggregate(name);
    call.args = {0};
    call.distinct = true;
    call.bound = call.function->bind({type}).ValueOrDie();
    calls.push_back(call);
  }
  return calls;
}

// Both sides, given the same rows. The first call has no condition.
class Pair {
 public:
  explicit Pair(const std::vector<AggregateCall>& calls) {
    std::vector<const AggregateCall*> pointers;
    for (const AggregateCall& call : calls) pointers.push_back(&call);
    set_ = MakeSharedDistinct(pointers);
    for (size_t c = 0; c < calls.size(); ++c) {
      shared_.push_back(set_->Call(c));
      own_.push_back(MakeAccumulators(calls[c], false));
      shared_[c]->Resize(kSlots);
      own_[c]->Resize(kSlots);
    }
  }

  void Update(const std::vector<uint32_t>& slots, const ArrayPtr& values,
              const std::vector<ArrayPtr>& conditions) {
    std::vector<const arrow::Array*> pointers = {nullptr};
    for (const ArrayPtr& condition : conditions) pointers.push_back(condition.get());
    ASSERT_TRUE(set_->Update(slots, {values}, pointers).ok());
    for (size_t c = 0; c < own_.size(); ++c) {
      std::vector<uint32_t> chosen = slots;
      for (size_t i = 0; c > 0 && i < chosen.size(); ++i) {
        const auto& flags = static_cast<const arrow::BooleanArray&>(*conditions[c - 1]);
        const auto row = static_cast<int64_t>(i);
        if (flags.IsNull(row) || !flags.Value(row)) chosen[i] = kNoSlot;
      }
      ASSERT_TRUE(own_[c]->Update(chosen, {values}, nullptr).ok());
    }
  }
  void Reset(uint32_t slot) {
    for (auto* side : {&shared_, &own_}) {
      for (auto& accumulators : *side) accumulators->Reset(slot);
    }
  }
  void Merge(uint32_t into, uint32_t from) {
    for (auto* side : {&shared_, &own_}) {
      for (auto& accumulators : *side) accumulators->Merge(into, from);
    }
    Reset(from);
  }
  // COUNT only: the order in which a merge gives values is no one's.
  void ExpectAgreement(uint32_t seed) const {
    const std::vector<uint32_t> slots = {0, 1, 2, 3, kNoSlot};
    for (size_t c = 0; c < own_.size(); ++c) {
      if (c == 2) continue;
      const ArrayPtr expected = own_[c]->Finish(slots).ValueOrDie();
      const ArrayPtr found = shared_[c]->Finish(slots).ValueOrDie();
      ASSERT_TRUE(found->Equals(*expected)) << "seed " << seed << ", call " << c << ": "
                                            << found->ToString() << expected->ToString();
    }
  }
  // Saves each side and loads it into the other side of `to`.
  void Cross(Pair& to) {
    const std::vector<uint32_t> slots = {2, 0, 3, 1};
    for (const bool shared : {true, false}) {
      for (size_t c = 0; c < own_.size(); ++c) {
        auto& from = shared ? shared_[c] : own_[c];
        auto& into = shared ? to.own_[c] : to.shared_[c];
        arrow::ArrayVector columns;
        ASSERT_TRUE(from->Save(slots, SaveMode::kFull, columns).ok());
        ASSERT_EQ(columns.size(), into->StateFields().size());
        ASSERT_TRUE(into->Load(slots, columns).ok());
      }
    }
  }
  // How many values a delta of each call holds, the sides being one.
  void ExpectSameDeltas() {
    const std::vector<uint32_t> slots = {0, 1, 2, 3};
    for (size_t c = 0; c < own_.size(); ++c) {
      arrow::ArrayVector shared, own;
      ASSERT_TRUE(shared_[c]->Save(slots, SaveMode::kDelta, shared).ok());
      ASSERT_TRUE(own_[c]->Save(slots, SaveMode::kDelta, own).ok());
      for (int64_t i = 0; i < 4; ++i) {
        const auto& a = static_cast<const arrow::ListArray&>(*shared.back());
        const auto& b = static_cast<const arrow::ListArray&>(*own.back());
        ASSERT_EQ(a.value_length(i), b.value_length(i)) << "call " << c << ", slot " << i;
      }
    }
  }

 private:
  std::unique_ptr<SharedDistinct> set_;
  std::vector<std::unique_ptr<Accumulators>> shared_, own_;
};

template <typename Builder, typename Append>
ArrayPtr Column(std::mt19937& random, size_t rows, Append append) {
  Builder builder;
  for (size_t i = 0; i < rows; ++i) {
    const Status status = random() % 5 == 0 ? builder.AppendNull() : append(builder, random());
    EXPECT_TRUE(status.ok());
  }
  return builder.Finish().ValueOrDie();
}

void RandomRows(std::mt19937& random, bool text, Pair& pair) {
  constexpr size_t kRows = 40;
  std::vector<uint32_t> slots;
  for (size_t i = 0; i < kRows; ++i) {
    slots.push_back(random() % 7 == 0 ? kNoSlot : static_cast<uint32_t>(random() % kSlots));
  }
  const ArrayPtr values =
      text ? Column<arrow::StringBuilder>(random, kRows, [](auto& builder, auto number) {
               return builder.Append("value " + std::to_string(number % 200));
             })
           : Column<arrow::Int64Builder>(random, kRows, [](auto& builder, auto number) {
               return builder.Append(static_cast<int64_t>(number % 200));
             });
  std::vector<ArrayPtr> conditions;
  for (int c = 0; c < 3; ++c) {
    conditions.push_back(
        Column<arrow::BooleanBuilder>(random, kRows, [](auto& builder, auto number) {
          return builder.Append(number % 3 == 0);
        }));
  }
  pair.Update(slots, values, conditions);
}

TEST(SharedDistinct, AgreesWithCallsOfTheirOwn) {
  for (const bool text : {false, true}) {
    const std::vector<AggregateCall> calls = Calls(text ? SqlType::String() : SqlType::BigInt());
    ASSERT_TRUE(CanShareDistinct(calls[0], calls[2]));
    for (uint32_t seed = 1; seed <= 100; ++seed) {
      std::mt19937 random(seed);
      auto pair = std::make_unique<Pair>(calls);
      for (int step = 0; step < 30; ++step) {
        RandomRows(random, text, *pair);
        const auto slot = static_cast<uint32_t>(random() % kSlots);
        switch (random() % 8) {
          case 0: pair->Reset(slot); break;
          case 1: pair->Merge(slot, (slot + 1) % kSlots); break;
          case 2: {
            auto restored = std::make_unique<Pair>(calls);
            pair->Cross(*restored);
            pair = std::move(restored);
            break;
          }
          case 3: pair->ExpectSameDeltas(); break;
          default: break;
        }
        pair->ExpectAgreement(seed);
      }
    }
  }
}

TEST(SharedDistinct, NeedsTheSameArguments) {
  std::vector<AggregateCall> calls = Calls(SqlType::BigInt());
  calls[1].args = {1};
  EXPECT_FALSE(CanShareDistinct(calls[0], calls[1]));
  calls[3].distinct = false;
  EXPECT_FALSE(CanShareDistinct(calls[0], calls[3]));
}

}  // namespace
}  // namespace millrace
