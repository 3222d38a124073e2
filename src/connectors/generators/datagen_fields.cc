#include "connectors/generators/datagen_fields.h"

#include <arrow/array/array_nested.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/nearest.h"
#include "base/random.h"
#include "connectors/connector.h"
#include "connectors/generators/generator_source.h"

namespace millrace {
namespace {

constexpr int64_t kDefaultLength = 100;
constexpr int64_t kMaxLength = int64_t{16} << 20;
constexpr int64_t kMaxNumberText = 20;
constexpr int64_t kMillisPerDay = 86400000;

// A column's options, read by their short names.
struct FieldOptions {
  const Options& options;
  std::string prefix;  // "fields.user."
  RandomStream stream;

  bool Has(const std::string& key) const { return options.contains(prefix + key); }
  std::string Text(const std::string& key, const std::string& fallback) const {
    return StringOption(options, prefix + key, fallback);
  }
  Result<int64_t> Int(const std::string& key, int64_t fallback, int64_t min, int64_t max) const {
    return RangedOption(options, prefix + key, fallback, min, max);
  }
  Result<double> Double(const std::string& key, double fallback) const {
    return DoubleOption(options, prefix + key, fallback);
  }
};

Status InvertedRange(const FieldOptions& field, const char* low, const char* high) {
  return UserError("option '{}{}' is above '{}{}'", field.prefix, low, field.prefix, high);
}

// Calls make(T{}) with the integer behind `kind`, int64_t for all that are no narrower.
template <typename Make>
auto WithInteger(TypeKind kind, Make make) {
  switch (kind) {
    case TypeKind::kTinyInt: return make(int8_t{});
    case TypeKind::kSmallInt: return make(int16_t{});
    case TypeKind::kInt: case TypeKind::kIntervalMonth: return make(int32_t{});
    default: return make(int64_t{});
  }
}

bool IsWhole(const SqlType& type) { return type.IsInteger() || type.IsInterval(); }

// The number `unscaled` x 10^-scale in a decimal column's memory.
arrow::Decimal128 WholeDecimal(int64_t value, int scale) {
  return arrow::Decimal128(value) * arrow::Decimal128::GetScaleMultiplier(scale);
}

int64_t PowerOfTen(int exponent) {
  int64_t power = 1;
  for (int i = 0; i < std::min(exponent, 18); ++i) power *= 10;
  return power;
}

// ---- random ----

template <typename T>
Result<DatagenField> RandomWhole(const FieldOptions& field, const TypePtr& type) {
  using Limits = std::numeric_limits<T>;
  MILL_ASSIGN(const int64_t min, field.Int("min", Limits::min(), Limits::min(), Limits::max()));
  MILL_ASSIGN(const int64_t max, field.Int("max", Limits::max(), Limits::min(), Limits::max()));
  if (min > max) return InvertedRange(field, "min", "max");
  const uint64_t range = static_cast<uint64_t>(max) - static_cast<uint64_t>(min) + 1;
  const RandomStream stream = field.stream;
  DatagenField made;
  made.make = [=](int64_t first, int64_t rows, Timestamp) {
    return FillFixed<T>(type, rows, [&](int64_t i) {
      const uint64_t random = stream.At(first + i);
      const uint64_t above = range == 0 ? random : Below(random, range);
      return static_cast<T>(static_cast<uint64_t>(min) + above);
    });
  };
  return made;
}

template <typename T>
Result<DatagenField> RandomReal(const FieldOptions& field, const TypePtr& type) {
  using Limits = std::numeric_limits<T>;
  MILL_ASSIGN(const double min, field.Double("min", Limits::lowest()));
  MILL_ASSIGN(const double max, field.Double("max", Limits::max()));
  if (!(min <= max)) return InvertedRange(field, "min", "max");
  const RandomStream stream = field.stream;
  DatagenField made;
  made.make = [=](int64_t first, int64_t rows, Timestamp) {
    return FillFixed<T>(type, rows, [&](int64_t i) {
      const double at = Fraction(stream.At(first + i));
      return static_cast<T>(min * (1 - at) + max * at);
    });
  };
  return made;
}

// Uniform over the unscaled numbers, of which a range of 127 bits can be told apart.
Result<DatagenField> RandomDecimal(const FieldOptions& field, const SqlType& type) {
  constexpr double kMostUnscaled = 8e37;
  const double unit = std::pow(10.0, type.scale);
  const double most = std::min(std::pow(10.0, type.precision), kMostUnscaled) / unit;
  MILL_ASSIGN(const double min, field.Double("min", -most));
  MILL_ASSIGN(const double max, field.Double("max", most));
  if (!(min <= max)) return InvertedRange(field, "min", "max");
  MILL_ASSIGN(const auto low, arrow::Decimal128::FromReal(std::max(min, -most) * unit, 38, 0));
  MILL_ASSIGN(const auto high, arrow::Decimal128::FromReal(std::min(max, most) * unit, 38, 0));
  const arrow::BasicDecimal128 span = high - low;
  const arrow::BasicDecimal128 bound = arrow::Decimal128::GetMaxValue(type.precision);
  const RandomStream stream = field.stream;
  DatagenField made;
  made.make = [=, arrow_type = type.ToArrow()](int64_t first, int64_t rows, Timestamp) {
    return FillFixed<arrow::BasicDecimal128>(arrow_type, rows, [&](int64_t i) {
      const uint64_t random = stream.At(first + i);
      const arrow::BasicDecimal128 wide(static_cast<int64_t>(random >> 1), Mix64(random));
      arrow::BasicDecimal128 value = low;
      if (span != 0) value += wide % span;
      return std::clamp<arrow::BasicDecimal128>(value, -bound, bound);
    });
  };
  return made;
}

Result<DatagenField> RandomBoolean(const FieldOptions& field) {
  const RandomStream stream = field.stream;
  DatagenField made;
  made.make = [=](int64_t first, int64_t rows, Timestamp) -> ArrayResult {
    MILL_ASSIGN(auto bits, FillBits(rows, [&](int64_t i) { return stream.At(first + i) & 1; }));
    return arrow::MakeArray(arrow::ArrayData::Make(arrow::boolean(), rows, {nullptr, bits}, 0));
  };
  return made;
}

char* AppendHex(char* out, uint64_t random, int64_t length) {
  for (int64_t done = 0; done < length; done += 16) {
    uint64_t bits = random = Mix64(random + 1);
    for (int64_t i = done; i < std::min(done + 16, length); ++i, bits >>= 4) {
      *out++ = "0123456789abcdef"[bits & 15];
    }
  }
  return out;
}

char* AppendBytes(char* out, uint64_t random, int64_t length) {
  for (int64_t done = 0; done < length; done += 8) {
    random = Mix64(random + 1);
    const auto part = static_cast<size_t>(std::min<int64_t>(8, length - done));
    std::memcpy(out, &random, part);
    out += part;
  }
  return out;
}

// Hex digits, or any bytes for a binary column, as long as declared, or 100.
Result<DatagenField> RandomText(const FieldOptions& field, const SqlType& type) {
  const bool open = type.precision <= 0 || type.precision == SqlType::kMaxLength;
  const int64_t fallback = open ? kDefaultLength : type.precision;
  const int64_t most = open ? kMaxLength : std::min<int64_t>(kMaxLength, type.precision);
  MILL_ASSIGN(const int64_t length, field.Int("length", std::min(fallback, most), 0, most));
  MILL_ASSIGN(const bool varied, BoolOption(field.options, field.prefix + "var-len", false));
  if (varied && (type.kind == TypeKind::kChar || type.kind == TypeKind::kBinary)) {
    return UserError("option '{}var-len' does not fit {}: its length is fixed", field.prefix,
                     type.ToString());
  }
  const RandomStream stream = field.stream;
  const auto append = type.IsBinary() ? AppendBytes : AppendHex;
  DatagenField made;
  made.bytes_per_row = length;
  made.make = [=, arrow_type = type.ToArrow()](int64_t first, int64_t rows, Timestamp) {
    return FillText(arrow_type, rows, rows * length, [&](int64_t i, char* out) {
      const uint64_t random = stream.At(first + i);
      if (!varied || length == 0) return append(out, random, length);
      const uint64_t cut = Below(Mix64(random), static_cast<uint64_t>(length));
      return append(out, random, length - static_cast<int64_t>(cut));
    });
  };
  return made;
}

int64_t UnitsPerMilli(const TypePtr& type) {
  switch (static_cast<const arrow::TimestampType&>(*type).unit()) {
    case arrow::TimeUnit::MICRO: return 1000;
    case arrow::TimeUnit::NANO: return 1000000;
    default: return 1;
  }
}

// The current time, minus a random part of max-past.
Result<DatagenField> RandomTimestamp(const FieldOptions& field, const TypePtr& type) {
  using std::chrono::milliseconds;
  MILL_ASSIGN(const milliseconds past,
              DurationOption(field.options, field.prefix + "max-past", milliseconds{0}));
  if (past.count() < 0) return UserError("option '{}max-past' is negative", field.prefix);
  const auto range = static_cast<uint64_t>(past.count()) + 1;
  const int64_t units = UnitsPerMilli(type);
  const RandomStream stream = field.stream;
  DatagenField made;
  made.make = [=](int64_t first, int64_t rows, Timestamp now) {
    return FillFixed<int64_t>(type, rows, [&](int64_t i) {
      return (now - static_cast<int64_t>(Below(stream.At(first + i), range))) * units;
    });
  };
  return made;
}

// The current day, or the current time of day.
DatagenField Today(const TypePtr& type, bool day) {
  DatagenField made;
  made.make = [=](int64_t, int64_t rows, Timestamp now) {
    const int64_t value = day ? now / kMillisPerDay : now % kMillisPerDay;
    return FillFixed<int32_t>(type, rows, [&](int64_t) { return static_cast<int32_t>(value); });
  };
  return made;
}

// ---- sequence ----

template <typename T>
DatagenField SequenceOf(const TypePtr& type, int64_t start) {
  DatagenField made;
  made.make = [=](int64_t first, int64_t rows, Timestamp) {
    return FillFixed<T>(type, rows, [&](int64_t i) { return static_cast<T>(start + first + i); });
  };
  return made;
}

DatagenField DecimalSequence(const SqlType& type, int64_t start) {
  DatagenField made;
  made.make = [start, scale = type.scale, arrow_type = type.ToArrow()](int64_t first, int64_t rows,
                                                                       Timestamp) {
    return FillFixed<arrow::Decimal128>(
        arrow_type, rows, [&](int64_t i) { return WholeDecimal(start + first + i, scale); });
  };
  return made;
}

DatagenField TextSequence(const TypePtr& type, int64_t start) {
  DatagenField made;
  made.make = [=](int64_t first, int64_t rows, Timestamp) {
    return FillText(type, rows, rows * kMaxNumberText, [&](int64_t i, char* out) {
      return std::to_chars(out, out + kMaxNumberText, start + first + i).ptr;
    });
  };
  return made;
}

// The numbers that a sequence of this type may reach.
struct SequenceRange {
  int64_t low = std::numeric_limits<int64_t>::min() / 2;
  int64_t high = std::numeric_limits<int64_t>::max() / 2;
};

SequenceRange RangeOf(const SqlType& type) {
  SequenceRange range;
  if (IsWhole(type)) {
    WithInteger(type.kind, [&](auto t) {
      using Limits = std::numeric_limits<decltype(t)>;
      range.low = std::max<int64_t>(range.low, Limits::min());
      range.high = std::min<int64_t>(range.high, Limits::max());
    });
  } else if (type.kind == TypeKind::kDecimal) {
    range.high = PowerOfTen(type.precision - type.scale) - 1;
    range.low = -range.high;
  }
  return range;
}

Result<DatagenField> SequenceFrom(const FieldOptions& field, const SqlType& type, int64_t start) {
  const auto arrow_type = type.ToArrow();
  if (IsWhole(type)) {
    return WithInteger(type.kind,
                       [&](auto t) { return SequenceOf<decltype(t)>(arrow_type, start); });
  }
  if (type.kind == TypeKind::kDouble) return SequenceOf<double>(arrow_type, start);
  if (type.kind == TypeKind::kFloat) return SequenceOf<float>(arrow_type, start);
  if (type.kind == TypeKind::kDecimal) return DecimalSequence(type, start);
  if (type.IsString()) return TextSequence(arrow_type, start);
  return UserError("option '{}kind' = 'sequence' does not fit {}", field.prefix, type.ToString());
}

Result<DatagenField> MakeSequence(const FieldOptions& field, const SqlType& type) {
  for (const char* key : {"start", "end"}) {
    if (!field.Has(key)) return UserError("a sequence needs the option '{}{}'", field.prefix, key);
  }
  const SequenceRange range = RangeOf(type);
  MILL_ASSIGN(const int64_t start, field.Int("start", 0, range.low, range.high));
  MILL_ASSIGN(const int64_t end, field.Int("end", 0, range.low, range.high));
  if (end < start) return InvertedRange(field, "start", "end");
  MILL_ASSIGN(DatagenField made, SequenceFrom(field, type, start));
  made.length = end - start + 1;
  return made;
}

// ---- any type ----

Result<DatagenField> MakeRow(const std::string& name, const SqlType& type, const Options& options,
                             uint64_t seed, uint64_t stream) {
  std::vector<DatagenField> fields;
  DatagenField made;
  for (const RowField& child : type.children) {
    const uint64_t child_stream = Mix64(stream + fields.size() + 1);
    MILL_ASSIGN(DatagenField field, MakeDatagenField(name + "." + child.name, *child.type, options,
                                                     seed, child_stream));
    if (field.length >= 0) {
      made.length = made.length < 0 ? field.length : std::min(made.length, field.length);
    }
    made.bytes_per_row += field.bytes_per_row;
    fields.push_back(std::move(field));
  }
  made.make = [fields = std::move(fields), arrow_type = type.ToArrow()](
                  int64_t first, int64_t rows, Timestamp now) -> ArrayResult {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const DatagenField& field : fields) {
      MILL_ASSIGN(auto array, field.make(first, rows, now));
      arrays.push_back(std::move(array));
    }
    return std::make_shared<arrow::StructArray>(arrow_type, rows, std::move(arrays));
  };
  return made;
}

Result<DatagenField> MakeRandom(const FieldOptions& field, const SqlType& type) {
  const auto arrow_type = type.ToArrow();
  if (IsWhole(type)) {
    return WithInteger(type.kind,
                       [&](auto t) { return RandomWhole<decltype(t)>(field, arrow_type); });
  }
  if (type.kind == TypeKind::kFloat) return RandomReal<float>(field, arrow_type);
  if (type.kind == TypeKind::kDouble) return RandomReal<double>(field, arrow_type);
  if (type.kind == TypeKind::kDecimal) return RandomDecimal(field, type);
  if (type.kind == TypeKind::kBoolean) return RandomBoolean(field);
  if (type.IsString() || type.IsBinary()) return RandomText(field, type);
  if (type.IsTimestamp()) return RandomTimestamp(field, arrow_type);
  if (type.kind == TypeKind::kDate) return Today(arrow_type, true);
  if (type.kind == TypeKind::kTime) return Today(arrow_type, false);
  return UserError("datagen cannot make values of {}", type.ToString());
}

// Wraps `field` so that a share of the rows is NULL.
DatagenField WithNullRate(DatagenField field, double rate, RandomStream stream) {
  if (rate == 0) return field;
  field.make = [make = std::move(field.make), rate, stream](int64_t first, int64_t rows,
                                                            Timestamp now) -> ArrayResult {
    MILL_ASSIGN(auto array, make(first, rows, now));
    return WithNulls(array, [&](int64_t i) { return Fraction(stream.At(first + i)) >= rate; });
  };
  return field;
}

const std::vector<std::string>& KnownOptions() {
  static const std::vector<std::string> known = {"kind",  "min", "max",       "max-past", "length",
                                                 "start", "end", "null-rate", "var-len"};
  return known;
}

// Whether `path` ("user", "address.city") is a field of `type`.
bool HasField(const SqlType& type, const std::string& path) {
  return std::any_of(type.children.begin(), type.children.end(), [&](const RowField& child) {
    return path == child.name ||
           (path.starts_with(child.name + ".") &&
            HasField(*child.type, path.substr(child.name.size() + 1)));
  });
}

}  // namespace

