// DISTINCT around any aggregate: rows whose value is in the slot's set already take no part. Values of up
// to eight bytes are their own keys; longer ones are numbered first.
#include <arrow/array/concatenate.h>
#include <arrow/util/bit_util.h>

#include <array>
#include <cstring>
#include <deque>
#include <string_view>
#include <unordered_map>

#include "functions/aggregate_internal.h"
#include "functions/distinct_table.h"

namespace millrace {
namespace {

using Args = std::vector<std::shared_ptr<arrow::Array>>;

// Numbers texts. Those that no slot uses any more are dropped from time to time.
class TextNumbers {
 public:
  uint64_t Number(std::string_view text) {
    if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
    texts_.emplace_back(text);
    return numbers_.emplace(texts_.back(), texts_.size() - 1).first->second;
  }
  const std::string& text(uint64_t number) const { return texts_[number]; }

  bool HasWaste(size_t used) const { return texts_.size() > 2 * used + kSpare; }
  // Keeps only the texts in `used`, and renames those.
  void Compact(std::span<uint64_t> used) {
    TextNumbers kept;
    for (uint64_t& number : used) number = kept.Number(texts_[number]);
    *this = std::move(kept);
  }

 private:
  static constexpr size_t kSpare = 4096;
  std::deque<std::string> texts_;  // a deque: the map's keys point into it
  std::unordered_map<std::string_view, uint64_t> numbers_;
};

// Turns a column's values into keys of 64 bits and back.
class KeyCodec {
 public:
  explicit KeyCodec(const SqlType& type) : type_(type.ToArrow()) {
    const auto* fixed = dynamic_cast<const arrow::FixedWidthType*>(type_.get());
    if (fixed != nullptr) bits_ = fixed->bit_width();
  }

  bool IsNumbered() const { return bits_ == 0 || bits_ > 64; }
  bool HasWaste(size_t used) const { return texts_.HasWaste(used); }
  void Compact(std::span<uint64_t> used) { texts_.Compact(used); }

  // The key of each row; rows that are NULL or take no part have any.
  Status Encode(const arrow::Array& array, std::span<const uint32_t> slots, std::vector<uint64_t>* keys) {
    keys->resize(slots.size());
    switch (bits_) {
      case 1: EncodeAs<bool>(array, keys); return Status::OK();
      case 8: EncodeAs<uint8_t>(array, keys); return Status::OK();
      case 16: EncodeAs<uint16_t>(array, keys); return Status::OK();
      case 32: EncodeAs<uint32_t>(array, keys); return Status::OK();
      case 64: EncodeAs<uint64_t>(array, keys); return Status::OK();
      default: return EncodeNumbered(array, slots, keys);
    }
  }

  Result<std::shared_ptr<arrow::Array>> Decode(const std::vector<uint64_t>& keys) const {
    if (arrow::is_nested(type_->id())) return Status::NotImplemented("merging DISTINCT of ", type_->ToString());
    if (IsNumbered()) return DecodeNumbered(keys);
    const auto count = static_cast<int64_t>(keys.size());
    const int64_t bytes = arrow::bit_util::BytesForBits(count * bits_);
    MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values, arrow::AllocateBuffer(bytes));
    uint8_t* out = values->mutable_data();
    std::memset(out, 0, static_cast<size_t>(bytes));
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t key = keys[static_cast<size_t>(i)];
      if (bits_ == 1) arrow::bit_util::SetBitTo(out, i, key != 0);
      else std::memcpy(out + i * (bits_ / 8), &key, static_cast<size_t>(bits_ / 8));
    }
    return arrow::MakeArray(arrow::ArrayData::Make(type_, count, {nullptr, std::move(values)}, 0));
  }

 private:
  template <typename T>
  static void EncodeAs(const arrow::Array& array, std::vector<uint64_t>* keys) {
    const Reader<T> values(Operand{array.data(), false});
    for (size_t i = 0; i < keys->size(); ++i) {
      (*keys)[i] = static_cast<uint64_t>(values[static_cast<int64_t>(i)]);
    }
  }

