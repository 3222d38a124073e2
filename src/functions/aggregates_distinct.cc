// DISTINCT around any aggregate: only a value's first appearance in a slot reaches the inner
// accumulators. The values seen are kept in one open-addressing table for all slots, since
// COUNT(DISTINCT x) probes it for every input row; where rows may be taken back, each slot counts
// its values in a map instead.
#include <arrow/api.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "functions/aggregate_values.h"

namespace millrace {
namespace {

using aggregates::Args;
using aggregates::ArrayPtr;
using aggregates::Columns;
using aggregates::Slots;

// How a row's arguments become one key.
enum class KeyForm {
  kCode,     // fixed width of at most 8 bytes: its bits as a uint64_t
  kBytes,    // text, bytes, decimal: its bytes
  kEncoded,  // nested or several arguments: their encoding; only COUNT can be asked for those
};

KeyForm FormOf(const std::vector<SqlType>& types) {
  if (types.size() != 1) return KeyForm::kEncoded;
  switch (types[0].kind) {
    case TypeKind::kDecimal:
    case TypeKind::kChar:
    case TypeKind::kVarchar:
    case TypeKind::kBinary:
    case TypeKind::kVarbinary: return KeyForm::kBytes;
    case TypeKind::kArray:
    case TypeKind::kMap:
    case TypeKind::kRow: return KeyForm::kEncoded;
    default: return KeyForm::kCode;
  }
}

// ---------------------------------------------------------------------------------------------
// Keys of rows

// Elements of 1 to 8 bytes; NaN has one code.
template <typename T>
void ReadCodes(const arrow::Array& array, std::vector<uint64_t>& codes) {
  using Bits = std::conditional_t<
      sizeof(T) == 8, uint64_t,
      std::conditional_t<sizeof(T) == 4, uint32_t,
                         std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
  const T* values = array.data()->GetValues<T>(1);
  for (size_t i = 0; i < codes.size(); ++i) {
    T value = values[i];
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) value = std::numeric_limits<T>::quiet_NaN();
    }
    codes[i] = std::bit_cast<Bits>(value);
  }
}

void ReadKeys(const Args& args, std::vector<uint64_t>& codes) {
  const arrow::Array& array = *args[0];
  codes.resize(static_cast<size_t>(array.length()));
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      for (size_t i = 0; i < codes.size(); ++i) {
        codes[i] = static_cast<const arrow::BooleanArray&>(array).Value(static_cast<int64_t>(i));
      }
      return;
    case arrow::Type::FLOAT: return ReadCodes<float>(array, codes);
    case arrow::Type::DOUBLE: return ReadCodes<double>(array, codes);
    default: break;
  }
  switch (array.type()->byte_width()) {
    case 1: return ReadCodes<uint8_t>(array, codes);
    case 2: return ReadCodes<uint16_t>(array, codes);
    case 4: return ReadCodes<uint32_t>(array, codes);
    default: return ReadCodes<uint64_t>(array, codes);
  }
}

void AppendLength(int64_t length, std::string* out) {
  out->append(reinterpret_cast<const char*>(&length), sizeof(length));
}

void Encode(const arrow::Array& array, int64_t row, std::string* out);

void EncodeRange(const arrow::Array& values, int64_t begin, int64_t length, std::string* out) {
  AppendLength(length, out);
  for (int64_t i = begin; i < begin + length; ++i) Encode(values, i, out);
}

void EncodeFixed(const arrow::Array& array, int64_t row, std::string* out) {
  const int64_t width = array.type()->byte_width();
  const auto* bytes = array.data()->GetValues<char>(1, 0) + (array.offset() + row) * width;
  out->append(bytes, static_cast<size_t>(width));
}

