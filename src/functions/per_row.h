// PerRow: one entry of the registry from a plain lambda over single values.
//
//   .eval = PerRow<int64_t(std::string_view)>([](std::string_view s) { return CountChars(s); })
//
// The signature names how arguments are read and what is returned:
//   bool, int8_t ... int64_t, float, double, Int128 (DECIMAL), std::string_view (text and bytes);
//   dates, times, timestamps and intervals are read as their int32_t or int64_t.
//   Result Text: the lambda gets a std::string* last and appends its value.
// NULL arguments give NULL without a call. The lambda may return std::optional<T> (empty: NULL) or
// Result<T>; for Text void, bool (false: NULL) or Status. Scalar arguments are not spread out, and a call
// with scalars only gives a scalar.
#pragma once

#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/datum.h>
#include <arrow/util/bit_util.h>

#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"
#include "functions/decimal.h"
#include "functions/registry.h"

namespace millrace {

// Marks a text result.
struct Text {};

// One argument, array or scalar alike: a scalar is an array of one element.
struct Operand {
  std::shared_ptr<arrow::ArrayData> data;
  bool scalar = false;

  int64_t At(int64_t row) const { return scalar ? 0 : row; }
  bool IsNull(int64_t row) const { return data->IsNull(At(row)); }
};

struct Operands {
  std::vector<Operand> items;
  int64_t rows = 0;     // to compute: 1 if all arguments are scalars
  bool scalar = false;  // all are
};

Result<Operand> MakeOperand(const arrow::Datum& value);
Result<Operands> MakeOperands(const std::vector<arrow::Datum>& args, int64_t rows);

// The rows where no argument is NULL.
class Validity {
 public:
  static Result<Validity> Of(const Operands& operands);

  bool all_valid() const { return bits_ == nullptr; }
  bool all_null() const { return nulls_ == rows_; }
  bool IsValid(int64_t row) const { return !bits_ || arrow::bit_util::GetBit(bits_->data(), row); }
  Status SetNull(int64_t row);
  std::shared_ptr<arrow::Buffer> buffer() const { return bits_; }
  int64_t null_count() const { return nulls_; }

 private:
  Status MakeWritable();

  int64_t rows_ = 0;
  int64_t nulls_ = 0;
  std::shared_ptr<arrow::Buffer> bits_;  // null: all valid
  bool writable_ = false;
};

Result<arrow::Datum> AsDatum(std::shared_ptr<arrow::ArrayData> data, bool scalar);

// Readers of one argument's values.
template <typename T>
class Reader {
 public:
  explicit Reader(const Operand& operand)
      : values_(operand.data->GetValues<T>(1)), mask_(operand.scalar ? 0 : -1) {}
  T operator[](int64_t row) const { return values_[row & mask_]; }

 private:
  const T* values_;
  int64_t mask_;
};

template <>
class Reader<Int128> {
 public:
  explicit Reader(const Operand& operand)
      : values_(operand.data->buffers[1]->data() + operand.data->offset * 16),
        mask_(operand.scalar ? 0 : -1) {}
  Int128 operator[](int64_t row) const {
    Int128 value;
    std::memcpy(&value, values_ + (row & mask_) * 16, sizeof(value));
    return value;
  }

 private:
  const uint8_t* values_;
  int64_t mask_;
};

template <>
class Reader<bool> {
 public:
  explicit Reader(const Operand& operand)
      : bits_(operand.data->buffers[1]->data()), offset_(operand.data->offset),
        mask_(operand.scalar ? 0 : -1) {}
  bool operator[](int64_t row) const {
    return arrow::bit_util::GetBit(bits_, offset_ + (row & mask_));
  }

 private:
  const uint8_t* bits_;
  int64_t offset_;
  int64_t mask_;
};

template <>
class Reader<std::string_view> {
 public:
  explicit Reader(const Operand& operand)
      : offsets_(operand.data->GetValues<int32_t>(1)),
        text_(operand.data->buffers[2] ? operand.data->buffers[2]->data_as<char>() : ""),
        mask_(operand.scalar ? 0 : -1) {}
  std::string_view operator[](int64_t row) const {
    const int64_t at = row & mask_;
    const int32_t begin = offsets_[at];
    return {text_ + begin, static_cast<size_t>(offsets_[at + 1] - begin)};
  }

 private:
  const int32_t* offsets_;
  const char* text_;
  int64_t mask_;
};

// Writers of the result's values.
template <typename T>
class Writer {
 public:
  static Result<Writer> Make(int64_t rows) {
    Writer writer;
    MILL_ASSIGN(writer.buffer_, arrow::AllocateBuffer(rows * static_cast<int64_t>(sizeof(T))));
    return writer;
  }
  void Set(int64_t row, T value) {
    std::memcpy(buffer_->mutable_data() + row * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
  }
  void SetNull(int64_t row) { Set(row, T{}); }
  Result<std::vector<std::shared_ptr<arrow::Buffer>>> Finish() {
    return std::vector<std::shared_ptr<arrow::Buffer>>{nullptr, std::move(buffer_)};
  }

 private:
  std::shared_ptr<arrow::Buffer> buffer_;
};

template <>
class Writer<bool> {
 public:
  static Result<Writer> Make(int64_t rows) {
    Writer writer;
    MILL_ASSIGN(writer.buffer_, arrow::AllocateBuffer(arrow::bit_util::BytesForBits(rows)));
    std::memset(writer.buffer_->mutable_data(), 0, static_cast<size_t>(writer.buffer_->size()));
    return writer;
  }
  void Set(int64_t row, bool value) {
    if (value) arrow::bit_util::SetBit(buffer_->mutable_data(), row);
  }
  void SetNull(int64_t) {}
  Result<std::vector<std::shared_ptr<arrow::Buffer>>> Finish() {
    return std::vector<std::shared_ptr<arrow::Buffer>>{nullptr, std::move(buffer_)};
  }

