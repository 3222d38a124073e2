// Messages of Protocol Buffers to columns, in one pass over their bytes: each field goes straight
// into its column, repeated ones into their column's items until the message ends.
#include <simdjson.h>

#include <bit>

#include "formats/columns.h"
#include "formats/protobuf/formats.h"
#include "formats/protobuf/plan.h"
#include "formats/protobuf/wire.h"
#include "formats/row_record_decoder.h"
#include "formats/text_value.h"

namespace millrace {
namespace {

constexpr int64_t kMaxCells = 1 << 27;  // values of one batch: bounds what few bytes blow up to

// Reads one message after the other into columns.
class ProtoReader {
 public:
  // `row` is where the values of this message go in its columns.
  template <typename ColumnAt>
  bool ReadMessage(std::string_view bytes, ProtoPlan& plan, const ColumnAt& column_at,
                   int64_t row);
  void Start(bool first_of_batch) {
    if (first_of_batch) cells_ = 0;
    path_.clear();
  }
  std::string error() const {
    return path_.empty() ? reason_ : fmt::format("field `{}`: {}", path_, reason_);
  }

 private:
  bool ReadField(WireInput& input, WireType wire, ProtoColumn& column,
                 ColumnBuilder& builder, int64_t row);
  bool ReadItem(WireInput& input, WireType wire, const ProtoColumn& column,
                ColumnBuilder& builder);
  bool ReadNested(std::string_view bytes, const ProtoColumn& column, ColumnBuilder& builder);
  bool ReadEntry(std::string_view bytes, const ProtoColumn& column, ColumnBuilder& map);
  bool ReadNumber(WireInput& input, WireType wire, const ProtoColumn& column,
                  ColumnBuilder& builder);
  bool AppendNumber(int64_t value, const ProtoColumn& column, ColumnBuilder& builder);
  bool FillMissing(const ProtoColumn& column, ColumnBuilder& builder);
  bool AppendDefault(const ProtoColumn& column, ColumnBuilder& builder);
  bool Spend(size_t count) {
    cells_ += static_cast<int64_t>(count);
    return cells_ <= kMaxCells || Fail("more values than a batch can hold");
  }
  bool Fail(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }
  bool Broken() { return Fail("the message is cut off or none of this type"); }