// Appends an element such that different values differ.
void Encode(const arrow::Array& array, int64_t row, std::string* out) {
  out->push_back(array.IsNull(row) ? '\0' : '\1');
  if (array.IsNull(row)) return;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      out->push_back(static_cast<const arrow::BooleanArray&>(array).Value(row) ? '\1' : '\0');
      return;
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto text = static_cast<const arrow::BinaryArray&>(array).GetView(row);
      AppendLength(static_cast<int64_t>(text.size()), out);
      out->append(text);
      return;
    }
    case arrow::Type::LIST:
    case arrow::Type::MAP: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      EncodeRange(*list.values(), list.value_offset(row), list.value_length(row), out);
      return;
    }
    case arrow::Type::STRUCT:
      for (const ArrayPtr& field : static_cast<const arrow::StructArray&>(array).fields()) {
        Encode(*field, row, out);
      }
      return;
    default: EncodeFixed(array, row, out);
  }
}

// Keys that are bytes: they point into the arguments, or into text made here.
class ByteKeys {
 public:
  void Read(KeyForm form, const Args& args, std::vector<std::string_view>& keys) {
    const auto rows = static_cast<size_t>(args[0]->length());
    keys.resize(rows);
    if (form == KeyForm::kEncoded) {
      EncodeRows(args, keys);
    } else if (args[0]->type_id() == arrow::Type::DECIMAL128) {
      const char* bytes = args[0]->data()->GetValues<char>(1, 0) + args[0]->offset() * 16;
      for (size_t i = 0; i < rows; ++i) keys[i] = {bytes + i * 16, 16};
    } else {
      const auto& array = static_cast<const arrow::BinaryArray&>(*args[0]);
      for (size_t i = 0; i < rows; ++i) keys[i] = array.GetView(static_cast<int64_t>(i));
    }
  }

 private:
  void EncodeRows(const Args& args, std::vector<std::string_view>& keys) {
    text_.clear();
    ends_.clear();
    for (size_t i = 0; i < keys.size(); ++i) {
      for (const ArrayPtr& arg : args) Encode(*arg, static_cast<int64_t>(i), &text_);
      ends_.push_back(text_.size());
    }
    for (size_t i = 0, begin = 0; i < keys.size(); begin = ends_[i++]) {
      keys[i] = std::string_view(text_).substr(begin, ends_[i] - begin);
    }
  }

  std::string text_;
  std::vector<size_t> ends_;
};

bool AnyNull(const Args& args, size_t row) {
  for (const ArrayPtr& arg : args) {
    if (arg->IsNull(static_cast<int64_t>(row))) return true;
  }
  return false;
}

// Copies `slots`, without the rows where an argument is NULL.
void WithoutNulls(Slots slots, const Args& args, std::vector<uint32_t>& chosen) {
  chosen.assign(slots.begin(), slots.end());
  for (const ArrayPtr& arg : args) {
    if (arg->null_count() == 0) continue;
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (arg->IsNull(static_cast<int64_t>(i))) chosen[i] = kNoSlot;
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Arrays of keys: what the inner accumulators are given when slots merge

Result<ArrayPtr> ArrayOfKeys(const SqlType& type, const std::vector<uint64_t>& codes) {
  const std::shared_ptr<arrow::DataType> arrow_type = type.ToArrow();
  const auto length = static_cast<int64_t>(codes.size());
  if (type.kind == TypeKind::kBoolean) {
    arrow::BooleanBuilder builder;
    for (uint64_t code : codes) MILL_RETURN(builder.Append(code != 0));
    return builder.Finish();
  }
  const auto width = static_cast<size_t>(arrow_type->byte_width());
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values,
              arrow::AllocateBuffer(length * static_cast<int64_t>(width)));
  for (size_t i = 0; i < codes.size(); ++i) {
    std::memcpy(values->mutable_data() + i * width, &codes[i], width);
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow_type, length, {nullptr, std::move(values)}, 0));
}

template <typename Builder>
Result<ArrayPtr> AppendKeys(const SqlType& type, const std::vector<std::string_view>& keys) {
  std::unique_ptr<arrow::ArrayBuilder> maker;
  MILL_RETURN(arrow::MakeBuilder(arrow::default_memory_pool(), type.ToArrow(), &maker));
  auto& builder = static_cast<Builder&>(*maker);
  for (std::string_view key : keys) MILL_RETURN(builder.Append(key));
  return maker->Finish();
}

Result<ArrayPtr> ArrayOfKeys(const SqlType& type, const std::vector<std::string_view>& keys) {
  if (type.kind == TypeKind::kDecimal) return AppendKeys<arrow::FixedSizeBinaryBuilder>(type, keys);
  return AppendKeys<arrow::BinaryBuilder>(type, keys);
}

