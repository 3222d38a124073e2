// Saving and loading accumulators: whatever has been saved and loaded into other slots goes on like
// what was never disturbed.
#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <set>

#include "functions/families.h"
#include "functions/registry.h"

namespace millrace {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

const FunctionRegistry& Registry() {
  static const auto* const registry = [] {
    auto* made = new FunctionRegistry;
    RegisterAggregates(*made);
    RegisterStatistics(*made);
    return made;
  }();
  return *registry;
}

// A type and JSON for one of a few values of it.
struct TypeCase {
  SqlType type;
  std::function<std::string(unsigned)> json;
};

std::string Quoted(const std::string& text) { return '"' + text + '"'; }
std::string Number(unsigned n) { return std::to_string(n); }

std::vector<TypeCase> TypeCases() {
  const auto decimal = [](unsigned n) { return Quoted(fmt::format("{}.{}", n, n % 10)); };
  const auto real = [](unsigned n) { return n % 7 == 0 ? "NaN" : fmt::format("{}.5", n); };
  const auto whole = [](unsigned n) { return fmt::format("{}.5", n); };
  return {
      {SqlType::Of(TypeKind::kTinyInt), Number},
      {SqlType::Int(), Number},
      {SqlType::BigInt(), Number},
      {SqlType::Of(TypeKind::kFloat), whole},
      {SqlType::Double(), whole},
      {SqlType::Of(TypeKind::kDecimal, 20, 1), decimal},
      {SqlType::Double(), real},
      {SqlType::Boolean(), [](unsigned n) { return n % 2 == 0 ? "true" : "false"; }},
      {SqlType::Of(TypeKind::kDate), Number},
      {SqlType::Of(TypeKind::kTime, 3), Number},
      {SqlType::Timestamp(), Number},
      {SqlType::TimestampLtz(), Number},
      {SqlType::String(), [](unsigned n) { return Quoted("text " + Number(n)); }},
      {SqlType::Bytes(), [](unsigned n) { return Quoted("b" + Number(n)); }},
      {SqlType::Array(SqlType::Int()), [](unsigned n) { return fmt::format("[{}, null]", n); }},
      {SqlType::Map(SqlType::String(), SqlType::Int()),
       [](unsigned n) { return fmt::format("[[\"a\", {}]]", n); }},
  };
}

constexpr uint32_t kSlots = 5;

struct Rows {
  std::vector<uint32_t> slots;
  std::vector<ArrayPtr> args;
  std::vector<RowKind> kinds;
};

// Rows to be taken back have been added to the slot before.
class RandomRows {
 public:
  RandomRows(uint32_t seed, const TypeCase& type, size_t args, bool retract)
      : random_(seed), type_(type), args_(args), retract_(retract), present_(kSlots) {}

  Rows Next() {
    Rows rows;
    std::string json;
    for (unsigned i = 0; i < 30; ++i) {
      const uint32_t slot = static_cast<uint32_t>(random_() % kSlots);
      auto& present = present_[slot];
      const auto number = static_cast<unsigned>(random_() % 20);
      std::string value = random_() % 5 == 0 ? "null" : type_.json(number);
      rows.kinds.push_back(RowKind::kInsert);
      if (retract_ && !present.empty() && random_() % 3 == 0) {
        value = present.back();
        present.pop_back();
        rows.kinds.back() = RowKind::kDelete;
      } else {
        present.push_back(value);
      }
      json += (i > 0 ? ", " : "") + value;
      rows.slots.push_back(slot);
    }
    const auto column =
        arrow::json::ArrayFromJSONString(type_.type.ToArrow(), "[" + json + "]").ValueOrDie();
    rows.args.assign(args_, column);
    return rows;
  }
  void Forget(uint32_t slot) { present_[slot].clear(); }
  void Merge(uint32_t into, uint32_t from) {
    present_[into].insert(present_[into].end(), present_[from].begin(), present_[from].end());
    Forget(from);
  }
  uint32_t Slot() { return static_cast<uint32_t>(random_() % kSlots); }