Result<DatagenField> MakeDatagenField(const std::string& name, const SqlType& type,
                                      const Options& options, uint64_t seed, uint64_t stream) {
  const FieldOptions field{options, "fields." + name + ".", RandomStream(seed, stream)};
  const std::string kind = field.Text("kind", "random");
  if (kind == "sequence") return MakeSequence(field, type);
  if (kind != "random") {
    return UserError("option '{}kind' = '{}' is not known: use 'random' or 'sequence'",
                     field.prefix, kind);
  }
  MILL_ASSIGN(const double rate, ChanceOption(options, field.prefix + "null-rate"));
  const bool row = type.kind == TypeKind::kRow;
  MILL_ASSIGN(DatagenField made,
              row ? MakeRow(name, type, options, seed, stream) : MakeRandom(field, type));
  return WithNullRate(std::move(made), rate, RandomStream(~seed, stream));
}

Status CheckDatagenFields(const Options& options, const Schema& schema) {
  SqlType table = SqlType::Of(TypeKind::kRow);
  std::vector<std::string> names;
  for (const Column& column : schema.columns) {
    table.children.push_back({column.name, std::make_shared<const SqlType>(column.type)});
    names.push_back(column.name);
  }
  for (const auto& [key, value] : options) {
    if (!key.starts_with("fields.")) continue;
    const size_t dot = key.rfind('.');
    const std::string name = dot > 6 ? key.substr(7, dot - 7) : "";
    const std::string option = key.substr(dot + 1);
    const bool known_name = HasField(table, name);
    const auto& known = KnownOptions();
    if (known_name && std::find(known.begin(), known.end(), option) != known.end()) continue;
    const std::string hint = NearestName(known_name ? option : name, known_name ? known : names);
    return UserError("unknown {} '{}' in option '{}'{}", known_name ? "setting" : "column",
                     known_name ? option : name, key,
                     hint.empty() ? "" : ". did you mean '" + hint + "'?");
  }
  return Status::OK();
}

}  // namespace millrace
