// MAP_* and STR_TO_MAP.
#include <unordered_map>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/lists.h"
#include "functions/regex.h"
#include "functions/value_ids.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();

Result<SqlType> OneMap(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (args[0].kind != TypeKind::kMap) return ArgumentTypeError(0, args[0], "MAP");
  return args[0];
}

Result<Binding> BindSide(const std::vector<SqlType>& args, size_t side) {
  MILL_ASSIGN(const SqlType map, OneMap(args));
  return Binding{args, WithNullable(SqlType::Array(*map.children[side].type), map.nullable)};
}

Result<Binding> BindEntries(const std::vector<SqlType>& args) {
  MILL_ASSIGN(const SqlType map, OneMap(args));
  SqlType entry = SqlType::Of(TypeKind::kRow);
  entry.children = {{"key", map.children[0].type}, {"value", map.children[1].type}};
  return Binding{args, WithNullable(SqlType::Array(entry), map.nullable)};
}

// The list of a map's keys, values or entries: the map's offsets over another child.
Result<arrow::Datum> ListOf(const Call& call, const std::shared_ptr<arrow::ArrayData>& child) {
  MILL_ASSIGN(Operand map, MakeOperand(call.args[0]));
  auto lists = arrow::ArrayData::Make(call.type.ToArrow(), map.data->length,
                                      {map.data->buffers[0], map.data->buffers[1]}, {child},
                                      map.data->null_count, map.data->offset);
  return AsDatum(std::move(lists), map.scalar);
}

Result<arrow::Datum> EvalSide(const Call& call, bool keys) {
  MILL_ASSIGN(Operand map, MakeOperand(call.args[0]));
  const arrow::MapArray maps(map.data);
  return ListOf(call, (keys ? maps.keys() : maps.items())->data());
}

Result<arrow::Datum> EvalEntries(const Call& call) {
  MILL_ASSIGN(Operand map, MakeOperand(call.args[0]));
  auto entries = map.data->child_data[0]->Copy();
  entries->type = call.type.children[0].type->ToArrow();
  return ListOf(call, entries);
}

// The most elements that one row's multiset can have: more is a slip, and would exhaust the memory.
constexpr int64_t kMostElements = 10'000'000;

Result<Binding> BindMultiset(const std::vector<SqlType>& args) {
  MILL_ASSIGN(const SqlType map, OneMap(args));
  if (map.children[1].type->kind != TypeKind::kInt) return ArgumentTypeError(0, map, "MAP<any, INT>");
  return Binding{args, WithNullable(SqlType::Array(*map.children[0].type), map.nullable)};
}

Result<arrow::Datum> EvalMultiset(const Call& call) {
  MILL_ASSIGN(Operand map, MakeOperand(call.args[0]));
  const arrow::MapArray maps(map.data);
  const auto& counts = static_cast<const arrow::Int32Array&>(*maps.items());
  ListBuilder lists;
  for (int64_t row = 0; row < maps.length(); ++row) {
    if (maps.IsNull(row)) {
      lists.EndNull();
      continue;
    }
    int64_t most = kMostElements;
    for (int32_t i = maps.value_offset(row); i < maps.value_offset(row + 1); ++i) {
      const int32_t count = counts.IsNull(i) ? 0 : counts.Value(i);
      if ((most -= std::max(count, 0)) < 0) {
        return UserError("a multiset has more than {} elements", kMostElements);
      }
      for (int32_t n = 0; n < count; ++n) lists.Add(i);
    }
    lists.EndRow();
  }
  return lists.Finish(maps.keys(), call.type, map.scalar);
}