// ---------------------------------------------------------------------------------------------
// The table of values seen

uint64_t Mix(uint64_t x) {
  x *= 0x9E3779B97F4A7C15ull;
  return x ^ (x >> 32);
}

// Keys of 8 bytes: stored as they are.
struct CodeStore {
  using Key = uint64_t;

  static uint64_t Hash(Key key) { return Mix(key); }
  bool Matches(uint64_t stored, Key key, uint64_t) const { return stored == key; }
  Key Load(uint64_t stored) const { return stored; }
  uint64_t Save(Key key, uint64_t) { return key; }
  uint64_t Share(uint64_t stored, uint64_t) const { return stored; }
};

// Keys of any length: in one arena, each after its length. What is stored is the position with the
// upper 16 bits of the hash before it, so that most other keys are told apart without a look.
class TextStore {
 public:
  using Key = std::string_view;

  static uint64_t Hash(Key key) { return std::hash<std::string_view>()(key); }
  bool Matches(uint64_t stored, Key key, uint64_t hash) const {
    return (stored >> kTagShift) == (hash >> kTagShift) && Load(stored) == key;
  }
  Key Load(uint64_t stored) const {
    const char* at = arena_.data() + (stored & kPosition);
    uint32_t length = 0;
    std::memcpy(&length, at, sizeof(length));
    return {at + sizeof(length), length};
  }
  // Copies the key here.
  uint64_t Save(Key key, uint64_t hash) {
    const uint64_t position = arena_.size();
    const auto length = static_cast<uint32_t>(key.size());
    arena_.append(reinterpret_cast<const char*>(&length), sizeof(length));
    arena_.append(key);
    return (hash & ~kPosition) | position;
  }
  // The same copy under another hash.
  uint64_t Share(uint64_t stored, uint64_t hash) const {
    return (hash & ~kPosition) | (stored & kPosition);
  }

 private:
  static constexpr int kTagShift = 48;
  static constexpr uint64_t kPosition = (uint64_t{1} << kTagShift) - 1;

  std::string arena_;
};

// The set of (slot, key). Emptying a slot starts a new generation of it; entries of older ones are
// dropped when the table is next rebuilt, so that its size follows what is live.
template <typename Store>
class SeenTable {
 public:
  using Key = typename Store::Key;

  SeenTable() { entries_.resize(kSmallest); }

  void Resize(size_t slots) {
    generations_.resize(slots);
    if (listing_) lists_.resize(slots);
  }

  void Reset(uint32_t slot) {
    ++generations_[slot];
    if (listing_) lists_[slot] = {};
    if (slot < listed_.size()) listed_[slot] = 0;
  }

  // Room for `count` more entries without a rebuild.
  void Reserve(size_t count) {
    if (used_ + count > entries_.size() / 4 * 3) Rebuild(count);
  }

