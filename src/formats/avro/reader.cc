#include "formats/avro/reader.h"

#include <arrow/util/decimal.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>

#include "formats/avro/binary.h"
#include "formats/avro/steps.h"

namespace millrace {
namespace {

using Op = AvroStep::Op;

constexpr int64_t kMaxCells = 1 << 27;  // values of one batch

constexpr int64_t kPowersOfTen[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

// Most text is ASCII and short: eight bytes at a time, the full check only where that fails.
bool IsUtf8(std::string_view text) {
  uint64_t bits = 0;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data() + i, 8);
    bits |= bytes;
  }
  for (; i < text.size(); ++i) bits |= static_cast<uint8_t>(text[i]);
  if ((bits & 0x8080808080808080ULL) == 0) [[likely]] return true;
  return simdjson::validate_utf8(text.data(), text.size());
}

// Walks the steps over one record.
class Walk {
 public:
  Walk(AvroInput& input, int64_t& cells) : input_(input), cells_(cells) {}

  template <typename ColumnAt>
  bool ReadMembers(const AvroStep& step, const ColumnAt& column_at) {
    for (size_t i = 0; i < step.children.size(); ++i) {
      const int target = step.targets[i];
      const AvroStep& child = step.children[i];
      const bool read = target < 0 ? Skip(*child.writer, 0)
                                   : Read(child, column_at(static_cast<size_t>(target)));
      if (!read) [[unlikely]] {
        const std::string& name = step.writer->fields[i].name;
        path_ = path_.empty() ? name : name + "." + path_;
        return false;
      }
    }
    return true;
  }
  bool Spend(int64_t count, int64_t width) {
    if (count > (kMaxCells - cells_) / width) return Fail("more values than a batch can hold");
    cells_ += count * width;
    return true;
  }
  std::string error() const {
    return path_.empty() ? reason_ : fmt::format("field `{}`: {}", path_, reason_);
  }
  bool Fail(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

 private:
  bool Read(const AvroStep& step, ColumnBuilder& column);
  bool ReadNull(const AvroStep& step, ColumnBuilder& column);
  bool ReadUnion(const AvroStep& step, ColumnBuilder& column);
  bool ReadReal(const AvroStep& step, ColumnBuilder& column);
  bool ReadBytes(const AvroStep& step, ColumnBuilder& column);
  bool ReadTime(const AvroStep& step, ColumnBuilder& column);
  bool ReadTimestamp(const AvroStep& step, ColumnBuilder& column);
  bool ReadDecimal(const AvroStep& step, ColumnBuilder& column);
  bool ReadItems(const AvroStep& step, ColumnBuilder& column);
  bool ReadItem(const AvroStep& step, ColumnBuilder& column);
  bool Skip(const AvroType& type, int depth);
  bool SkipItems(const AvroType& type, int depth);

  template <typename T>
  bool ReadInteger(ColumnBuilder& column) {
    int64_t value = 0;
    if (!input_.ReadLong(&value)) return CutOff();
    if (static_cast<int64_t>(static_cast<T>(value)) != value) [[unlikely]] {
      return Fail(fmt::format("{} is out of range of {}", value, column.type().ToString()));
    }
    column.Append(static_cast<T>(value));
    return true;
  }
  bool CutOff() { return Fail("the record is cut off or no Avro of this schema"); }

  AvroInput& input_;
  int64_t& cells_;
  std::string reason_, path_;
};

bool Walk::Read(const AvroStep& step, ColumnBuilder& column) {
  switch (step.op) {
    case Op::kNullable: return ReadUnion(step, column);
    case Op::kInt64: return ReadInteger<int64_t>(column);
    case Op::kInt32: return ReadInteger<int32_t>(column);
    case Op::kInt16: return ReadInteger<int16_t>(column);
    case Op::kInt8: return ReadInteger<int8_t>(column);
    case Op::kText:
    case Op::kBytes:
    case Op::kFixed:
    case Op::kEnum: return ReadBytes(step, column);
    case Op::kTimestamp: return ReadTimestamp(step, column);
    case Op::kTime: return ReadTime(step, column);
    case Op::kDecimal: return ReadDecimal(step, column);
    case Op::kUnion: return ReadUnion(step, column);
    case Op::kNull: return ReadNull(step, column);
    case Op::kArray:
    case Op::kMap:
    case Op::kEntries: return ReadItems(step, column);
    case Op::kRecord: {
      const auto child = [&column](size_t i) -> ColumnBuilder& { return column.child(i); };
      if (!ReadMembers(step, child)) return false;
      column.EndRow();
      return true;
    }
    case Op::kSkip: return Skip(*step.writer, 0);
    case Op::kRefuse:
      return Fail(fmt::format("{} cannot be read as {}", AvroTypeName(*step.writer),
                              column.type().ToString()));
    default: return ReadReal(step, column);
  }
}

bool Walk::ReadNull(const AvroStep& step, ColumnBuilder& column) {
  if (step.not_null) return Fail("NULL, but the column is NOT NULL");
  column.AppendNull();
  return true;
}

bool Walk::ReadUnion(const AvroStep& step, ColumnBuilder& column) {
  int64_t branch = 0;
  if (!input_.ReadLong(&branch)) return CutOff();
  const auto branches = static_cast<int64_t>(step.writer->children.size());
  if (branch < 0 || branch >= branches) {
    return Fail(fmt::format("{} is no branch of a union of {}", branch, branches));
  }
  if (step.op == Op::kUnion) {
    const AvroStep& child = step.children[static_cast<size_t>(branch)];
    return child.op == Op::kNull ? ReadNull(step, column) : Read(child, column);
  }
  if (branch == step.null_branch) return ReadNull(step, column);
  return Read(step.children.front(), column);
}

// Booleans and what becomes a FLOAT or a DOUBLE.
bool Walk::ReadReal(const AvroStep& step, ColumnBuilder& column) {
  int64_t whole = 0;
  float single = 0;
  double number = 0;
  uint8_t byte = 0;
  switch (step.op) {
    case Op::kBool:
      if (!input_.ReadFixed(&byte) || byte > 1) return CutOff();
      column.AppendBool(byte != 0);
      return true;
    case Op::kIntToFloat:
      if (!input_.ReadLong(&whole)) return CutOff();
      column.Append(static_cast<float>(whole));
      return true;
    case Op::kIntToDouble:
      if (!input_.ReadLong(&whole)) return CutOff();
      column.Append(static_cast<double>(whole));
      return true;
    case Op::kDouble:
      if (!input_.ReadFixed(&number)) return CutOff();
      column.Append(number);
      return true;
    default:
      if (!input_.ReadFixed(&single)) return CutOff();
      if (step.op == Op::kFloat) column.Append(single);
      if (step.op == Op::kFloatToDouble) column.Append(static_cast<double>(single));
      return true;
  }
}

bool Walk::ReadBytes(const AvroStep& step, ColumnBuilder& column) {
  std::string_view bytes;
  if (step.op == Op::kEnum) {
    int64_t symbol = 0;
    if (!input_.ReadLong(&symbol)) return CutOff();
    const std::vector<std::string>& symbols = step.writer->symbols;
    if (symbol < 0 || symbol >= std::ssize(symbols)) {
      return Fail(fmt::format("{} is no symbol of {}", symbol, AvroTypeName(*step.writer)));
    }
    bytes = symbols[static_cast<size_t>(symbol)];
    constexpr int64_t kFree = 16;  // a symbol is longer than what stands for it in the record
    if (std::ssize(bytes) > kFree && !Spend(1, std::ssize(bytes))) return false;
  } else if (step.op == Op::kFixed) {
    if (!input_.ReadBytes(step.writer->size, &bytes)) return CutOff();
  } else if (!input_.ReadString(&bytes)) {
    return CutOff();
  } else if (step.op == Op::kText && !IsUtf8(bytes)) {
    return Fail("invalid UTF-8");
  }
  column.AppendBytes(bytes);
  return true;
}

bool Walk::ReadTime(const AvroStep& step, ColumnBuilder& column) {
  constexpr int64_t kDay = 86400000;
  int64_t value = 0;
  if (!input_.ReadLong(&value)) return CutOff();
  const int64_t millis = step.digits < 0 ? value / kPowersOfTen[-step.digits] : value;
  if (value < 0 || millis >= kDay) return Fail(fmt::format("{} is no time of a day", value));
  column.Append(static_cast<int32_t>(millis));
  return true;
}

bool Walk::ReadTimestamp(const AvroStep& step, ColumnBuilder& column) {
  int64_t value = 0;
  if (!input_.ReadLong(&value)) return CutOff();
  if (step.digits > 0) {
    if (__builtin_mul_overflow(value, kPowersOfTen[step.digits], &value)) {
      return Fail(fmt::format("a time is out of range of {}", column.type().ToString()));
    }
  } else if (step.digits < 0) {
    const int64_t power = kPowersOfTen[-step.digits];
    const int64_t rest = value % power;
    value = value / power - (rest < 0 ? 1 : 0);
  }
  column.Append(value);
  return true;
}

// Big-endian two's complement of any length.
bool Walk::ReadDecimal(const AvroStep& step, ColumnBuilder& column) {
  std::string_view bytes;
  const bool read = step.is_fixed ? input_.ReadBytes(step.writer->size, &bytes)
                                  : input_.ReadString(&bytes);
  if (!read) return CutOff();
  const char sign = !bytes.empty() && bytes.front() < 0 ? '\xFF' : '\0';
  while (bytes.size() > 16 && bytes.front() == sign) bytes.remove_prefix(1);
  const bool sound = bytes.size() <= 16 && (bytes.empty() || (bytes.front() < 0) == (sign != 0));
  arrow::Decimal128 value;
  if (sound && !bytes.empty()) {
    auto parsed = arrow::Decimal128::FromBigEndian(
        reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int32_t>(bytes.size()));
    if (!parsed.ok()) return Fail(parsed.status().message());
    value = *parsed;
  }
  auto scaled = value.Rescale(0, step.digits);
  if (!sound || !scaled.ok() || !scaled->FitsInPrecision(step.precision)) {
    return Fail(fmt::format("a decimal is out of range of {}", column.type().ToString()));
  }
  column.Append(*scaled);
  return true;
}

bool Walk::ReadItems(const AvroStep& step, ColumnBuilder& column) {
  while (true) {
    int64_t count = 0, bytes = 0;
    if (!input_.ReadBlock(&count, &bytes)) return CutOff();
    if (count == 0) break;
    if (!Spend(count, step.width)) return false;
    for (; count > 0; --count) {
      if (!ReadItem(step, column)) return false;
    }
  }
  column.EndList();
  return true;
}

bool Walk::ReadItem(const AvroStep& step, ColumnBuilder& column) {
  if (step.op == Op::kArray) return Read(step.children[0], column.child(0));
  if (step.op == Op::kEntries) {
    return Read(step.children[0], column.child(0)) && Read(step.children[1], column.child(1));
  }
  std::string_view key;
  if (!input_.ReadString(&key)) return CutOff();
  if (!IsUtf8(key)) return Fail("invalid UTF-8");
  column.child(0).AppendBytes(key);
  return Read(step.children[0], column.child(1));
}

bool Walk::Skip(const AvroType& type, int depth) {
  if (depth > AvroSchema::kMaxDepth) return Fail("records are nested too deeply");
  int64_t number = 0;
  std::string_view bytes;
  switch (type.kind) {
    case AvroKind::kNull: return true;
    case AvroKind::kBoolean: return input_.ReadBytes(1, &bytes) || CutOff();
    case AvroKind::kInt:
    case AvroKind::kLong:
    case AvroKind::kEnum: return input_.ReadLong(&number) || CutOff();
    case AvroKind::kFloat: return input_.ReadBytes(4, &bytes) || CutOff();
    case AvroKind::kDouble: return input_.ReadBytes(8, &bytes) || CutOff();
    case AvroKind::kBytes:
    case AvroKind::kString: return input_.ReadString(&bytes) || CutOff();
    case AvroKind::kFixed: return input_.ReadBytes(type.size, &bytes) || CutOff();
    case AvroKind::kRecord:
      if (!Spend(1, 1)) return false;
      return std::all_of(type.fields.begin(), type.fields.end(),
                         [&](const AvroField& field) { return Skip(*field.type, depth + 1); });
    case AvroKind::kUnion:
      if (!input_.ReadLong(&number)) return CutOff();
      if (number < 0 || number >= std::ssize(type.children)) return CutOff();
      return Skip(*type.children[static_cast<size_t>(number)], depth + 1);
    default: return SkipItems(type, depth);
  }
}

bool Walk::SkipItems(const AvroType& type, int depth) {
  while (true) {
    int64_t count = 0, size = 0;
    std::string_view bytes;
    if (!input_.ReadBlock(&count, &size)) return CutOff();
    if (count == 0) return true;
    if (size >= 0) {
      if (!input_.ReadBytes(size, &bytes)) return CutOff();
      continue;
    }
    if (!Spend(count, 1)) return false;
    for (; count > 0; --count) {
      if (type.kind == AvroKind::kMap && !input_.ReadString(&bytes)) return CutOff();
      if (!Skip(*type.children.front(), depth + 1)) return false;
    }
  }
}

}  // namespace

AvroReader::AvroReader(std::shared_ptr<const AvroSchema> writer, std::unique_ptr<AvroStep> root)
    : writer_(std::move(writer)), root_(std::move(root)) {}
AvroReader::~AvroReader() = default;

Result<std::unique_ptr<AvroReader>> AvroReader::Make(std::shared_ptr<const AvroSchema> writer,
                                                     const Schema& columns) {
  if (writer->root().kind != AvroKind::kRecord) {
    return UserError("an Avro schema for rows is a record, not {}", AvroTypeName(writer->root()));
  }
  std::vector<RowField> fields;
  for (const Column& column : columns.columns) {
    fields.push_back({column.name, std::make_shared<SqlType>(column.type)});
  }
  MILL_ASSIGN(AvroStep root, ResolveAvroRecord(writer->root(), fields, ""));
  return std::unique_ptr<AvroReader>(
      new AvroReader(std::move(writer), std::make_unique<AvroStep>(std::move(root))));
}

bool AvroReader::ReadRecord(std::string_view* bytes, RowsBuilder& rows) {
  if (rows.rows() == 0) cells_ = 0;
  AvroInput input(*bytes);
  Walk walk(input, cells_);
  const auto column = [&rows](size_t i) -> ColumnBuilder& { return rows.column(i); };
  if (walk.Spend(1, root_->width) && walk.ReadMembers(*root_, column)) [[likely]] {
    *bytes = input.rest();
    return true;
  }
  error_ = walk.error();
  return false;
}

}  // namespace millrace
