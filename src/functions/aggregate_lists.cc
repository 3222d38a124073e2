// Aggregates that show all their values: LISTAGG, ARRAY_AGG, JSON_ARRAYAGG, JSON_OBJECTAGG. How
// many values a slot holds is bounded by nothing but the rows of its group.
#include <map>

#include "functions/aggregate_kept.h"
#include "functions/bind.h"
#include "functions/json_text.h"

namespace millrace::aggregates {
namespace {

std::string ConstantText(const Bound& bound, const char* otherwise) {
  return bound.constant ? bound.constant->ToString() : otherwise;
}

// Texts: write(list, &text) appends what a list becomes; an empty one's is NULL unless `always`.
template <typename List, typename Write>
Result<ArrayPtr> WriteLists(Slots slots, bool always,
                            const KeptAccumulators<std::string, List>& lists, Write write) {
  const List none;
  std::string text;
  return BuildText(arrow::utf8(), slots.size(), [&](size_t i, std::string_view* view) {
    const List* list = lists.ListOf(slots[i]);
    if (list == nullptr) list = &none;
    if (list->empty() && !always) return false;
    text.clear();
    write(*list, &text);
    *view = text;
    return true;
  });
}

template <typename List>
class ListAgg final : public KeptAccumulators<std::string, List> {
 public:
  explicit ListAgg(const Bound& bound)
      : KeptAccumulators<std::string, List>(SqlType::String(), false),
        separator_(ConstantText(bound, ",")) {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    return WriteLists<List>(slots, false, *this,
                            [this](const List& list, std::string* text) {
                              bool first = true;
                              list.ForEach([&](const std::optional<std::string>& value) {
                                if (!first) *text += separator_;
                                first = false;
                                *text += *value;
                              });
                            });
  }

 private:
  std::string separator_;
};

// The values are JSON already.
template <typename List>
class JsonArrayAgg final : public KeptAccumulators<std::string, List> {
 public:
  explicit JsonArrayAgg(const Bound& bound)
      : KeptAccumulators<std::string, List>(SqlType::String(),
                                            ConstantText(bound, "ABSENT") == "NULL") {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    return WriteLists<List>(slots, true, *this,
                            [](const List& list, std::string* text) {
                              *text += '[';
                              list.ForEach([&](const std::optional<std::string>& value) {
                                if (text->size() > 1) *text += ',';
                                *text += value ? *value : "null";
                              });
                              *text += ']';
                            });
  }
};

// What is kept are members as they are written: "name":value.
template <typename List>
class JsonObjectAgg final : public KeptAccumulators<std::string, List> {
 public:
  using Base = KeptAccumulators<std::string, List>;

  explicit JsonObjectAgg(const Bound& bound)
      : Base(SqlType::String(), false), nulls_(ConstantText(bound, "NULL") == "NULL") {}

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    const Reader<std::string> names(*args[0]), values(*args[1]);
    std::string member;
    MILL_ASSIGN(ArrayPtr members,
                BuildText(arrow::utf8(), slots.size(), [&](size_t i, std::string_view* view) {
                  const bool null = args[1]->IsNull(static_cast<int64_t>(i));
                  const bool nameless = args[0]->IsNull(static_cast<int64_t>(i));
                  if (slots[i] == kNoSlot || nameless || (null && !nulls_)) return false;
                  member.clear();
                  AppendJsonString(names(i), &member);
                  member += ':';
                  member += null ? "null" : values(i);
                  *view = member;
                  return true;
                }));
    return Base::Update(slots, {std::move(members)}, kinds);
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    return WriteLists<List>(slots, true, *this, Write);
  }

 private:
  // By name; of equal names the last counts.
  static void Write(const List& list, std::string* text) {
    std::map<std::string, const std::string*> members;
    list.ForEach([&](const std::optional<std::string>& member) {
      const size_t end = json_text::SkipString(*member, 0);
      std::string name;
      AppendUnescaped(std::string_view(*member).substr(1, end - 2), &name);
      members[std::move(name)] = &*member;
    });
    *text += '{';
    for (const auto& [name, member] : members) {
      if (text->size() > 1) *text += ',';
      *text += *member;
    }
    *text += '}';
  }

  bool nulls_;
};

template <typename List>
class ArrayAgg final : public KeptAccumulators<typename List::Value::value_type, List> {
 public:
  using T = typename List::Value::value_type;

  explicit ArrayAgg(const Bound& bound)
      : KeptAccumulators<T, List>(bound.arg_types[0], ConstantText(bound, "RESPECT") != "IGNORE"),
        type_(bound.type) {}

  Result<ArrayPtr> Finish(Slots slots) const override {
    std::vector<const std::optional<T>*> elements;
    arrow::TypedBufferBuilder<int32_t> offsets;
    arrow::TypedBufferBuilder<bool> valid;
    MILL_RETURN(offsets.Append(0));
    for (uint32_t slot : slots) {
      const List* list = this->ListOf(slot);
      const bool filled = list != nullptr && !list->empty();
      if (filled) {
        list->ForEach([&](const std::optional<T>& value) { elements.push_back(&value); });
      }
      if (elements.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
        return Status::CapacityError("the arrays of ARRAY_AGG in one batch exceed 2^31 elements");
      }
      MILL_RETURN(offsets.Append(static_cast<int32_t>(elements.size())));
      MILL_RETURN(valid.Append(filled));
    }
    MILL_ASSIGN(ArrayPtr values, Build<T>(this->value_type(), elements.size(),
                                          [&](size_t i, View<T>* value) {
                                            if (!*elements[i]) return false;
                                            *value = **elements[i];
                                            return true;
                                          }));
    MILL_ASSIGN(auto offset_buffer, offsets.Finish());
    MILL_ASSIGN(auto bitmap, valid.Finish());
    return std::make_shared<arrow::ListArray>(type_.ToArrow(), static_cast<int64_t>(slots.size()),
                                              std::move(offset_buffer), std::move(values),
                                              std::move(bitmap));
  }