  uint64_t HashOf(uint32_t slot, uint64_t key_hash) const {
    const uint64_t owner = (uint64_t{generations_[slot]} << 32) | slot;
    return Mix(key_hash ^ (owner * 0xD6E8FEB86659FD93ull));
  }
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&entries_[Home(hash)]); }

  // True if the key was not in the slot yet. There must be room; hash is HashOf's.
  bool Insert(uint32_t slot, Key key, uint64_t hash) {
    Entry& entry = Find(slot, key, hash);
    if (entry.slot != kNoSlot) return false;
    Occupy(entry, slot, store_.Save(key, hash));
    return true;
  }

  // Adds the keys of slot `from` to `into`; those that were not there yet are appended to `added`.
  void Merge(uint32_t into, uint32_t from, std::vector<Key>& added) {
    StartListing();
    Reserve(lists_[from].size());
    for (uint64_t stored : lists_[from]) {
      const Key key = store_.Load(stored);
      const uint64_t key_hash = Store::Hash(key);
      const uint64_t hash = HashOf(into, key_hash);
      Entry& entry = Find(into, key, hash);
      if (entry.slot != kNoSlot) continue;
      Occupy(entry, into, store_.Share(stored, hash));
      added.push_back(key);
    }
  }

  // Appends the slot's keys; in a delta those that came since the last call. What is viewed lives
  // until the next change.
  void List(uint32_t slot, SaveMode mode, std::vector<Key>& keys) {
    StartListing();
    listed_.resize(generations_.size());
    const std::vector<uint64_t>& list = lists_[slot];
    const size_t begin = mode == SaveMode::kDelta ? listed_[slot] : 0;
    for (size_t i = begin; i < list.size(); ++i) keys.push_back(store_.Load(list[i]));
    listed_[slot] = list.size();
  }

 private:
  static constexpr size_t kSmallest = 64;

  struct Entry {
    uint64_t stored = 0;
    uint32_t slot = kNoSlot;  // kNoSlot: free
    uint32_t generation = 0;
  };

  size_t Home(uint64_t hash) const { return hash & (entries_.size() - 1); }

  // The key's entry, or the free one where it belongs.
  Entry& Find(uint32_t slot, Key key, uint64_t hash) {
    const uint32_t generation = generations_[slot];
    size_t at = Home(hash);
    while (entries_[at].slot != kNoSlot) {
      Entry& entry = entries_[at];
      if (entry.slot == slot && entry.generation == generation &&
          store_.Matches(entry.stored, key, hash)) {
        return entry;
      }
      at = (at + 1) & (entries_.size() - 1);
    }
    return entries_[at];
  }

  void Occupy(Entry& entry, uint32_t slot, uint64_t stored) {
    entry = {stored, slot, generations_[slot]};
    ++used_;
    if (listing_) lists_[slot].push_back(stored);
  }

  bool Live(const Entry& entry) const {
    return entry.slot != kNoSlot && entry.generation == generations_[entry.slot];
  }

  void Rebuild(size_t more) {
    const auto live = static_cast<size_t>(std::count_if(
        entries_.begin(), entries_.end(), [this](const Entry& entry) { return Live(entry); }));
    std::vector<Entry> old(std::max(kSmallest, std::bit_ceil((live + more) * 2)));
    old.swap(entries_);
    const Store old_store = std::exchange(store_, Store());
    used_ = 0;
    const auto move = [&](uint32_t slot, uint64_t stored) {
      const Key key = old_store.Load(stored);
      const uint64_t hash = HashOf(slot, Store::Hash(key));
      Occupy(Free(hash), slot, store_.Save(key, hash));
    };
    if (!listing_) {
      for (const Entry& entry : old) {
        if (Live(entry)) move(entry.slot, entry.stored);
      }
      return;
    }
    // Lists keep their order.
    for (uint32_t slot = 0; slot < lists_.size(); ++slot) {
      for (uint64_t stored : std::exchange(lists_[slot], {})) move(slot, stored);
    }
  }

  Entry& Free(uint64_t hash) {
    size_t at = Home(hash);
    while (entries_[at].slot != kNoSlot) at = (at + 1) & (entries_.size() - 1);
    return entries_[at];
  }

  // Lists of each slot's keys are kept from the first merge or snapshot on: who needs neither does
  // not pay.
  void StartListing() {
    if (listing_) return;
    listing_ = true;
    lists_.resize(generations_.size());
    for (const Entry& entry : entries_) {
      if (Live(entry)) lists_[entry.slot].push_back(entry.stored);
    }
  }

  std::vector<Entry> entries_;  // their number is a power of two
  size_t used_ = 0;             // entries that are not free, dead ones included
  std::vector<uint32_t> generations_;
  bool listing_ = false;
  std::vector<std::vector<uint64_t>> lists_;  // of what is stored, by slot
  std::vector<size_t> listed_;                // by slot: how many of them have been saved
  Store store_;
};

// ---------------------------------------------------------------------------------------------
// The wrappers

// What both wrappers share: the inner accumulators and how they get keys.
class DistinctBase : public Accumulators {
 public:
  DistinctBase(std::unique_ptr<Accumulators> inner, const AggregateCall& call)
      : inner_(std::move(inner)),
        types_(call.bound.arg_types),
        form_(FormOf(types_)),
        counts_(call.function->name == "COUNT") {
    key_type_ = form_ == KeyForm::kEncoded ? SqlType::Bytes() : types_[0];
  }

