// Tight loops for operators on plain numbers: no branch per row, NULL rows are computed like the others
// (so only functions that are defined for every value), scalars stay in a register. The blocks have a
// constant length, which the compiler turns into vector instructions.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "functions/per_row.h"

namespace millrace {
namespace vectorized {

inline constexpr int64_t kBlock = 32;

template <typename T>
struct ArrayValues {
  const T* values;
  T operator[](int64_t row) const { return values[row]; }
};

template <typename T>
struct OneValue {
  T value;
  T operator[](int64_t) const { return value; }
};

// Calls `body` with the operand's values as an array or as one value.
template <typename T, typename Body>
auto WithValues(const Operand& operand, Body body) {
  const T* values = operand.data->GetValues<T>(1);
  return operand.scalar ? body(OneValue<T>{values[0]}) : body(ArrayValues<T>{values});
}

template <typename R, typename A, typename F>
void Fill(R* out, int64_t rows, A a, F f) {
  int64_t i = 0;
  for (; i + kBlock <= rows; i += kBlock) {
    for (int64_t j = 0; j < kBlock; ++j) out[i + j] = f(a[i + j]);
  }
  for (; i < rows; ++i) out[i] = f(a[i]);
}

template <typename R, typename A, typename B, typename F>
void Fill(R* out, int64_t rows, A a, B b, F f) {
  int64_t i = 0;
  for (; i + kBlock <= rows; i += kBlock) {
    for (int64_t j = 0; j < kBlock; ++j) out[i + j] = f(a[i + j], b[i + j]);
  }
  for (; i < rows; ++i) out[i] = f(a[i], b[i]);
}

// As Fill for a condition: bit i of `bits`, whose size is a multiple of 4 bytes.
template <typename A, typename B, typename F>
void FillBits(uint8_t* bits, int64_t rows, A a, B b, F f) {
  alignas(32) uint8_t flags[kBlock];
  int64_t i = 0;
  for (; i < rows; i += kBlock) {
    const int64_t count = rows - i < kBlock ? rows - i : kBlock;
    if (count == kBlock) {
      for (int64_t j = 0; j < kBlock; ++j) flags[j] = f(a[i + j], b[i + j]) ? 0xFF : 0;
    } else {
      for (int64_t j = 0; j < kBlock; ++j) flags[j] = j < count && f(a[i + j], b[i + j]) ? 0xFF : 0;
    }
    const int word = _mm256_movemask_epi8(_mm256_load_si256(reinterpret_cast<const __m256i*>(flags)));
    std::memcpy(bits + i / 8, &word, sizeof(word));
  }
}

Result<arrow::Datum> Finish(const SqlType& type, const Operands& operands,
                            std::shared_ptr<arrow::Buffer> values);

}  // namespace vectorized

// R(A): f of each value.
template <typename R, typename A, typename F>
Result<arrow::Datum> MapValues(const Call& call, F f) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values,
              arrow::AllocateBuffer(operands.rows * static_cast<int64_t>(sizeof(R))));
  auto* out = values->mutable_data_as<R>();
  vectorized::WithValues<A>(operands.items[0],
                            [&](auto a) { vectorized::Fill(out, operands.rows, a, f); });
  return vectorized::Finish(call.type, operands, std::move(values));
}

// R(A, B): f of each pair of values.
template <typename R, typename A, typename B, typename F>
Result<arrow::Datum> MapValues(const Call& call, F f) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> values,
              arrow::AllocateBuffer(operands.rows * static_cast<int64_t>(sizeof(R))));
  auto* out = values->mutable_data_as<R>();
  vectorized::WithValues<A>(operands.items[0], [&](auto a) {
    vectorized::WithValues<B>(operands.items[1],
                              [&](auto b) { vectorized::Fill(out, operands.rows, a, b, f); });
  });
  return vectorized::Finish(call.type, operands, std::move(values));
}

// bool(T, T): f of each pair of values.
template <typename T, typename F>
Result<arrow::Datum> TestValues(const Call& call, F f) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  const int64_t blocks = (operands.rows + vectorized::kBlock - 1) / vectorized::kBlock;
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> bits, arrow::AllocateBuffer(blocks * 4));
  uint8_t* out = bits->mutable_data();
  vectorized::WithValues<T>(operands.items[0], [&](auto a) {
    vectorized::WithValues<T>(operands.items[1],
                              [&](auto b) { vectorized::FillBits(out, operands.rows, a, b, f); });
  });
  return vectorized::Finish(call.type, operands, std::move(bits));
}

// Calls `body` with a value of the C++ type that holds a plain number, date, time or interval of `kind`.
template <typename Body>
auto WithNumberType(TypeKind kind, Body body) {
  switch (kind) {
    case TypeKind::kTinyInt: return body(int8_t{});
    case TypeKind::kSmallInt: return body(int16_t{});
    case TypeKind::kInt:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kIntervalMonth: return body(int32_t{});
    case TypeKind::kFloat: return body(float{});
    case TypeKind::kDouble: return body(double{});
    default: return body(int64_t{});
  }
}

}  // namespace millrace