  int64_t cells_ = 0;
  std::string reason_, path_;
};

template <typename ColumnAt>
bool ProtoReader::ReadMessage(std::string_view bytes, ProtoPlan& plan,
                              const ColumnAt& column_at, int64_t row) {
  if (!Spend(1 + plan.columns.size())) return false;
  if (plan.has_repeated) {
    for (ProtoColumn& column : plan.columns) column.items = 0;
  }
  WireInput input(bytes);
  size_t blame = plan.columns.size();
  bool sound = true;
  while (sound && !input.at_end()) {
    uint32_t number = 0;
    WireType wire{};
    if (!input.ReadTag(&number, &wire)) return Broken();
    const int at = plan.Find(number);
    if (at < 0) {
      sound = input.Skip(number, wire) || Broken();
      continue;
    }
    blame = static_cast<size_t>(at);
    sound = ReadField(input, wire, plan.columns[blame], column_at(blame), row);
    if (sound) blame = plan.columns.size();
  }
  for (size_t i = 0; sound && i < plan.columns.size(); ++i) {
    const ProtoColumn& column = plan.columns[i];
    ColumnBuilder& builder = column_at(i);
    if (builder.size() > row) continue;
    if (column.items > 0) {
      builder.EndList();
    } else {
      sound = FillMissing(column, builder);
      if (!sound) blame = i;
    }
  }
  if (sound) [[likely]] return true;
  if (blame < plan.columns.size()) {
    const std::string& name = plan.columns[blame].field->name;
    path_ = path_.empty() ? name : name + "." + path_;
  }
  return false;
}

bool ProtoReader::ReadField(WireInput& input, WireType wire, ProtoColumn& column,
                            ColumnBuilder& builder, int64_t row) {
  const ProtoField& field = *column.field;
  if (!field.repeated) {
    if (builder.size() > row) builder.Truncate(row);  // the last one counts
    return ReadItem(input, wire, column, builder);
  }
  const bool scalar = field.type != ProtoType::kString && field.type != ProtoType::kBytes &&
                      field.type != ProtoType::kMessage;
  std::string_view bytes;
  if (scalar && wire == WireType::kBytes) {  // packed
    if (!input.ReadBytes(&bytes)) return Broken();
    WireInput items(bytes);
    while (!items.at_end()) {
      if (!Spend(1) || !ReadNumber(items, wire, column, builder.child(0))) return false;
      ++column.items;
    }
    return true;
  }
  if (!Spend(1)) return false;
  ++column.items;
  if (!column.plan || column.type.kind == TypeKind::kArray) {
    return ReadItem(input, wire, column, builder.child(0));
  }
  if (wire != WireType::kBytes || !input.ReadBytes(&bytes)) return Broken();
  return ReadEntry(bytes, column, builder);
}

bool ProtoReader::ReadItem(WireInput& input, WireType wire, const ProtoColumn& column,
                           ColumnBuilder& builder) {
  const ProtoType type = column.field->type;
  const bool text = type == ProtoType::kString;
  if (!text && type != ProtoType::kBytes && type != ProtoType::kMessage) {
    return ReadNumber(input, wire, column, builder);
  }
  std::string_view bytes;
  if (wire != WireType::kBytes || !input.ReadBytes(&bytes)) return Broken();
  if (type == ProtoType::kMessage) return ReadNested(bytes, column, builder);
  if (text && !simdjson::validate_utf8(bytes.data(), bytes.size())) return Fail("invalid UTF-8");
  builder.AppendBytes(bytes);
  return true;
}

bool ProtoReader::ReadNested(std::string_view bytes, const ProtoColumn& column,
                             ColumnBuilder& builder) {
  const auto child = [&builder](size_t i) -> ColumnBuilder& { return builder.child(i); };
  if (!ReadMessage(bytes, *column.plan, child, builder.size())) return false;
  builder.EndRow();
  return true;
}

bool ProtoReader::ReadEntry(std::string_view bytes, const ProtoColumn& column,
                            ColumnBuilder& map) {
  const auto child = [&map](size_t i) -> ColumnBuilder& { return map.child(i); };
  return ReadMessage(bytes, *column.plan, child, map.child(0).size());
}

// What stands behind the tag of a scalar; of a packed field, `wire` is that of the whole.
bool ProtoReader::ReadNumber(WireInput& input, WireType wire, const ProtoColumn& column,
                             ColumnBuilder& builder) {
  const ProtoType type = column.field->type;
  WireType own = WireType::kVarint;
  if (type == ProtoType::kDouble || type == ProtoType::kFixed64 || type == ProtoType::kSfixed64) {
    own = WireType::kFixed64;
  } else if (type == ProtoType::kFloat || type == ProtoType::kFixed32 ||
             type == ProtoType::kSfixed32) {
    own = WireType::kFixed32;
  }
  const bool packed = wire == WireType::kBytes && column.field->repeated;
  if (wire != own && !packed) return Broken();
  uint64_t bits = 0;
  uint32_t word = 0;
  if (own == WireType::kFixed32) {
    if (!input.ReadFixed(&word)) return Broken();
    bits = word;
  } else if (own == WireType::kFixed64 ? !input.ReadFixed(&bits) : !input.ReadVarint(&bits)) {
    return Broken();
  }
  switch (type) {
    case ProtoType::kDouble: builder.Append(std::bit_cast<double>(bits)); return true;
    case ProtoType::kFloat: {
      const auto value = std::bit_cast<float>(word);
      if (builder.type().kind == TypeKind::kDouble) {
        builder.Append(static_cast<double>(value));
      } else {
        builder.Append(value);
      }
      return true;
    }
    case ProtoType::kBool: builder.AppendBool(bits != 0); return true;
    case ProtoType::kSint32:
    case ProtoType::kSint64: return AppendNumber(Unzigzag(bits), column, builder);
    case ProtoType::kInt32:
    case ProtoType::kSfixed32:
    case ProtoType::kEnum:
      return AppendNumber(static_cast<int32_t>(static_cast<uint32_t>(bits)), column, builder);
    case ProtoType::kUint32:
    case ProtoType::kFixed32: return AppendNumber(static_cast<uint32_t>(bits), column, builder);
    case ProtoType::kUint64:
    case ProtoType::kFixed64:
      if (bits > INT64_MAX) return Fail(fmt::format("{} is out of range of BIGINT", bits));
      return AppendNumber(static_cast<int64_t>(bits), column, builder);
    default: return AppendNumber(static_cast<int64_t>(bits), column, builder);
  }
}

bool ProtoReader::AppendNumber(int64_t value, const ProtoColumn& column, ColumnBuilder& builder) {
  if (builder.type().IsString()) {  // an enum; a number without a name stands as such
    const auto& names = column.field->values->values;
    const auto found = names.find(static_cast<int32_t>(value));
    builder.AppendBytes(found != names.end() ? found->second : std::to_string(value));
    return true;
  }
  if (builder.type().kind == TypeKind::kBigInt) [[likely]] {
    builder.Append(value);
    return true;
  }
  if (AppendInteger(builder, value)) return true;
  return Fail(fmt::format("{} is out of range of {}", value, builder.type().ToString()));
}

bool ProtoReader::FillMissing(const ProtoColumn& column, ColumnBuilder& builder) {
  if (!column.fills_default || (column.plan && !column.field->repeated)) {
    if (!column.type.nullable) return Fail("NULL, but the column is NOT NULL");
    builder.AppendNull();
    return true;
  }
  if (column.field->repeated) {
    builder.EndList();
    return true;
  }
  return AppendDefault(column, builder);
}

bool ProtoReader::AppendDefault(const ProtoColumn& column, ColumnBuilder& builder) {
  const std::string& said = column.field->default_value;
  const SqlType& type = builder.type();
  if (column.field->type == ProtoType::kEnum) {
    const auto& values = column.field->values->values;
    int32_t number = values.contains(0) || values.empty() ? 0 : values.begin()->first;
    for (const auto& [value, name] : values) {
      if (name == said) number = value;
    }
    return AppendNumber(number, column, builder);
  }
  if (type.IsString() || type.IsBinary()) {
    builder.AppendBytes(said);
    return true;
  }
  const std::string text = !said.empty() ? said : type.kind == TypeKind::kBoolean ? "false" : "0";
  return AppendText(builder, text) || Fail(fmt::format("the default '{}' is no value", text));
}

class ProtobufDecoder final : public RowRecordDecoder {
 public:
  ProtobufDecoder(const Schema& schema, const ProtobufSettings& settings,
                  std::shared_ptr<ProtoPlan> plan)
      : RowRecordDecoder(schema, settings.ignore_errors),
        descriptors_(settings.descriptors),
        plan_(std::move(plan)) {}

 private:
  Status Append(std::string_view record, RowsBuilder& rows, std::string* reason) override {
    const auto column = [&rows](size_t i) -> ColumnBuilder& { return rows.column(i); };
    reader_.Start(rows.rows() == 0);
    if (!reader_.ReadMessage(record, *plan_, column, rows.rows())) *reason = reader_.error();
    return Status::OK();
  }

  std::shared_ptr<const ProtoDescriptors> descriptors_;  // what the plan points into
  std::shared_ptr<ProtoPlan> plan_;
  ProtoReader reader_;
};

}  // namespace

Result<std::unique_ptr<RecordDecoder>> MakeProtobufDecoder(const Schema& schema,
                                                           const Options& options) {
  MILL_ASSIGN(const ProtobufSettings settings, ProtobufSettings::Read(options));
  MILL_ASSIGN(auto plan, PlanProtobuf(*settings.message, FieldsOf(schema), settings));
  return std::make_unique<ProtobufDecoder>(schema, settings, std::move(plan));
}

}  // namespace millrace
