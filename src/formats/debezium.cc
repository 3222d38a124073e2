#include "formats/debezium.h"

#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>

#include "formats/debezium_metadata.h"
#include "formats/json_slices.h"
#include "formats/makers.h"
#include "formats/options.h"

namespace millrace {
namespace {

constexpr std::string_view kName = "debezium-json";

// "debezium-json.x" -> "json.x", for the format that reads and writes the rows themselves.
Options JsonOptions(const Options& options) {
  Options json;
  for (const auto& [key, value] : options) {
    if (key.starts_with(kName)) json["json" + key.substr(kName.size())] = value;
  }
  return json;
}

// A record's change, as slices of it; "null" where there is none.
struct Envelope {
  std::string_view op, before = "null", after = "null";
  DebeziumFacts facts;
};

bool ReadEnvelope(std::string_view text, bool has_schema, Envelope* envelope) {
  std::string_view payload = text;
  if (has_schema) {
    payload = {};
    const bool sound = ForEachJsonMember(text, [&](std::string_view key, std::string_view value) {
      if (key == "payload") payload = value;
      if (key == "schema") envelope->facts.schema = value;
    });
    if (!sound || payload.empty()) return false;
  }
  return ForEachJsonMember(payload, [&](std::string_view key, std::string_view value) {
    if (key == "op") envelope->op = value;
    if (key == "before") envelope->before = value;
    if (key == "after") envelope->after = value;
    if (key == "source") envelope->facts.source = value;
    if (key == "ts_ms") envelope->facts.ts_ms = value;
  });
}

// Cuts each line's rows out of its envelope and hands them all to the JSON decoder at once.
class DebeziumDecoder final : public Decoder {
 public:
  // `schema`: the columns of `rows`, then those of `metadata`.
  DebeziumDecoder(const Schema& schema, std::unique_ptr<Decoder> rows,
                  DebeziumMetadataColumns metadata, bool has_schema, bool lenient)
      : schema_(schema.ToArrow()),
        rows_(std::move(rows)),
        metadata_(std::move(metadata)),
        has_schema_(has_schema),
        lenient_(lenient) {
    rows_->KeepLines(&read_);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(const Chunk& chunk,
                                                     DeadLetters& dead) override;
  RowKinds kinds() const override { return kinds_; }

 private:
  static constexpr int64_t kFirstLine = 2;  // not 1: no byte order mark

  // A row within a line of the chunk.
  struct Image {
    int64_t line = 0;
    std::string_view record;
    RowKind kind = RowKind::kInsert;
    bool is_pair = false;  // the next one belongs to it: neither comes without the other
    DebeziumFacts facts;
  };
  // Tells bad rows as the records that they are in, each once.
  class RecordDeadLetters final : public DeadLetters {
   public:
    RecordDeadLetters(const DebeziumDecoder& decoder, const Chunk& chunk, DeadLetters& receiver)
        : decoder_(decoder), chunk_(chunk), receiver_(receiver) {}
    void Add(const BadRow& row) override {
      const Image& image = decoder_.images_[static_cast<size_t>(row.line - kFirstLine)];
      if (image.line == told_) return;
      told_ = image.line;
      const char* side = Adds(image.kind) ? "after" : "before";
      receiver_.Add(
          {chunk_.file, image.line, image.record, fmt::format("{}: {}", side, row.reason)});
    }

   private:
    const DebeziumDecoder& decoder_;
    const Chunk& chunk_;
    DeadLetters& receiver_;
    int64_t told_ = -1;
  };

  // Why the line is no change, "" if its rows have been added.
  std::string ReadLine(int64_t line, std::string_view record);
  void AddImage(const Image& image, std::string_view text) {
    images_.push_back(image);
    text_ += text;
    text_ += '\n';
  }
  // The rows of `read_` that are whole changes.
  std::vector<int64_t> WholeChanges() const;
  Result<std::shared_ptr<arrow::RecordBatch>> Keep(std::shared_ptr<arrow::RecordBatch> rows);
  Result<std::shared_ptr<arrow::RecordBatch>> AddMetadata(
      std::shared_ptr<arrow::RecordBatch> rows, const std::vector<int64_t>& whole);

  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<Decoder> rows_;
  DebeziumMetadataColumns metadata_;
  bool has_schema_;
  bool lenient_;
  RowKinds kinds_;
  // Of the chunk being decoded:
  std::vector<Image> images_;
  std::string text_;
  std::vector<int64_t> read_;  // lines of text_ that have become rows
};

std::string DebeziumDecoder::ReadLine(int64_t line, std::string_view record) {
  Envelope envelope;
  if (!ReadEnvelope(record, has_schema_, &envelope)) {
    return has_schema_ ? "no JSON object with an object \"payload\"" : "broken JSON";
  }
  const std::string_view op = envelope.op;
  const bool updates = op == "\"u\"", deletes = op == "\"d\"";
  if (!updates && !deletes && op != "\"c\"" && op != "\"r\"") {
    return fmt::format("\"op\" is {}, not c, r, u or d", op.empty() ? "missing" : op.substr(0, 20));
  }
  if ((updates || deletes) && envelope.before == "null") {
    return "\"before\" is null. hint: REPLICA IDENTITY FULL for a PostgreSQL table";
  }
  if (!deletes && envelope.after == "null") return "\"after\" is null";
  const DebeziumFacts& facts = envelope.facts;
  if (deletes) AddImage({line, record, RowKind::kDelete, false, facts}, envelope.before);
  if (updates) AddImage({line, record, RowKind::kUpdateBefore, true, facts}, envelope.before);
  if (!deletes) {
    AddImage({line, record, updates ? RowKind::kUpdateAfter : RowKind::kInsert, false, facts},
             envelope.after);
  }
  return "";
}

Result<std::shared_ptr<arrow::RecordBatch>> DebeziumDecoder::Decode(const Chunk& chunk,
                                                                    DeadLetters& dead) {
  images_.clear();
  text_.clear();
  read_.clear();
  std::string_view text;
  if (!ReportOversize(chunk, dead)) {
    text = WithoutByteOrderMark(chunk, std::string_view(*chunk.bytes));
  }
  ForEachLine(text, chunk.first_line, [&](int64_t line, std::string_view record) {
    if (SkipJsonSpace(record, 0) == record.size()) return;
    const std::string reason = ReadLine(line, record);
    if (!reason.empty() && !lenient_) dead.Add({chunk.file, line, record, reason});
  });
  Chunk images;
  images.bytes = std::make_shared<arrow::Buffer>(text_);
  images.first_line = kFirstLine;
  RecordDeadLetters told(*this, chunk, dead);
  MILL_ASSIGN(auto rows, rows_->Decode(images, told));
  return Keep(std::move(rows));
}

std::vector<int64_t> DebeziumDecoder::WholeChanges() const {
  std::vector<bool> good(images_.size());
  for (const int64_t line : read_) good[static_cast<size_t>(line - kFirstLine)] = true;
  for (size_t i = 0; i + 1 < images_.size(); ++i) {
    if (images_[i].is_pair) good[i] = good[i + 1] = good[i] && good[i + 1];
  }
  std::vector<int64_t> whole;
  for (size_t row = 0; row < read_.size(); ++row) {
    if (good[static_cast<size_t>(read_[row] - kFirstLine)]) {
      whole.push_back(static_cast<int64_t>(row));
    }
  }
  return whole;
}

Result<std::shared_ptr<arrow::RecordBatch>> DebeziumDecoder::Keep(
    std::shared_ptr<arrow::RecordBatch> rows) {
  const std::vector<int64_t> whole = WholeChanges();
  auto kinds = std::make_shared<std::vector<RowKind>>();
  for (const int64_t row : whole) {
    const int64_t line = read_[static_cast<size_t>(row)];
    const Image& image = images_[static_cast<size_t>(line - kFirstLine)];
    kinds->push_back(image.kind);
    NoteLine(image.line);
  }
  kinds_ = std::move(kinds);
  if (whole.size() == read_.size()) return AddMetadata(std::move(rows), whole);
  arrow::Int64Builder indices;
  MILL_RETURN(indices.AppendValues(whole));
  MILL_ASSIGN(const auto wanted, indices.Finish());
  MILL_ASSIGN(const arrow::Datum taken, arrow::compute::Take(rows, wanted));
  return AddMetadata(taken.record_batch(), whole);
}

Result<std::shared_ptr<arrow::RecordBatch>> DebeziumDecoder::AddMetadata(
    std::shared_ptr<arrow::RecordBatch> rows, const std::vector<int64_t>& whole) {
  if (metadata_.empty()) return rows;
  for (const int64_t row : whole) {
    const int64_t line = read_[static_cast<size_t>(row)];
    metadata_.Append(images_[static_cast<size_t>(line - kFirstLine)].facts);
  }
  auto columns = rows->columns();
  MILL_ASSIGN(auto metadata, metadata_.Finish());
  for (auto& column : metadata) columns.push_back(std::move(column));
  return arrow::RecordBatch::Make(schema_, rows->num_rows(), std::move(columns));
}

// Wraps each row's JSON.
class DebeziumEnvelopes {
 public:
  explicit DebeziumEnvelopes(std::unique_ptr<Encoder> rows) : rows_(std::move(rows)) {}