  Result<ArrayPtr> Finish(Slots slots) const override {
    MILL_RETURN(merged_);
    return inner_->Finish(slots);
  }

 protected:
  // Gives keys to the inner accumulators as rows of one slot. Merge cannot fail, so that what went
  // wrong is told by the next Finish.
  template <typename Key>
  void Pass(uint32_t slot, const std::vector<Key>& keys, const RowKind* kinds) {
    if (keys.empty() || !merged_.ok()) return;
    merged_ = TryPass(slot, keys, kinds);
  }

  // The inner accumulators' columns stand before the wrapper's.
  arrow::FieldVector WithInnerFields(std::shared_ptr<arrow::Field> field) const {
    arrow::FieldVector fields = inner_->StateFields();
    fields.push_back(std::move(field));
    return fields;
  }
  // Loads the inner part; returns the wrapper's column.
  Result<ArrayPtr> LoadInner(Slots slots, Columns columns) {
    MILL_RETURN(merged_);
    MILL_RETURN(inner_->Load(slots, columns.first(columns.size() - 1)));
    return columns.back();
  }
  // The keys in a column of key_type_, as Save writes it.
  template <typename Key>
  void ReadSavedKeys(const ArrayPtr& column, std::vector<Key>& keys) {
    if constexpr (std::is_same_v<Key, uint64_t>) {
      ReadKeys({column}, keys);
    } else {
      bytes_.Read(KeyForm::kBytes, {column}, keys);
    }
  }

  std::unique_ptr<Accumulators> inner_;
  std::vector<SqlType> types_;
  KeyForm form_;
  SqlType key_type_;  // in saved state
  ByteKeys bytes_;

 private:
  template <typename Key>
  Status TryPass(uint32_t slot, const std::vector<Key>& keys, const RowKind* kinds) {
    const std::vector<uint32_t> slots(keys.size(), slot);
    if (counts_) return inner_->Update(slots, {}, kinds);  // no key is NULL
    MILL_ASSIGN(ArrayPtr array, ArrayOfKeys(types_[0], keys));
    return inner_->Update(slots, {std::move(array)}, kinds);
  }

  bool counts_;  // COUNT needs no values
  Status merged_;
};

template <typename Store>
class Distinct : public DistinctBase {
 public:
  using DistinctBase::DistinctBase;
  using Key = typename Store::Key;

  void Resize(size_t slots) override {
    inner_->Resize(slots);
    seen_.Resize(slots);
  }
  void Reset(uint32_t slot) override {
    inner_->Reset(slot);
    seen_.Reset(slot);
  }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    WithoutNulls(slots, args, chosen_);
    Read(args);
    HashRows();
    seen_.Reserve(chosen_.size());
    return KeepNew() ? inner_->Update(chosen_, args, kinds) : Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (into == from) return;
    std::vector<Key> added;
    seen_.Merge(into, from, added);
    Pass(into, added, nullptr);
  }

  arrow::FieldVector StateFields() const override {
    return WithInnerFields(GrowingStateField(
        "seen", arrow::list(key_type_.ToArrow()),
        "The values seen; as bytes where they are several or nested."));
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    MILL_RETURN(inner_->Save(slots, mode, columns));
    std::vector<int64_t> begins;
    std::vector<Key> keys;
    for (uint32_t slot : slots) {
      begins.push_back(static_cast<int64_t>(keys.size()));
      seen_.List(slot, mode, keys);
    }
    MILL_ASSIGN(ArrayPtr values, ArrayOfKeys(key_type_, keys));
    MILL_ASSIGN(ArrayPtr lists, aggregates::MakeLists(std::move(begins), std::move(values)));
    columns.push_back(std::move(lists));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    MILL_ASSIGN(const ArrayPtr column, LoadInner(slots, columns));
    const auto& lists = static_cast<const arrow::ListArray&>(*column);
    ReadSavedKeys(lists.values(), keys_);
    for (int64_t row = 0; row < lists.length(); ++row) {
      if (lists.IsNull(row)) continue;
      const auto begin = static_cast<size_t>(lists.value_offset(row));
      AddSeen(slots[static_cast<size_t>(row)],
              std::span<const Key>(keys_).subspan(begin, static_cast<size_t>(lists.value_length(row))));
    }
    return Status::OK();
  }

 private:
  static constexpr size_t kAhead = 12;  // rows between the prefetch of an entry and its use

  void AddSeen(uint32_t slot, std::span<const Key> keys) {
    seen_.Reserve(keys.size());
    for (const Key key : keys) seen_.Insert(slot, key, seen_.HashOf(slot, Store::Hash(key)));
  }

  void Read(const Args& args) {
    if constexpr (std::is_same_v<Key, uint64_t>) {
      ReadKeys(args, keys_);
    } else {
      bytes_.Read(form_, args, keys_);
    }
  }

  void HashRows() {
    hashes_.resize(chosen_.size());
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i] != kNoSlot) hashes_[i] = seen_.HashOf(chosen_[i], Store::Hash(keys_[i]));
    }
  }

  // Leaves only new (slot, key) in chosen_; false if there are none.
  bool KeepNew() {
    bool any = false;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (i + kAhead < chosen_.size()) seen_.Prefetch(hashes_[i + kAhead]);
      if (chosen_[i] == kNoSlot) continue;
      if (seen_.Insert(chosen_[i], keys_[i], hashes_[i])) {
        any = true;
      } else {
        chosen_[i] = kNoSlot;
      }
    }
    return any;
  }

  SeenTable<Store> seen_;
  // Of the rows at hand; members only so that their memory is reused.
  std::vector<uint32_t> chosen_;
  std::vector<Key> keys_;
  std::vector<uint64_t> hashes_;
};