 private:
  std::mt19937 random_;
  const TypeCase& type_;
  size_t args_;
  bool retract_;
  std::vector<std::vector<std::string>> present_;
};

void Feed(Accumulators& accumulators, const Rows& rows, const std::vector<uint32_t>& place,
          bool retract) {
  std::vector<uint32_t> slots;
  for (uint32_t slot : rows.slots) slots.push_back(place[slot]);
  const RowKind* kinds = retract ? rows.kinds.data() : nullptr;
  const Status status = accumulators.Update(slots, rows.args, kinds);
  ASSERT_TRUE(status.ok()) << status;
}

// The accumulators of slots 0 .. kSlots - 1, saved and loaded into `place`.
std::unique_ptr<Accumulators> Moved(const AggregateCall& call, bool retract, Accumulators& from,
                                    const std::vector<uint32_t>& place) {
  // In two parts and another order; slots that were in use are skipped.
  const std::vector<std::vector<uint32_t>> parts = {{3, 1}, {0, 4, 2}};
  auto to = MakeAccumulators(call, retract);
  to->Resize(9);
  const arrow::FieldVector fields = from.StateFields();
  for (const auto& part : parts) {
    arrow::ArrayVector columns;
    const Status saved = from.Save(part, SaveMode::kFull, columns);
    EXPECT_TRUE(saved.ok()) << call.ToString() << ": " << saved;
    if (!saved.ok()) return to;
    std::vector<uint32_t> targets;
    for (uint32_t slot : part) targets.push_back(place[slot]);
    for (size_t c = 0; c < columns.size(); ++c) {
      EXPECT_TRUE(columns[c]->ValidateFull().ok());
      EXPECT_TRUE(columns[c]->type()->Equals(*fields[c]->type())) << fields[c]->ToString();
      EXPECT_NE(DocOf(*fields[c]), "");
      // As a part of a longer column, as files give it.
      const auto twice = arrow::Concatenate({columns[c], columns[c]}).ValueOrDie();
      columns[c] = twice->Slice(columns[c]->length());
    }
    EXPECT_TRUE(to->Load(targets, columns).ok());
  }
  return to;
}

void CheckCall(const AggregateCall& call, const TypeCase& type, size_t args, bool retract,
               uint32_t seed) {
  const std::string what = call.ToString() + " of " + type.type.ToString() +
                           (retract ? ", retracting" : "") + fmt::format(", seed {}", seed);
  RandomRows random(seed, type, args, retract);
  const std::vector<uint32_t> same = {0, 1, 2, 3, 4};
  const std::vector<uint32_t> place = {7, 2, 0, 8, 5};
  auto undisturbed = MakeAccumulators(call, retract);
  undisturbed->Resize(kSlots);
  for (int i = 0; i < 3; ++i) Feed(*undisturbed, random.Next(), same, retract);
  undisturbed->Reset(2);
  random.Forget(2);
  Feed(*undisturbed, random.Next(), same, retract);
  undisturbed->Reset(4);  // saved empty
  random.Forget(4);

  auto moved = Moved(call, retract, *undisturbed, place);
  for (int i = 0; i < 3; ++i) {
    const Rows rows = random.Next();
    Feed(*undisturbed, rows, same, retract);
    Feed(*moved, rows, place, retract);
    const uint32_t into = random.Slot(), from = random.Slot();
    // DISTINCT merges values in no order.
    if (into != from && !(call.distinct && call.function->name.ends_with("_VALUE"))) {
      undisturbed->Merge(into, from);
      undisturbed->Reset(from);
      moved->Merge(place[into], place[from]);
      moved->Reset(place[from]);
      random.Merge(into, from);
    }
    const ArrayPtr expected = undisturbed->Finish(same).ValueOrDie();
    const ArrayPtr found = moved->Finish(place).ValueOrDie();
    ASSERT_TRUE(found->ApproxEquals(*expected, arrow::EqualOptions::Defaults().nans_equal(true)))
        << what << ": " << found->ToString() << " instead of " << expected->ToString();
  }
}

// The bound of a call with `args` columns of the type; a percentage is 0.3.
Result<AggregateFunction::Bound> BoundOf(const AggregateFunction& function, const SqlType& type,
                                         size_t args) {
  std::vector<SqlType> types(args, type);
  if (function.name != "PERCENTILE") return function.bind(types);
  types.push_back(SqlType::Double());
  MILL_ASSIGN(auto bound, function.bind(types));
  MILL_RETURN(TakeConstant(function, std::make_shared<arrow::DoubleScalar>(0.3), &bound));
  return bound;
}

TEST(AggregateState, GoesOnAsIfUndisturbed) {
  const std::vector<TypeCase> types = TypeCases();
  std::set<std::string> checked;
  for (const char* name : {"COUNT", "SUM", "$SUM0", "AVG", "MIN", "MAX", "FIRST_VALUE",
                           "LAST_VALUE", "STDDEV_POP", "VAR_SAMP", "LISTAGG", "ARRAY_AGG",
                           "JSON_ARRAYAGG", "JSON_OBJECTAGG", "COLLECT", "PERCENTILE"}) {
    const size_t args = std::string(name) == "JSON_OBJECTAGG" ? 2 : 1;
    for (const TypeCase& type : types) {
      AggregateCall call;
      call.function = Registry().FindAggregate(name);
      ASSERT_NE(call.function, nullptr) << name;
      const auto bound = BoundOf(*call.function, type.type, args);
      if (!bound.ok()) continue;
      call.bound = *bound;
      // The statistics want their arguments cast; sums of NaN stay NaN, which hides the rest.
      if (!call.bound.arg_types[0].SameAs(type.type)) continue;
      const bool sums = call.bound.type.IsApproximate() && type.json(0) == "NaN";
      if (sums && std::string(name) != "MIN" && std::string(name) != "MAX") continue;
      for (const bool retract : {false, true}) {
        for (const bool distinct : {false, true}) {
          call.distinct = distinct;
          for (uint32_t seed = 1; seed <= 20; ++seed) CheckCall(call, type, args, retract, seed);
        }
      }
      checked.insert(name);
    }
  }
  EXPECT_EQ(checked.size(), 16u);
}

TEST(AggregateState, OfSeveralArguments) {
  const TypeCase type = TypeCases()[12];
  AggregateCall call;
  call.function = Registry().FindAggregate("COUNT");
  for (size_t args : {size_t{0}, size_t{2}}) {
    call.bound = call.function->bind(std::vector<SqlType>(args, type.type)).ValueOrDie();
    for (const bool retract : {false, true}) {
      for (const bool distinct : {false, true}) {
        call.distinct = distinct;
        for (uint32_t seed = 1; seed <= 20; ++seed) CheckCall(call, type, args, retract, seed);
      }
    }
  }
}

// The snapshots of some slots, the first one full, as a chain of rows with an id each is folded.
class Chain {
 public:
  explicit Chain(Accumulators& accumulators) : accumulators_(accumulators), since_(kSlots, 0) {}