  Status Encode(const arrow::RecordBatch& rows, const RowKinds& kinds, std::string_view end,
                std::string& out, std::vector<int64_t>* ends) {
    lines_.clear();
    MILL_RETURN(rows_->Encode(rows, lines_));
    size_t begin = 0;
    for (size_t row = 0; row < static_cast<size_t>(rows.num_rows()); ++row) {
      const size_t newline = lines_.find('\n', begin);
      MILL_CHECK(newline != lines_.npos);
      const bool adds = !kinds || Adds((*kinds)[row]);
      out += adds ? R"({"before":null,"after":)" : R"({"before":)";
      out.append(lines_, begin, newline - begin);
      out += adds ? R"(,"op":"c"})" : R"(,"after":null,"op":"d"})";
      out += end;
      if (ends) ends->push_back(std::ssize(out));
      begin = newline + 1;
    }
    return Status::OK();
  }

 private:
  std::unique_ptr<Encoder> rows_;
  std::string lines_;
};

class DebeziumEncoder final : public Encoder {
 public:
  explicit DebeziumEncoder(std::unique_ptr<Encoder> rows) : envelopes_(std::move(rows)) {}
  Status Encode(const arrow::RecordBatch& rows, std::string& out) override {
    return envelopes_.Encode(rows, nullptr, "\n", out, nullptr);
  }