// Keys are looked up by views, so that only new ones are copied.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// Counts how often each value stands in a slot: it is added inside when it first comes and taken
// back when it is last gone.
template <typename Key>
class RetractableDistinct : public DistinctBase {
 public:
  using DistinctBase::DistinctBase;

  void Resize(size_t slots) override {
    inner_->Resize(slots);
    counts_.resize(slots);
  }
  void Reset(uint32_t slot) override {
    inner_->Reset(slot);
    counts_[slot] = {};
  }

  Status Update(Slots slots, const Args& args, const RowKind* kinds) override {
    Read(args);
    chosen_.assign(slots.begin(), slots.end());
    bool any = false;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i] == kNoSlot) continue;
      const int64_t change = kinds == nullptr || Adds(kinds[i]) ? 1 : -1;
      const bool passes = !AnyNull(args, i) && Change(counts_[chosen_[i]], keys_[i], change) != 0;
      if (!passes) chosen_[i] = kNoSlot;
      any = any || passes;
    }
    return any ? inner_->Update(chosen_, args, kinds) : Status::OK();
  }

  void Merge(uint32_t into, uint32_t from) override {
    if (into == from) return;
    std::vector<Key> changed;
    std::vector<RowKind> kinds;
    for (const auto& [key, count] : counts_[from]) {
      const int effect = Change(counts_[into], key, count);
      if (effect == 0) continue;
      changed.push_back(key);
      kinds.push_back(effect > 0 ? RowKind::kInsert : RowKind::kDelete);
    }
    Pass(into, changed, kinds.data());
  }

  arrow::FieldVector StateFields() const override {
    return WithInnerFields(
        StateField("seen", SavedType(),
                   "The values, and how often each is there; as bytes where they are several or "
                   "nested."));
  }
  Status Save(Slots slots, SaveMode mode, arrow::ArrayVector& columns) override {
    MILL_RETURN(inner_->Save(slots, mode, columns));
    std::vector<int64_t> begins;
    std::vector<Key> keys;
    std::vector<int64_t> numbers;
    for (uint32_t slot : slots) {
      begins.push_back(static_cast<int64_t>(keys.size()));
      for (const auto& [key, count] : counts_[slot]) {
        keys.push_back(key);
        numbers.push_back(count);
      }
    }
    MILL_ASSIGN(ArrayPtr values, ArrayOfKeys(key_type_, keys));
    const ArrayPtr counts = std::make_shared<arrow::Int64Array>(
        values->length(), arrow::Buffer::FromVector(std::move(numbers)));
    MILL_ASSIGN(ArrayPtr pairs, arrow::StructArray::Make({values, counts}, PairFields()));
    MILL_ASSIGN(ArrayPtr lists, aggregates::MakeLists(std::move(begins), std::move(pairs)));
    columns.push_back(std::move(lists));
    return Status::OK();
  }
  Status Load(Slots slots, Columns columns) override {
    MILL_ASSIGN(const ArrayPtr column, LoadInner(slots, columns));
    const auto& lists = static_cast<const arrow::ListArray&>(*column);
    const auto& pairs = static_cast<const arrow::StructArray&>(*lists.values());
    const ArrayPtr values = pairs.field(0);
    this->ReadSavedKeys(values, keys_);
    const aggregates::Reader<int64_t> counts(*pairs.field(1));
    for (int64_t row = 0; row < lists.length(); ++row) {
      if (lists.IsNull(row)) continue;
      Counts& slot = counts_[slots[static_cast<size_t>(row)]];
      const auto begin = static_cast<size_t>(lists.value_offset(row));
      for (size_t i = begin; i < begin + static_cast<size_t>(lists.value_length(row)); ++i) {
        slot.emplace(typename Counts::key_type(keys_[i]), counts(i));
      }
    }
    return Status::OK();
  }

 private:
  static constexpr bool kCodes = std::is_same_v<Key, uint64_t>;
  using TextCounts = boost::unordered_flat_map<std::string, int64_t, TextHash, std::equal_to<>>;
  using Counts =
      std::conditional_t<kCodes, boost::unordered_flat_map<uint64_t, int64_t>, TextCounts>;

  void Read(const Args& args) {
    if constexpr (kCodes) {
      ReadKeys(args, keys_);
    } else {
      bytes_.Read(form_, args, keys_);
    }
  }

  arrow::FieldVector PairFields() const {
    return {arrow::field("value", key_type_.ToArrow()), arrow::field("count", arrow::int64())};
  }
  std::shared_ptr<arrow::DataType> SavedType() const {
    return arrow::list(arrow::struct_(PairFields()));
  }

  // 1 if the key is in the slot from now on, -1 if it no longer is, else 0. A count can be negative
  // for a while: a retraction may overtake its row.
  static int Change(Counts& counts, Key key, int64_t change) {
    auto found = counts.find(key);
    if (found == counts.end()) {
      found = counts.emplace(typename Counts::key_type(key), 0).first;
    }
    const bool before = found->second > 0;
    found->second += change;
    const bool after = found->second > 0;
    if (found->second == 0) counts.erase(found);
    return static_cast<int>(after) - static_cast<int>(before);
  }

  std::vector<Counts> counts_;
  // Of the rows at hand; members only so that their memory is reused.
  std::vector<uint32_t> chosen_;
  std::vector<Key> keys_;
};