  Status EncodeNumbered(const arrow::Array& array, std::span<const uint32_t> slots,
                        std::vector<uint64_t>* keys) {
    const bool plain = bits_ == 0 && !arrow::is_nested(type_->id());
    for (size_t i = 0; i < slots.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      if (slots[i] == kNoSlot || array.IsNull(row)) continue;
      if (plain) {
        (*keys)[i] = texts_.Number(Reader<std::string_view>(Operand{array.data(), false})[row]);
      } else if (bits_ > 64) {
        const Int128 value = Reader<Int128>(Operand{array.data(), false})[row];
        (*keys)[i] = texts_.Number({reinterpret_cast<const char*>(&value), sizeof(value)});
      } else {
        MILL_ASSIGN(auto scalar, array.GetScalar(row));
        (*keys)[i] = texts_.Number(scalar->ToString());
      }
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::Array>> DecodeNumbered(const std::vector<uint64_t>& keys) const {
    const auto count = static_cast<int64_t>(keys.size());
    MILL_ASSIGN(auto writer, Writer<Text>::Make(count));
    for (int64_t i = 0; i < count; ++i) {
      writer.text()->append(texts_.text(keys[static_cast<size_t>(i)]));
      writer.End(i, true);
    }
    MILL_ASSIGN(auto buffers, writer.Finish());
    if (bits_ > 64) buffers.erase(buffers.begin() + 1);  // fixed width: no offsets
    return arrow::MakeArray(arrow::ArrayData::Make(type_, count, std::move(buffers), 0));
  }

  const std::shared_ptr<arrow::DataType> type_;
  int bits_ = 0;  // 0: of varying length
  TextNumbers texts_;
};

class DistinctAccumulators final : public Accumulators {
 public:
  DistinctAccumulators(std::unique_ptr<Accumulators> inner, const SqlType& type, bool retract)
      : inner_(std::move(inner)), codec_(type), table_(retract), retract_(retract) {}

  void Resize(size_t slots) override {
    inner_->Resize(slots);
    table_.Resize(slots);
  }

  void Reset(uint32_t slot) override {
    inner_->Reset(slot);
    table_.Reset(slot);
    DropWaste();
  }

  Status Update(std::span<const uint32_t> slots, const Args& args, const RowKind* kinds) override {
    const arrow::Array& array = *args[0];
    MILL_RETURN(codec_.Encode(array, slots, &keys_));
    passed_.assign(slots.size(), kNoSlot);
    if (retract_) passed_kinds_.assign(slots.size(), RowKind::kInsert);
    constexpr size_t kAhead = 16;  // rows whose entries are being loaded meanwhile
    const bool has_nulls = array.null_count() > 0;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (i + kAhead < slots.size() && slots[i + kAhead] != kNoSlot) {
        table_.Prefetch(slots[i + kAhead], keys_[i + kAhead]);
      }
      if (slots[i] == kNoSlot || (has_nulls && array.IsNull(static_cast<int64_t>(i)))) continue;
      const int change = table_.Add(slots[i], keys_[i], AddsRow(kinds, i) ? 1 : -1);
      if (change == 0) continue;
      passed_[i] = slots[i];
      if (change < 0) passed_kinds_[i] = RowKind::kDelete;
    }
    DropWaste();
    return inner_->Update(passed_, args, retract_ ? passed_kinds_.data() : nullptr);
  }

  void Merge(uint32_t into, uint32_t from) override {
    std::vector<uint64_t> appeared;
    for (const DistinctTable::Item& item : table_.Items(from)) {
      if (table_.Add(into, item.value, item.count) > 0) appeared.push_back(item.value);
    }
    const auto values = codec_.Decode(appeared);
    if (!values.ok()) return;
    const std::vector<uint32_t> slots(appeared.size(), into);
    // The inner accumulators have taken such values before: they cannot refuse them now.
    MILL_CHECK(inner_->Update(slots, {*values}, nullptr).ok());
  }

  Result<std::shared_ptr<arrow::Array>> Finish(std::span<const uint32_t> slots) const override {
    return inner_->Finish(slots);
  }

 private:
  // Only between batches: while one is added, its rows' numbers must stay.
  void DropWaste() {
    if (!codec_.HasWaste(table_.size())) return;
    table_.Rebuild([this](std::span<uint64_t> values) { codec_.Compact(values); });
  }

  const std::unique_ptr<Accumulators> inner_;
  KeyCodec codec_;
  DistinctTable table_;
  const bool retract_;
  // Working memory of Update.
  std::vector<uint64_t> keys_;
  std::vector<uint32_t> passed_;
  std::vector<RowKind> passed_kinds_;
};

}  // namespace

std::unique_ptr<Accumulators> MakeDistinct(std::unique_ptr<Accumulators> inner, const SqlType& type,
                                           bool retract) {
  return std::make_unique<DistinctAccumulators>(std::move(inner), type, retract);
}

}  // namespace millrace