 private:
  SqlType type_;
};

template <typename T, template <typename> class Aggregate>
AccumulatorsPtr MakeKept(const Bound& bound, bool retract) {
  if (retract) return std::make_unique<Aggregate<IndexedList<T>>>(bound);
  return std::make_unique<Aggregate<AppendList<T>>>(bound);
}

template <typename T, template <typename> class Aggregate>
AccumulatorsPtr MakeKeptDistinct(const Bound& bound, bool retract) {
  if (retract) return std::make_unique<Aggregate<IndexedList<T, true>>>(bound);
  return std::make_unique<Aggregate<DistinctList<T>>>(bound);
}

// An argument that has to be text; an untyped NULL will do.
Status CheckText(const Types& args, size_t i) {
  if (args[i].IsString() || args[i].kind == TypeKind::kNull) return Status::OK();
  return ArgumentTypeError(i, args[i], "STRING");
}

// `count` arguments, the last of which may be missing.
Status CheckCount(const Types& args, size_t count, const char* wanted) {
  if (args.size() == count || args.size() + 1 == count) return Status::OK();
  return ArgumentCountError(args.size(), wanted);
}

Result<Bound> BindTexts(const Types& args, size_t count, const char* wanted, SqlType result) {
  MILL_RETURN(CheckCount(args, count, wanted));
  for (size_t i = 0; i < args.size(); ++i) MILL_RETURN(CheckText(args, i));
  return Bound{Types(args.size(), SqlType::String()), std::move(result)};
}

Result<Bound> BindArrayAgg(const Types& args) {
  MILL_RETURN(CheckCount(args, 2, "1"));
  MILL_ASSIGN(SqlType value, OneArgument("ARRAY_AGG", {args[0]}));
  Bound bound{{value}, SqlType::Array(value)};
  if (args.size() > 1) bound.arg_types.push_back(SqlType::String());
  return bound;
}

void AddArrayAgg(FunctionRegistry& registry) {
  registry.Add(AggregateFunction{
      .name = "ARRAY_AGG",
      .signature = "ARRAY_AGG(value) [IGNORE NULLS] -> ARRAY",
      .doc = "The values as an array in order of arrival, NULLs too unless they are ignored; "
             "NULL if there are none.",
      .bind = BindArrayAgg,
      .make =
          [](const Bound& bound, bool retract) {
            return WithValueType(bound.arg_types[0], [&]<typename T>() {
              return MakeKept<T, ArrayAgg>(bound, retract);
            });
          },
      .make_distinct =
          [](const Bound& bound, bool retract) {
            return WithValueType(bound.arg_types[0], [&]<typename T>() {
              return MakeKeptDistinct<T, ArrayAgg>(bound, retract);
            });
          },
      .constant_at = 1});
}

template <template <typename> class Aggregate>
void AddText(FunctionRegistry& registry, const char* name, const char* signature, const char* doc,
             int constant_at, const char* wanted, const SqlType& result) {
  const auto count = static_cast<size_t>(constant_at) + 1;
  registry.Add(AggregateFunction{
      .name = name,
      .signature = signature,
      .doc = doc,
      .bind = [=](const Types& args) { return BindTexts(args, count, wanted, result); },
      .make = MakeKept<std::string, Aggregate>,
      .make_distinct = MakeKeptDistinct<std::string, Aggregate>,
      .constant_at = constant_at});
}

}  // namespace

void RegisterLists(FunctionRegistry& registry) {
  AddArrayAgg(registry);
  AddText<ListAgg>(registry, "LISTAGG", "LISTAGG(text [, separator]) -> STRING",
                   "The texts in order of arrival with the separator between them, ',' if none is "
                   "given; NULLs aside, NULL if there are none.",
                   1, "1 or 2", SqlType::String());
  AddText<JsonArrayAgg>(registry, "JSON_ARRAYAGG",
                        "JSON_ARRAYAGG(value [{NULL | ABSENT} ON NULL]) -> STRING",
                        "The values as a JSON array in order of arrival; NULLs are left out "
                        "(ABSENT ON NULL) unless NULL ON NULL is said.",
                        1, "1", SqlType::String().NotNull());
  AddText<JsonObjectAgg>(
      registry, "JSON_OBJECTAGG",
      "JSON_OBJECTAGG([KEY] name VALUE value [{NULL | ABSENT} ON NULL]) -> STRING",
      "The values by name as a JSON object, names sorted; of equal names the value that came last "
      "counts, rows whose name is NULL are left out. NULL values are kept (NULL ON NULL) unless "
      "ABSENT ON NULL is said.",
      2, "a name and a value", SqlType::String().NotNull());
}

}  // namespace millrace::aggregates