// False where DISTINCT changes nothing, or where the value is nested and only COUNT may ask.
bool NeedsDistinct(const AggregateCall& call) {
  const std::string& name = call.function->name;
  if (!call.distinct || call.bound.arg_types.empty()) return false;
  if (name == "MIN" || name == "MAX") return false;
  return name == "COUNT" || FormOf(call.bound.arg_types) != KeyForm::kEncoded;
}

}  // namespace

std::unique_ptr<Accumulators> MakeAccumulators(const AggregateCall& call, bool retract) {
  if (call.distinct && call.function->make_distinct) {
    return call.function->make_distinct(call.bound, retract);
  }
  std::unique_ptr<Accumulators> inner = call.function->make(call.bound, retract);
  if (!NeedsDistinct(call)) return inner;
  const bool codes = FormOf(call.bound.arg_types) == KeyForm::kCode;
  if (retract && codes) {
    return std::make_unique<RetractableDistinct<uint64_t>>(std::move(inner), call);
  }
  if (retract) {
    return std::make_unique<RetractableDistinct<std::string_view>>(std::move(inner), call);
  }
  if (codes) return std::make_unique<Distinct<CodeStore>>(std::move(inner), call);
  return std::make_unique<Distinct<TextStore>>(std::move(inner), call);
}

}  // namespace millrace