// Maps from lists of positions in arrays of keys and values.
Result<arrow::Datum> FinishMaps(ListBuilder* keys, ListBuilder* values, const ArrayPtr& all_keys,
                                const ArrayPtr& all_values, const SqlType& type, bool scalar) {
  const SqlType key = SqlType::Array(*type.children[0].type);
  const SqlType value = SqlType::Array(*type.children[1].type);
  MILL_ASSIGN(arrow::Datum key_lists, keys->Finish(all_keys, key, false));
  MILL_ASSIGN(arrow::Datum value_lists, values->Finish(all_values, value, false));
  const arrow::ArrayData& lists = *key_lists.array();
  const auto& key_data = lists.child_data[0];
  if (key_data->GetNullCount() > 0) return UserError("a key of a map is NULL");
  const auto arrow_type = type.ToArrow();
  auto entries = arrow::ArrayData::Make(
      static_cast<const arrow::MapType&>(*arrow_type).value_type(), key_data->length, {nullptr},
      {key_data, value_lists.array()->child_data[0]}, 0);
  return AsDatum(arrow::ArrayData::Make(arrow_type, lists.length, lists.buffers,
                                        {std::move(entries)}, lists.null_count),
                 scalar);
}

Result<Binding> BindFromArrays(const std::vector<SqlType>& args) {
  if (args.size() != 2) return ArgumentCountError(args.size(), "2");
  for (size_t i = 0; i < 2; ++i) {
    if (args[i].kind != TypeKind::kArray) return ArgumentTypeError(i, args[i], "ARRAY");
  }
  return Binding{args,
                 WithNullable(SqlType::Map(*args[0].children[0].type, *args[1].children[0].type),
                              AnyNullable(args))};
}

Result<Elements> ElementsOfArg(const Call& call, size_t arg) {
  const std::vector<arrow::Datum> args = {call.args[arg]};
  const std::vector<SqlType> types = {call.arg_types[arg]};
  return Elements::Of(Call{args, types, call.type, call.rows, call.context}, 1);
}

Result<arrow::Datum> EvalFromArrays(const Call& call) {
  MILL_ASSIGN(Elements keys, ElementsOfArg(call, 0));
  MILL_ASSIGN(Elements values, ElementsOfArg(call, 1));
  const bool scalar = keys.operands().scalar && values.operands().scalar;
  ListBuilder key_lists, value_lists;
  for (int64_t row = 0; row < (scalar ? 1 : call.rows); ++row) {
    if (keys.IsNull(0, row) || values.IsNull(0, row)) {
      key_lists.EndNull();
      value_lists.EndNull();
      continue;
    }
    const int32_t count = keys.End(0, row) - keys.Begin(0, row);
    const int32_t others = values.End(0, row) - values.Begin(0, row);
    if (count != others) return UserError("{} keys but {} values, expected as many", count, others);
    for (int32_t i = 0; i < count; ++i) {
      key_lists.Add(keys.Begin(0, row) + i);
      value_lists.Add(values.Begin(0, row) + i);
    }
    key_lists.EndRow();
    value_lists.EndRow();
  }
  return FinishMaps(&key_lists, &value_lists, keys.all(), values.all(), call.type, scalar);
}

Result<Binding> BindUnion(const std::vector<SqlType>& args) {
  if (args.empty()) return ArgumentCountError(0, "1 or more");
  MILL_ASSIGN(SqlType common, CommonType(args));
  if (common.kind != TypeKind::kMap) return ArgumentTypeError(0, common, "MAP");
  std::vector<SqlType> types;
  for (const SqlType& arg : args) types.push_back(WithNullable(common, arg.nullable));
  return Binding{std::move(types), common};
}

// The maps of a call as lists of entries, which Elements takes together.
Result<std::vector<arrow::Datum>> EntryLists(const Call& call, const SqlType& list) {
  std::vector<arrow::Datum> lists;
  for (const arrow::Datum& arg : call.args) {
    const std::vector<arrow::Datum> one = {arg};
    MILL_ASSIGN(arrow::Datum entries,
                EvalEntries(Call{one, call.arg_types, list, call.rows, call.context}));
    lists.push_back(std::move(entries));
  }
  return lists;
}