  void Save() {
    arrow::ArrayVector columns;
    const SaveMode mode = pieces_.empty() ? SaveMode::kFull : SaveMode::kDelta;
    ASSERT_TRUE(accumulators_.Save(Slots(), mode, columns).ok());
    pieces_.push_back(std::move(columns));
  }
  // What was saved of the slot is gone.
  void Erase(uint32_t slot) { since_[slot] = pieces_.size(); }

  void Load(Accumulators& to) const {
    arrow::ArrayVector columns;
    const arrow::FieldVector fields = accumulators_.StateFields();
    for (size_t c = 0; c < fields.size(); ++c) {
      columns.push_back(IsGrowing(*fields[c]) ? Joined(c) : pieces_.back()[c]);
    }
    ASSERT_TRUE(to.Load(Slots(), columns).ok());
  }

 private:
  static std::vector<uint32_t> Slots() { return {0, 1, 2, 3, 4}; }

  ArrayPtr Joined(size_t column) const {
    arrow::ArrayVector values;
    std::vector<int32_t> offsets = {0};
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      int32_t length = 0;
      for (size_t i = since_[slot]; i < pieces_.size(); ++i) {
        const auto& lists = static_cast<const arrow::ListArray&>(*pieces_[i][column]);
        values.push_back(lists.value_slice(slot));
        length += static_cast<int32_t>(values.back()->length());
      }
      offsets.push_back(offsets.back() + length);
    }
    return std::make_shared<arrow::ListArray>(
        pieces_[0][column]->type(), kSlots, arrow::Buffer::FromVector(std::move(offsets)),
        arrow::Concatenate(values).ValueOrDie());
  }

  Accumulators& accumulators_;
  std::vector<arrow::ArrayVector> pieces_;
  std::vector<size_t> since_;  // by slot: the first piece that counts
};

