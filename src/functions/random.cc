// RAND, RAND_INTEGER and UUID. With a seed the numbers are those of java.util.Random: a linear
// congruential
// generator of 48 bits. A constant seed gives a sequence over the rows of a batch, a seed that
// differs by row
// the first number of its own sequence.
#include <random>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/per_row.h"

namespace millrace {
namespace {

const SqlType kInt = SqlType::Int();

class JavaRandom {
 public:
  explicit JavaRandom(int64_t seed) : state_((static_cast<uint64_t>(seed) ^ kFactor) & kMask) {}

  double NextDouble() {
    const auto high = static_cast<int64_t>(Next(26)) << 27;
    return static_cast<double>(high + Next(27)) * 0x1.0p-53;
  }
  // From 0 to `bound` - 1.
  int32_t NextInt(int32_t bound) {
    int32_t bits = Next(31);
    if ((bound & -bound) == bound) {
      return static_cast<int32_t>((static_cast<int64_t>(bound) * bits) >> 31);
    }
    int32_t value = bits % bound;
    // The last, incomplete run of numbers would favour the small ones.
    while (static_cast<int64_t>(bits) - value + (bound - 1) > INT32_MAX) {
      bits = Next(31);
      value = bits % bound;
    }
    return value;
  }

 private:
  static constexpr uint64_t kFactor = 0x5DEECE66DULL, kMask = (1ULL << 48) - 1;

  int32_t Next(int bits) {
    state_ = (state_ * kFactor + 0xB) & kMask;
    return static_cast<int32_t>(state_ >> (48 - bits));
  }

  uint64_t state_;
};

// A generator per thread, seeded by the system.
std::mt19937_64& ThreadGenerator() {
  thread_local std::mt19937_64 generator(std::random_device{}());
  return generator;
}

Status CheckBound(int32_t bound) {
  if (bound > 0) return Status::OK();
  return UserError("RAND_INTEGER needs a bound above 0, found {}", bound);
}

// Fills one value per row, also where all arguments are constants.
template <typename T, typename Draw>
Result<arrow::Datum> FillRows(const Call& call, Draw draw) {
  MILL_ASSIGN(Operands operands, MakeOperands(call.args, call.rows));
  operands.rows = call.rows;
  MILL_ASSIGN(Validity validity, Validity::Of(operands));
  MILL_ASSIGN(auto writer, Writer<T>::Make(call.rows));
  for (int64_t row = 0; row < call.rows; ++row) {
    if (!validity.IsValid(row)) {
      writer.SetNull(row);
      continue;
    }
    MILL_ASSIGN(const T value, draw(operands, row));
    writer.Set(row, value);
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  buffers[0] = validity.buffer();
  return AsDatum(arrow::ArrayData::Make(call.type.ToArrow(), call.rows, std::move(buffers),
                                        validity.null_count()),
                 false);
}

// The generator of a row: of the sequence for a constant seed, else its own.
class SeededRandom {
 public:
  JavaRandom& At(const Operand& seed, int64_t row) {
    if (!random_ || !seed.scalar) random_.emplace(Reader<int32_t>(seed)[row]);
    return *random_;
  }

 private:
  std::optional<JavaRandom> random_;
};

Result<arrow::Datum> EvalRand(const Call& call) {
  SeededRandom seeded;
  return FillRows<double>(call, [&](const Operands& operands, int64_t row) -> Result<double> {
    if (!operands.items.empty()) return seeded.At(operands.items[0], row).NextDouble();
    return std::uniform_real_distribution<double>()(ThreadGenerator());
  });
}

Result<arrow::Datum> EvalRandInteger(const Call& call) {
  SeededRandom seeded;
  return FillRows<int32_t>(call, [&](const Operands& operands, int64_t row) -> Result<int32_t> {
    const int32_t bound = Reader<int32_t>(operands.items.back())[row];
    MILL_RETURN(CheckBound(bound));
    if (operands.items.size() == 2) return seeded.At(operands.items[0], row).NextInt(bound);
    return std::uniform_int_distribution<int32_t>(0, bound - 1)(ThreadGenerator());
  });
}

// A random UUID, version 4.
void AppendUuid(std::string* out) {
  const uint64_t high = (ThreadGenerator()() & ~0xF000ULL) | 0x4000ULL;
  const uint64_t low = (ThreadGenerator()() & ~(3ULL << 62)) | (1ULL << 63);
  out->append(fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF,
                          high & 0xFFFF, low >> 48, low & 0xFFFFFFFFFFFFULL));
}

Result<arrow::Datum> EvalUuid(const Call& call) {
  MILL_ASSIGN(auto writer, Writer<Text>::Make(call.rows));
  for (int64_t row = 0; row < call.rows; ++row) {
    AppendUuid(writer.text());
    writer.End(row, true);
  }
  MILL_ASSIGN(auto buffers, writer.Finish());
  return arrow::Datum(arrow::ArrayData::Make(arrow::utf8(), call.rows, std::move(buffers), 0));
}

Bind NullableAsArguments(std::vector<SqlType> parameters, SqlType result, int optional) {
  return [=](const std::vector<SqlType>& args) -> Result<Binding> {
    MILL_ASSIGN(Binding binding, Fixed(parameters, result, optional)(args));
    binding.type.nullable = AnyNullable(args);
    return binding;
  };
}

}  // namespace

void RegisterRandom(FunctionRegistry& registry) {
  registry.Add({.name = "RAND", .signature = "RAND([seed]) -> DOUBLE",
                .doc = "A random number from 0 to 1, without 1.",
                .examples = {{"RAND() < 1", "TRUE"}, {"RAND(1)", "0.7308781907032909"}},
                .bind = NullableAsArguments({kInt}, SqlType::Double(), 1), .eval = EvalRand,
                .deterministic = false});
  registry.Add({.name = "RAND_INTEGER", .signature = "RAND_INTEGER([seed,] bound) -> INT",
                .doc = "A random whole number from 0 to the bound, without it.",
                .examples = {{"RAND_INTEGER(10) < 10", "TRUE"}, {"RAND_INTEGER(3, 99)", "50"}},
                .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
                  if (args.empty()) return ArgumentCountError(0, "1 or 2");
                  return NullableAsArguments({kInt, kInt}, kInt, 1)(args);
                },
                .eval = EvalRandInteger, .deterministic = false, .may_fail = true});
  registry.Add({.name = "UUID", .signature = "UUID() -> STRING",
                .doc = "A random UUID of version 4.", .examples = {{"CHAR_LENGTH(UUID())", "36"}},
                .bind = Fixed({}, SqlType::Of(TypeKind::kChar, 36).NotNull()), .eval = EvalUuid,
                .deterministic = false});
}

}  // namespace millrace