Result<arrow::Datum> EvalUnion(const Call& call) {
  MILL_ASSIGN(const Binding entries, BindEntries({call.arg_types[0]}));
  MILL_ASSIGN(const auto lists, EntryLists(call, entries.type));
  const std::vector<SqlType> types(lists.size(), entries.type);
  MILL_ASSIGN(Elements elements,
              Elements::Of(Call{lists, types, call.type, call.rows, call.context}, lists.size()));
  const auto& all = static_cast<const arrow::StructArray&>(*elements.all());
  MILL_ASSIGN(const auto ids, ValueIds(all.field(0)));
  ListBuilder keys, values;
  std::unordered_map<int32_t, size_t> places;  // of a key's value among values.positions()
  for (int64_t row = 0; row < elements.operands().rows; ++row) {
    bool null = false;
    places.clear();
    for (size_t arg = 0; arg < lists.size(); ++arg) {
      null = null || elements.IsNull(arg, row);
      for (int32_t i = elements.Begin(arg, row); i < elements.End(arg, row); ++i) {
        const auto [place, is_new] =
            places.emplace(ids[static_cast<size_t>(i)], values.positions().size());
        if (!is_new) {
          values.positions()[place->second] = i;  // the last map with a key wins
          continue;
        }
        keys.Add(i);
        values.Add(i);
      }
    }
    for (ListBuilder* builder : {&keys, &values}) null ? builder->EndNull() : builder->EndRow();
  }
  return FinishMaps(&keys, &values, all.field(0), all.field(1), call.type,
                    elements.operands().scalar);
}

// Splits at the matches of a regular expression, at most into `most` parts (0: any number, and
// empty parts
// at the end are dropped), as Java does.
Result<std::vector<View>> SplitAt(Regex* regex, View text, size_t most) {
  std::vector<View> parts;
  size_t begin = 0, from = 0;
  while (from <= text.size() && (most == 0 || parts.size() + 1 < most)) {
    MILL_ASSIGN(const bool found, regex->Find(text, from));
    if (!found) break;
    const size_t at = regex->GroupBegin(0), end = regex->GroupEnd(0);
    from = end > at ? end : end + 1;
    if (end == 0) continue;  // an empty match at the beginning makes no part
    parts.push_back(text.substr(begin, at - begin));
    begin = end;
  }
  parts.push_back(text.substr(std::min(begin, text.size())));
  while (most == 0 && parts.size() > 1 && parts.back().empty()) parts.pop_back();
  return parts;
}

// One text's pairs; a later pair of the same key replaces the value.
class PairReader {
 public:
  Status Read(View text, Regex* between, Regex* inside) {
    keys_.clear();
    values_.clear();
    MILL_ASSIGN(const auto pairs, SplitAt(between, text, 0));
    for (View pair : pairs) {
      MILL_ASSIGN(const auto sides, SplitAt(inside, pair, 2));
      size_t at = 0;
      while (at < keys_.size() && keys_[at] != sides[0]) ++at;
      if (at == keys_.size()) {
        keys_.push_back(sides[0]);
        values_.emplace_back();
      }
      values_[at] = sides.size() > 1 ? std::optional<View>(sides[1]) : std::nullopt;
    }
    return Status::OK();
  }
  const std::vector<View>& keys() const { return keys_; }
  const std::vector<std::optional<View>>& values() const { return values_; }

 private:
  std::vector<View> keys_;
  std::vector<std::optional<View>> values_;
};

Result<Binding> BindTextToMap(const std::vector<SqlType>& args) {
  if (args.size() != 1 && args.size() != 3) return ArgumentCountError(args.size(), "1 or 3");
  const SqlType map = SqlType::Map(kString, kString);
  return Fixed({kString, kString, kString}, map, 2)(args);
}