void CheckDeltas(const AggregateCall& call, const TypeCase& type, size_t args, bool retract,
                 uint32_t seed) {
  RandomRows random(seed, type, args, retract);
  std::mt19937 choice(seed);
  const std::vector<uint32_t> same = {0, 1, 2, 3, 4};
  auto undisturbed = MakeAccumulators(call, retract);
  undisturbed->Resize(kSlots);
  Chain chain(*undisturbed);
  const auto erase = [&](uint32_t slot) {
    undisturbed->Reset(slot);
    chain.Erase(slot);
  };
  for (int save = 0; save < 4; ++save) {
    for (auto batches = choice() % 4; batches > 0; --batches) {
      Feed(*undisturbed, random.Next(), same, retract);
      const uint32_t into = random.Slot(), from = random.Slot();
      if (choice() % 3 != 0 || into == from) continue;
      undisturbed->Merge(into, from);
      random.Merge(into, from);
      erase(from);
    }
    if (choice() % 3 == 0) {
      const uint32_t gone = random.Slot();
      erase(gone);
      random.Forget(gone);
    }
    chain.Save();
  }
  auto loaded = MakeAccumulators(call, retract);
  loaded->Resize(kSlots);
  chain.Load(*loaded);
  for (int i = 0; i < 2; ++i) {
    const ArrayPtr expected = undisturbed->Finish(same).ValueOrDie();
    const ArrayPtr found = loaded->Finish(same).ValueOrDie();
    ASSERT_TRUE(found->Equals(*expected, arrow::EqualOptions::Defaults().nans_equal(true)))
        << call.ToString() << (retract ? ", retracting" : "") << ", seed " << seed << ": "
        << found->ToString() << " instead of " << expected->ToString();
    const Rows rows = random.Next();
    Feed(*undisturbed, rows, same, retract);
    Feed(*loaded, rows, same, retract);
  }
}

constexpr const char* kLists[] = {"FIRST_VALUE", "LAST_VALUE",    "LISTAGG", "ARRAY_AGG",
                                  "MIN",         "JSON_ARRAYAGG", "COLLECT", "PERCENTILE"};

AggregateCall CallOf(const char* name, const TypeCase& type) {
  AggregateCall call;
  call.function = Registry().FindAggregate(name);
  call.bound = BoundOf(*call.function, type.type, 1).ValueOrDie();
  return call;
}

TypeCase TypeFor(const std::string& name) {
  return TypeCases()[name == "PERCENTILE" ? 4 : 12];  // DOUBLE, STRING
}

TEST(AggregateState, DeltasAddUp) {
  for (const char* name : kLists) {
    const TypeCase type = TypeFor(name);
    AggregateCall call = CallOf(name, type);
    for (const bool retract : {false, true}) {
      for (const bool distinct : {false, true}) {
        call.distinct = distinct;
        // DISTINCT merges values in no order.
        if (distinct && call.function->name.ends_with("_VALUE")) continue;
        for (uint32_t seed = 1; seed <= 200; ++seed) CheckDeltas(call, type, 1, retract, seed);
      }
    }
  }
}

// What a delta holds of a list is what happened, however long the list is; and never more than the
// list.
TEST(AggregateState, DeltasDoNotGrowWithTheList) {
  constexpr unsigned kMany = 20000;
  for (const char* name : kLists) {
    const TypeCase type = TypeFor(name);
    AggregateCall call = CallOf(name, type);
    std::string all, some;
    for (unsigned i = 0; i < kMany; ++i) all += (i > 0 ? ", " : "") + type.json(i);
    for (unsigned i = 0; i < 20; ++i) some += (i > 0 ? ", " : "") + type.json(3 * i);
    const auto column = [&](const std::string& json) {
      return arrow::json::ArrayFromJSONString(type.type.ToArrow(), "[" + json + "]").ValueOrDie();
    };
    auto lists = MakeAccumulators(call, true);
    lists->Resize(1);
    const std::vector<uint32_t> slot = {0};
    const auto feed = [&](const std::string& json, RowKind kind) {
      const ArrayPtr values = column(json);
      const auto count = static_cast<size_t>(values->length());
      ASSERT_TRUE(lists->Update(std::vector<uint32_t>(count, 0), {values},
                                std::vector<RowKind>(count, kind).data()).ok());
    };
    const auto saved = [&](SaveMode mode) {
      arrow::ArrayVector columns;
      EXPECT_TRUE(lists->Save(slot, mode, columns).ok());
      return static_cast<const arrow::ListArray&>(*columns[0]).value_length(0);
    };
    feed(all, RowKind::kInsert);
    EXPECT_EQ(saved(SaveMode::kFull), kMany) << name;
    EXPECT_EQ(saved(SaveMode::kDelta), 0) << name;
    feed(some, RowKind::kDelete);
    EXPECT_EQ(saved(SaveMode::kDelta), 20) << name;
    for (int i = 0; i < 3; ++i) {
      feed(all, RowKind::kInsert);
      feed(all, RowKind::kDelete);
    }
    EXPECT_LE(saved(SaveMode::kDelta), kMany) << name;
  }
}