 private:
  std::shared_ptr<arrow::Buffer> buffer_;
};

// Rows are appended to one string, which becomes the buffer.
template <>
class Writer<Text> {
 public:
  static Result<Writer> Make(int64_t rows) {
    Writer writer;
    MILL_ASSIGN(writer.offsets_, arrow::AllocateBuffer((rows + 1) * int64_t{sizeof(int32_t)}));
    writer.offsets_->mutable_data_as<int32_t>()[0] = 0;
    return writer;
  }
  std::string* text() { return &text_; }
  // Ends the row's value; `keep` false drops what it appended.
  void End(int64_t row, bool keep) {
    int32_t* offsets = offsets_->mutable_data_as<int32_t>();
    if (!keep) text_.resize(static_cast<size_t>(offsets[row]));
    offsets[row + 1] = static_cast<int32_t>(text_.size());
  }
  void SetNull(int64_t row) { End(row, false); }
  bool IsFull() const { return text_.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()); }
  Result<std::vector<std::shared_ptr<arrow::Buffer>>> Finish() {
    return std::vector<std::shared_ptr<arrow::Buffer>>{nullptr, std::move(offsets_),
                                                       arrow::Buffer::FromString(std::move(text_))};
  }

 private:
  std::shared_ptr<arrow::Buffer> offsets_;
  std::string text_;
};

namespace per_row {

// What the lambda returned, stored at `row`.
template <typename T>
Status Store(Writer<T>* writer, Validity*, int64_t row, T value) {
  writer->Set(row, value);
  return Status::OK();
}
template <typename T>
Status Store(Writer<T>* writer, Validity* validity, int64_t row, const std::optional<T>& value) {
  if (value) {
    writer->Set(row, *value);
    return Status::OK();
  }
  writer->SetNull(row);
  return validity->SetNull(row);
}
template <typename T, typename U>
Status Store(Writer<T>* writer, Validity* validity, int64_t row, const Result<U>& value) {
  if (!value.ok()) return value.status();
  return Store<T>(writer, validity, row, *value);
}

template <typename R, typename F, typename... Values>
Status Apply(F& function, Writer<R>* writer, Validity* validity, int64_t row, Values... values) {
  return Store<R>(writer, validity, row, function(values...));
}

template <typename F, typename... Values>
Status ApplyText(F& function, Writer<Text>* writer, Validity* validity, int64_t row,
                 Values... values) {
  using Returned = std::invoke_result_t<F&, Values..., std::string*>;
  bool keep = true;
  if constexpr (std::is_void_v<Returned>) {
    function(values..., writer->text());
  } else if constexpr (std::is_same_v<Returned, bool>) {
    keep = function(values..., writer->text());
  } else {
    MILL_RETURN(function(values..., writer->text()));
  }
  if (writer->IsFull()) return UserError("more than 2 GB of text in one batch");
  writer->End(row, keep);
  return keep ? Status::OK() : validity->SetNull(row);
}

template <typename R, typename F, typename Readers, size_t... I>
Status ApplyAt(F& function, const Readers& readers, Writer<R>* writer, Validity* validity,
               int64_t row, std::index_sequence<I...>) {
  if constexpr (std::is_same_v<R, Text>) {
    return ApplyText(function, writer, validity, row, std::get<I>(readers)[row]...);
  } else {
    return Apply<R>(function, writer, validity, row, std::get<I>(readers)[row]...);
  }
}

template <typename Readers, size_t... I>
Readers MakeReaders(const Operands& operands, std::index_sequence<I...>) {
  return Readers(typename std::tuple_element<I, Readers>::type(operands.items[I])...);
}

template <typename Signature>
struct Loop;

template <typename R, typename... Args>
struct Loop<R(Args...)> {
  using Readers = std::tuple<Reader<Args>...>;
  using Indices = std::index_sequence_for<Args...>;

  template <typename F>
  static Result<arrow::Datum> Run(const Call& call, F& function) {
    MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
    MILL_ASSIGN(Validity validity, Validity::Of(operands));
    MILL_ASSIGN(Writer<R> writer, Writer<R>::Make(operands.rows));
    const auto readers = MakeReaders<Readers>(operands, Indices());
    const bool all_valid = validity.all_valid();
    for (int64_t row = 0; row < operands.rows; ++row) {
      if (all_valid || validity.IsValid(row)) {
        MILL_RETURN(ApplyAt<R>(function, readers, &writer, &validity, row, Indices()));
      } else {
        writer.SetNull(row);
      }
    }
    MILL_ASSIGN(auto buffers, writer.Finish());
    buffers[0] = validity.buffer();
    return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), operands.rows, std::move(buffers),
                                          validity.null_count()),
                   operands.scalar);
  }
};

}  // namespace per_row

// Runs `function` over the rows of `call`, for evaluators that first look at the call.
template <typename Signature, typename F>
Result<arrow::Datum> RunPerRow(const Call& call, F function) {
  return per_row::Loop<Signature>::Run(call, function);
}

// An evaluator that does nothing else.
template <typename Signature, typename F>
std::function<Result<arrow::Datum>(const Call&)> PerRow(F function) {
  return [function](const Call& call) { return RunPerRow<Signature>(call, function); };
}

}  // namespace millrace