Result<arrow::Datum> EvalTextToMap(const Call& call) {
  std::vector<arrow::Datum> args = call.args;
  if (args.size() == 1) {
    args.emplace_back(std::make_shared<arrow::StringScalar>(","));
    args.emplace_back(std::make_shared<arrow::StringScalar>("="));
  }
  MILL_ASSIGN(Operands operands, MakeOperands(args, call.rows));
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  ListBuilder keys, values;
  arrow::StringBuilder key_texts, value_texts;
  PairReader pairs;
  for (int64_t row = 0; row < operands.rows; ++row) {
    if (!validity.IsValid(row)) {
      keys.EndNull();
      values.EndNull();
      continue;
    }
    MILL_ASSIGN(auto between, Regex::Get(Reader<View>(operands.items[1])[row]));
    MILL_ASSIGN(auto inside, Regex::Get(Reader<View>(operands.items[2])[row]));
    MILL_RETURN(pairs.Read(Reader<View>(operands.items[0])[row], between.get(), inside.get()));
    for (size_t i = 0; i < pairs.keys().size(); ++i) {
      keys.Add(static_cast<int32_t>(key_texts.length()));
      values.Add(static_cast<int32_t>(key_texts.length()));
      MILL_RETURN(key_texts.Append(pairs.keys()[i]));
      const auto& value = pairs.values()[i];
      MILL_RETURN(value ? value_texts.Append(*value) : value_texts.AppendNull());
    }
    keys.EndRow();
    values.EndRow();
  }
  MILL_ASSIGN(ArrayPtr all_keys, key_texts.Finish());
  MILL_ASSIGN(ArrayPtr all_values, value_texts.Finish());
  return FinishMaps(&keys, &values, all_keys, all_values, call.type, operands.scalar);
}

}  // namespace

void RegisterMap(FunctionRegistry& registry) {
  registry.Add({.name = "MAP_KEYS", .signature = "MAP_KEYS(MAP) -> ARRAY",
                .doc = "The keys of a map, in no promised order.",
                .examples = {{"MAP_KEYS(MAP['a', 1, 'b', 2])", "[a, b]"}},
                .bind = [](const auto& args) { return BindSide(args, 0); },
                .eval = [](const Call& call) { return EvalSide(call, true); }});
  registry.Add({.name = "MULTISET_ELEMENTS", .signature = "MULTISET_ELEMENTS(MAP<any, INT>) -> ARRAY",
                .doc = "Each key as often as its value says: the elements of what COLLECT gives. "
                       "UNNEST of such a map under one name means them. Not in Flink.",
                .examples = {{"MULTISET_ELEMENTS(MAP['a', 2, 'b', 1])", "[a, a, b]"}},
                .bind = BindMultiset, .eval = EvalMultiset, .may_fail = true});
  registry.Add({.name = "MAP_VALUES", .signature = "MAP_VALUES(MAP) -> ARRAY",
                .doc = "The values of a map, in the order of its keys.",
                .examples = {{"MAP_VALUES(MAP['a', 1, 'b', 2])", "[1, 2]"}},
                .bind = [](const auto& args) { return BindSide(args, 1); },
                .eval = [](const Call& call) { return EvalSide(call, false); }});
  registry.Add({.name = "MAP_ENTRIES", .signature = "MAP_ENTRIES(MAP) -> ARRAY<ROW<key, value>>",
                .doc = "The entries of a map as rows.",
                .examples = {{"MAP_ENTRIES(MAP['a', 1])", "[(a, 1)]"}},
                .bind = BindEntries, .eval = EvalEntries});
  registry.Add({.name = "MAP_FROM_ARRAYS", .signature = "MAP_FROM_ARRAYS(keys, values) -> MAP",
                .doc = "A map of two arrays of the same length.",
                .examples = {{"MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"}},
                .bind = BindFromArrays, .eval = EvalFromArrays, .may_fail = true});
  registry.Add({.name = "MAP_UNION", .signature = "MAP_UNION(MAP, ...) -> MAP",
                .doc = "The entries of several maps; of equal keys the last one's value.",
                .examples = {{"MAP_UNION(MAP['a', 1], MAP['a', 2, 'b', 3])", "{a=2, b=3}"}},
                .bind = BindUnion, .eval = EvalUnion, .may_fail = true});
  registry.Add(
      {.name = "STR_TO_MAP",
       .signature = "STR_TO_MAP(STRING [, between pairs, inside a pair]) -> MAP<STRING, STRING>",
       .doc = "Reads 'k1=v1,k2=v2'. The separators are regular expressions.",
       .examples = {{"STR_TO_MAP('k1=v1,k2=v2')", "{k1=v1, k2=v2}"},
                    {"STR_TO_MAP('a:1;b:2', ';', ':')", "{a=1, b=2}"}},
       .bind = BindTextToMap,
       .eval = EvalTextToMap,
       .may_fail = true});
}

}  // namespace millrace