// A sum that has left 128 bits comes back.
TEST(AggregateState, KeepsTheCarryOfDecimals) {
  const SqlType type = SqlType::Of(TypeKind::kDecimal, 38, 0);
  AggregateCall call;
  call.function = Registry().FindAggregate("SUM");
  call.bound = call.function->bind({type}).ValueOrDie();
  const std::string nines = Quoted(std::string(38, '9'));
  const auto column = arrow::json::ArrayFromJSONString(
                          type.ToArrow(), fmt::format("[{0}, {0}, {0}, {0}]", nines))
                          .ValueOrDie();
  auto sums = MakeAccumulators(call, true);
  sums->Resize(kSlots);
  ASSERT_TRUE(sums->Update(std::vector<uint32_t>(4, 0), {column}, nullptr).ok());
  auto moved = Moved(call, true, *sums, {7, 2, 0, 8, 5});
  const std::vector<RowKind> kinds(4, RowKind::kDelete);
  ASSERT_TRUE(moved->Update(std::vector<uint32_t>{7, 7, 7, kNoSlot}, {column}, kinds.data()).ok());
  const std::vector<uint32_t> slot = {7};
  EXPECT_EQ(moved->Finish(slot).ValueOrDie()->GetScalar(0).ValueOrDie()->ToString(),
            std::string(38, '9'));
}

// Lists that only grow are saved in parts; a merged slot's values come behind, and yet in order.
TEST(AggregateState, ListsGrowInDeltas) {
  AggregateCall call;
  call.function = Registry().FindAggregate("LISTAGG");
  call.bound = call.function->bind({SqlType::String()}).ValueOrDie();
  auto lists = MakeAccumulators(call, false);
  lists->Resize(2);
  const auto add = [&](const std::vector<uint32_t>& slots, const char* json) {
    const auto column = arrow::json::ArrayFromJSONString(arrow::utf8(), json).ValueOrDie();
    ASSERT_TRUE(lists->Update(slots, {column}, nullptr).ok());
  };
  const std::vector<uint32_t> slot = {0};
  arrow::ArrayVector full, delta;
  add({1, 0}, R"(["a", "b"])");
  ASSERT_TRUE(lists->Save(slot, SaveMode::kFull, full).ok());
  lists->Merge(0, 1);
  add({0}, R"(["c"])");
  ASSERT_TRUE(lists->Save(slot, SaveMode::kDelta, delta).ok());
  ASSERT_TRUE(IsGrowing(*lists->StateFields()[0]));
  const auto values = [](const arrow::ArrayVector& columns) {
    return static_cast<const arrow::ListArray&>(*columns[0]).values();
  };
  EXPECT_EQ(values(full)->length(), 1);
  EXPECT_EQ(values(delta)->length(), 2);
  const auto all = arrow::Concatenate({values(full), values(delta)}).ValueOrDie();
  const ArrayPtr folded = arrow::ListArray::FromArrays(
                              *arrow::json::ArrayFromJSONString(arrow::int32(), "[0, 3]").ValueOrDie(), *all)
                              .ValueOrDie();
  auto loaded = MakeAccumulators(call, false);
  loaded->Resize(1);
  ASSERT_TRUE(loaded->Load(slot, std::vector<ArrayPtr>{folded}).ok());
  EXPECT_EQ(loaded->Finish(slot).ValueOrDie()->GetScalar(0).ValueOrDie()->ToString(), "a,b,c");
}

// Rows that were saved before the aggregate was there.
TEST(AggregateState, NullsLeaveSlotsEmpty) {
  for (const char* name : {"COUNT", "SUM", "MAX", "LAST_VALUE", "ARRAY_AGG", "COLLECT"}) {
    for (const bool retract : {false, true}) {
      for (const bool distinct : {false, true}) {
        AggregateCall call;
        call.function = Registry().FindAggregate(name);
        call.distinct = distinct;
        call.bound = call.function->bind({SqlType::Int()}).ValueOrDie();
        auto accumulators = MakeAccumulators(call, retract);
        accumulators->Resize(kSlots);
        arrow::ArrayVector columns;
        for (const auto& field : accumulators->StateFields()) {
          columns.push_back(arrow::MakeArrayOfNull(field->type(), 2).ValueOrDie());
        }
        const std::vector<uint32_t> slots = {1, 3};
        ASSERT_TRUE(accumulators->Load(slots, columns).ok());
        const std::vector<uint32_t> all = {0, 1};
        const auto results = accumulators->Finish(all).ValueOrDie();
        EXPECT_TRUE(results->RangeEquals(*results, 0, 1, 1)) << name << results->ToString();
      }
    }
  }
}

}  // namespace
}  // namespace millrace
