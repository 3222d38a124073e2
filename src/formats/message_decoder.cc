#include "formats/message_decoder.h"

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/util/bit_util.h>

#include <algorithm>

#include "formats/message_metadata.h"
#include "formats/record_decoder.h"

namespace millrace {
namespace {

// Tells bad records as the messages that they are: by topic, partition and offset.
class MessageDeadLetters final : public DeadLetters {
 public:
  MessageDeadLetters(DeadLetters& receiver, const Chunk& chunk, const char* part)
      : receiver_(receiver), chunk_(chunk), part_(part) {}
  void Add(const BadRow& row) override {
    const auto message = static_cast<size_t>(row.line);
    BadRow told = row;
    told.file = chunk_.file;
    told.line = chunk_.messages->offsets[message];
    if (told.line == 0) told.reason = "offset 0: " + told.reason;
    told.reason = part_ + told.reason;
    bad_.push_back(row.line);
    receiver_.Add(told);
  }
  // The messages told, ascending.
  std::vector<int64_t> bad() {
    std::sort(bad_.begin(), bad_.end());
    return std::move(bad_);
  }

 private:
  DeadLetters& receiver_;
  const Chunk& chunk_;
  std::string part_;
  std::vector<int64_t> bad_;
};

// Of each output row: its message, and its rows among those of value and key (-1: none, NULL).
struct Assignment {
  std::vector<int64_t> messages;
  std::vector<int32_t> value_rows, key_rows;
};

class MessageDecoder final : public Decoder {
 public:
  MessageDecoder(MessageSpec spec, std::unique_ptr<RecordDecoder> value,
                 std::unique_ptr<RecordDecoder> key)
      : spec_(std::move(spec)),
        schema_(spec_.output.ToArrow()),
        value_(std::move(value)),
        key_(std::move(key)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override;
  RowKinds kinds() const override { return kinds_; }

 private:
  Assignment Assign(const Messages& messages, const DecodedRecords& values,
                    const DecodedRecords& keys, const std::vector<int64_t>& bad_keys) const;
  Status Place(const MessagePart& part, const DecodedRecords& decoded,
               const std::vector<int32_t>& rows,
               std::vector<std::shared_ptr<arrow::Array>>& columns) const;
  static RowKinds KindsOf(const Assignment& rows, const std::vector<RowKind>& told);

  MessageSpec spec_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<RecordDecoder> value_;
  std::unique_ptr<RecordDecoder> key_;  // null: the key is not read
  RowKinds kinds_;
};

void RefuseWithoutKey(const Messages& messages, DeadLetters& bad) {
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages.keys[i].data()) continue;
    bad.Add({"", static_cast<int64_t>(i), messages.values[i], "NULL, but upserts need it"});
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> MessageDecoder::Decode(const Chunk& chunk,
                                                                   DeadLetters& dead) {
  const Messages& messages = *chunk.messages;
  MessageDeadLetters bad_values(dead, chunk, "");
  MILL_ASSIGN(const DecodedRecords values,
              value_->Decode(messages.values, chunk.bytes, bad_values));
  DecodedRecords keys;
  MessageDeadLetters bad_keys(dead, chunk, "key: ");
  if (key_) {
    MILL_ASSIGN(keys, key_->Decode(messages.keys, nullptr, bad_keys));
    if (spec_.upsert) RefuseWithoutKey(messages, bad_keys);
  }
  const Assignment rows = Assign(messages, values, keys, bad_keys.bad());
  std::vector<std::shared_ptr<arrow::Array>> columns(spec_.output.columns.size());
  MILL_RETURN(Place(spec_.value, values, rows.value_rows, columns));
  if (key_) MILL_RETURN(Place(spec_.key, keys, rows.key_rows, columns));
  const size_t first_metadata = columns.size() - spec_.metadata.size();
  for (size_t i = 0; i < spec_.metadata.size(); ++i) {
    if (columns[first_metadata + i]) continue;
    MILL_ASSIGN(columns[first_metadata + i],
                MetadataColumn(spec_.metadata[i], messages, rows.messages));
  }
  kinds_ = spec_.upsert || !values.kinds.empty() ? KindsOf(rows, values.kinds) : nullptr;
  return arrow::RecordBatch::Make(schema_, std::ssize(rows.messages), std::move(columns));
}

// All three lists ascend by message.
Assignment MessageDecoder::Assign(const Messages& messages, const DecodedRecords& values,
                                  const DecodedRecords& keys,
                                  const std::vector<int64_t>& bad_keys) const {
  Assignment rows;
  size_t value = 0, key = 0, bad = 0;
  const auto add = [&rows](int64_t message, int32_t of_value, int32_t of_key) {
    rows.messages.push_back(message);
    rows.value_rows.push_back(of_value);
    rows.key_rows.push_back(of_key);
  };
  for (int64_t m = 0; m < std::ssize(messages.values); ++m) {
    const bool has_key = key < keys.sources.size() && keys.sources[key] == m;
    const bool bad_key = bad < bad_keys.size() && bad_keys[bad] == m;
    const bool deletes = spec_.upsert && !messages.values[static_cast<size_t>(m)].data();
    const int32_t key_row = has_key ? static_cast<int32_t>(key) : -1;
    if (deletes && !bad_key) add(m, -1, key_row);
    for (; value < values.sources.size() && values.sources[value] == m; ++value) {
      if (!bad_key) add(m, static_cast<int32_t>(value), key_row);
    }
    key += has_key;
    bad += bad_key;
  }
  return rows;
}

Result<std::shared_ptr<arrow::Array>> IndicesOf(const std::vector<int32_t>& rows) {
  arrow::Int32Builder builder;
  MILL_RETURN(builder.Reserve(std::ssize(rows)));
  for (const int32_t row : rows) {
    if (row >= 0) {
      builder.UnsafeAppend(row);
    } else {
      builder.UnsafeAppendNull();
    }
  }
  return builder.Finish();
}

bool IsIdentity(const std::vector<int32_t>& rows, int64_t length) {
  if (std::ssize(rows) != length) return false;
  for (int32_t i = 0; i < static_cast<int32_t>(length); ++i) {
    if (rows[static_cast<size_t>(i)] != i) return false;
  }
  return true;
}

// Puts the part's columns where they belong, one value for each of `rows`.
Status MessageDecoder::Place(const MessagePart& part, const DecodedRecords& decoded,
                             const std::vector<int32_t>& rows,
                             std::vector<std::shared_ptr<arrow::Array>>& columns) const {
  if (part.columns.columns.empty()) return Status::OK();
  const int64_t length = decoded.rows ? decoded.rows->num_rows() : 0;
  const bool identity = decoded.rows && IsIdentity(rows, length);
  std::shared_ptr<arrow::Array> indices;
  if (!identity && decoded.rows) {
    MILL_ASSIGN(indices, IndicesOf(rows));
  }
  for (size_t i = 0; i < part.targets.size(); ++i) {
    auto& column = columns[static_cast<size_t>(part.targets[i])];
    if (identity) {
      column = decoded.rows->column(static_cast<int>(i));
    } else if (!decoded.rows) {
      MILL_ASSIGN(column, arrow::MakeArrayOfNull(part.columns.columns[i].type.ToArrow(),
                                                 std::ssize(rows)));
    } else {
      MILL_ASSIGN(const arrow::Datum taken,
                  arrow::compute::Take(decoded.rows->column(static_cast<int>(i)), indices));
      column = taken.make_array();
    }
  }
  return Status::OK();
}

// A changelog's records have `told` the kinds; upserts replace, or delete where there is no value.
RowKinds MessageDecoder::KindsOf(const Assignment& rows, const std::vector<RowKind>& told) {
  auto kinds = std::make_shared<std::vector<RowKind>>();
  kinds->reserve(rows.value_rows.size());
  for (const int32_t row : rows.value_rows) {
    if (row < 0) {
      kinds->push_back(RowKind::kDelete);
    } else {
      kinds->push_back(told.empty() ? RowKind::kUpdateAfter : told[static_cast<size_t>(row)]);
    }
  }
  return kinds;
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeMessageDecoder(MessageSpec spec) {
  MILL_ASSIGN(auto value, MakeRecordDecoder(spec.value.format, spec.value.columns, spec.value.all,
                                            spec.value.options, spec.value.metadata));
  std::unique_ptr<RecordDecoder> key;
  if (!spec.key.format.empty()) {
    auto made =
        MakeRecordDecoder(spec.key.format, spec.key.columns, spec.key.all, spec.key.options);
    MILL_RETURN(Annotate(made.status(), "key format"));
    key = std::move(*made);
  }
  return std::make_unique<MessageDecoder>(std::move(spec), std::move(value), std::move(key));
}

}  // namespace millrace