 private:
  DebeziumEnvelopes envelopes_;
};

class DebeziumRecordEncoder final : public RecordEncoder {
 public:
  explicit DebeziumRecordEncoder(std::unique_ptr<Encoder> rows) : envelopes_(std::move(rows)) {}
  void SetKinds(RowKinds kinds) override { kinds_ = std::move(kinds); }
  Status Encode(const arrow::RecordBatch& rows, std::string& bytes,
                std::vector<int64_t>& ends) override {
    return envelopes_.Encode(rows, kinds_, "", bytes, &ends);
  }

 private:
  DebeziumEnvelopes envelopes_;
  RowKinds kinds_;
};

Result<std::unique_ptr<Encoder>> MakeRows(const Schema& schema, const Options& options) {
  MILL_ASSIGN(const bool has_schema, BoolOption(options, "debezium-json.schema-include", false));
  if (has_schema) return UserError("'debezium-json.schema-include' = 'true' is only for reading");
  return MakeJsonEncoder(schema, JsonOptions(options));
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeDebeziumDecoder(const Schema& schema, size_t metadata,
                                                     const Options& options) {
  MILL_ASSIGN(const bool has_schema, BoolOption(options, "debezium-json.schema-include", false));
  MILL_ASSIGN(const bool lenient,
              BoolOption(options, "debezium-json.ignore-parse-errors", false));
  Schema of_row = schema, of_record;
  const auto first = of_row.columns.end() - static_cast<std::ptrdiff_t>(metadata);
  of_record.columns.assign(first, of_row.columns.end());
  of_row.columns.erase(first, of_row.columns.end());
  MILL_ASSIGN(auto facts, DebeziumMetadataColumns::Make(of_record));
  MILL_ASSIGN(auto rows, MakeJsonDecoder(of_row, JsonOptions(options)));
  return std::make_unique<DebeziumDecoder>(schema, std::move(rows), std::move(facts), has_schema,
                                           lenient);
}

Result<std::unique_ptr<Encoder>> MakeDebeziumEncoder(const Schema& schema, const Options& options) {
  MILL_ASSIGN(auto rows, MakeRows(schema, options));
  return std::make_unique<DebeziumEncoder>(std::move(rows));
}

Result<std::unique_ptr<RecordEncoder>> MakeDebeziumRecordEncoder(const Schema& schema,
                                                                 const Options& options) {
  MILL_ASSIGN(auto rows, MakeRows(schema, options));
  return std::make_unique<DebeziumRecordEncoder>(std::move(rows));
}

std::vector<std::string> DebeziumOptionNames() {
  return {"debezium-json.schema-include",
          "debezium-json.ignore-parse-errors",
          "debezium-json.timestamp-format.standard",
          "debezium-json.map-null-key.mode",
          "debezium-json.map-null-key.literal",
          "debezium-json.encode.decimal-as-plain-number",
          "debezium-json.encode.ignore-null-fields"};
}

}  // namespace millrace
