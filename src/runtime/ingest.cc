#include "runtime/ingest.h"

#include <arrow/array/util.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <utility>

#include "formats/row_json.h"

namespace millrace {

namespace {

int64_t FloorDivide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

std::shared_ptr<arrow::Int64Array> AsInt64(const arrow::ArrayData& data,
                                           std::shared_ptr<arrow::Buffer> values, int64_t offset) {
  return std::make_shared<arrow::Int64Array>(arrow::ArrayData::Make(
      arrow::int64(), data.length, {data.buffers[0], std::move(values)}, data.GetNullCount(),
      offset));
}

// A timestamp array as milliseconds: the same buffer where it has them already.
Result<std::shared_ptr<arrow::Int64Array>> ToMilliseconds(const arrow::Array& array) {
  const arrow::ArrayData& data = *array.data();
  if (array.type_id() != arrow::Type::TIMESTAMP) {
    return Status::TypeError("event time is no timestamp: ", array.type()->ToString());
  }
  if (data.length == 0) {
    return std::make_shared<arrow::Int64Array>(0, std::make_shared<arrow::Buffer>(nullptr, 0));
  }
  const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
  if (unit == arrow::TimeUnit::MILLI) return AsInt64(data, data.buffers[1], data.offset);
  const auto* from = reinterpret_cast<const int64_t*>(data.buffers[1]->data());
  const int64_t entries = data.offset + data.length;
  MILL_ASSIGN(std::shared_ptr<arrow::Buffer> converted,
              arrow::AllocateBuffer(entries * static_cast<int64_t>(sizeof(int64_t))));
  auto* to = reinterpret_cast<int64_t*>(converted->mutable_data());
  const int64_t divisor = unit == arrow::TimeUnit::MICRO ? 1000 : 1000000;
  const bool seconds = unit == arrow::TimeUnit::SECOND;
  for (int64_t i = data.offset; i < entries; ++i) {
    to[i] = seconds ? from[i] * 1000 : FloorDivide(from[i], divisor);
  }
  return AsInt64(data, std::move(converted), data.offset);
}

}  // namespace

Result<std::unique_ptr<Ingestor>> Ingestor::Make(const Lane& lane, const Ingestion& ingestion,
                                                 IngestOptions options) {
  std::unique_ptr<Ingestor> ingestor(new Ingestor(ingestion, std::move(options)));
  if (lane.make_decoder) {
    MILL_ASSIGN(ingestor->decoder_, lane.make_decoder());
  }
  return ingestor;
}

Result<Ingested> Ingestor::Ingest(const Polled& polled, Timestamp arrival) {
  Ingested piece;
  piece.arrival = arrival;
  piece.watermark_of_each = ingestion_.watermark_of_each;
  piece.bad.SetTable(ingestion_.table);
  EvalContext context;
  context.processing_time = arrival;
  context.time_zone = options_.time_zone;
  if (polled.skipped_time && ingestion_.watermark) {
    MILL_ASSIGN(piece.skipped_watermark, WatermarkAt(*polled.skipped_time, context));
  }
  MILL_RETURN(Decode(polled, piece));
  if (!piece.rows || piece.rows->num_rows() == 0) return piece;
  MILL_RETURN(ComputeColumns(context, piece));
  if (ingestion_.rowtime >= 0) MILL_RETURN(DropUntimed(polled.chunk.file, piece));
  if (ingestion_.watermark && piece.rows->num_rows() > 0) {
    MILL_ASSIGN(auto watermarks, EvaluateArray(*ingestion_.watermark, *piece.rows, context));
    MILL_ASSIGN(piece.watermarks, ToMilliseconds(*watermarks));
  }
  return piece;
}

Status Ingestor::Decode(const Polled& polled, Ingested& piece) {
  if (!decoder_ || !polled.chunk.bytes) {
    piece.rows = polled.rows;
    piece.kinds = polled.kinds;
    piece.records = piece.bytes = piece.rows ? piece.rows->num_rows() : 0;
    return piece.rows ? DropNulls(polled.chunk.file, piece) : Status::OK();
  }
  MILL_ASSIGN(piece.rows, decoder_->Decode(polled.chunk, piece.bad));
  piece.kinds = decoder_->kinds();
  piece.bytes = polled.chunk.bytes->size();
  piece.records = piece.bad.count() + (piece.rows ? piece.rows->num_rows() : 0);
  return Status::OK();
}

// Sources of batches do not look for NULLs in NOT NULL columns, they only say which these are; decoders
// do. Rows leave without the marks: what is put together later must have one schema.
Status Ingestor::DropNulls(const std::string& file, Ingested& piece) {
  const std::shared_ptr<arrow::RecordBatch> given = piece.rows;
  const arrow::RecordBatch& rows = *given;
  std::vector<int> broken;  // columns
  for (int c = 0; c < rows.num_columns(); ++c) {
    if (!rows.schema()->field(c)->nullable() && rows.column(c)->null_count() > 0) broken.push_back(c);
  }
  if (ingestion_.columns.empty()) {
    piece.rows = arrow::RecordBatch::Make(ingestion_.schema, rows.num_rows(), rows.columns());
  }
  if (broken.empty()) return Status::OK();
  std::vector<int32_t> kept;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    const auto null = std::find_if(broken.begin(), broken.end(),
                                   [&](int c) { return rows.column(c)->IsNull(row); });
    if (null == broken.end()) {
      kept.push_back(static_cast<int32_t>(row));
      continue;
    }
    Reject(file, row, kMinTimestamp,
           fmt::format("field `{}`: NULL, but the column is NOT NULL",
                       rows.schema()->field(*null)->name()),
           piece);
  }
  return KeepRows(kept, piece);
}

Status Ingestor::KeepRows(const std::vector<int32_t>& kept, Ingested& piece) {
  MILL_ASSIGN(Batch taken, (Batch{piece.rows, piece.kinds, nullptr, 0}.Take(kept)));
  piece.rows = std::move(taken.rows);
  piece.kinds = std::move(taken.kinds);
  return Status::OK();
}

// The watermark of a row whose event time is `time`, all else being NULL.
Result<Timestamp> Ingestor::WatermarkAt(int64_t time, const EvalContext& context) const {
  arrow::ArrayVector columns;
  for (int c = 0; c < ingestion_.schema->num_fields(); ++c) {
    const auto& type = ingestion_.schema->field(c)->type();
    std::shared_ptr<arrow::Scalar> value = arrow::MakeNullScalar(type);
    if (c == ingestion_.rowtime) value = std::make_shared<arrow::TimestampScalar>(time, type);
    MILL_ASSIGN(auto column, arrow::MakeArrayFromScalar(*value, 1));
    columns.push_back(std::move(column));
  }
  const auto row = arrow::RecordBatch::Make(ingestion_.schema, 1, std::move(columns));
  MILL_ASSIGN(auto marks, EvaluateArray(*ingestion_.watermark, *row, context));
  MILL_ASSIGN(auto watermarks, ToMilliseconds(*marks));
  return watermarks->IsNull(0) ? kMinTimestamp : watermarks->Value(0);
}

Status Ingestor::ComputeColumns(const EvalContext& context, Ingested& piece) {
  if (ingestion_.columns.empty()) return Status::OK();
  std::vector<std::shared_ptr<arrow::Array>> columns;
  columns.reserve(ingestion_.columns.size());
  for (const ExpressionPtr& expression : ingestion_.columns) {
    MILL_ASSIGN(auto column, EvaluateArray(*expression, *piece.rows, context));
    columns.push_back(std::move(column));
  }
  piece.rows =
      arrow::RecordBatch::Make(ingestion_.schema, piece.rows->num_rows(), std::move(columns));
  return Status::OK();
}

// Sets `times`, and takes out the rows whose event time is missing or absurdly far ahead.
Status Ingestor::DropUntimed(const std::string& file, Ingested& piece) {
  MILL_ASSIGN(piece.times, ToMilliseconds(*piece.rows->column(ingestion_.rowtime)));
  const int64_t cap = ingestion_.future_cap.count();
  const bool capped = !options_.bounded && cap > 0;
  const arrow::Int64Array& times = *piece.times;
  if (times.null_count() == 0 && !capped) return Status::OK();
  const Timestamp latest = capped ? piece.arrival + cap : kMaxTimestamp;
  std::vector<int32_t> kept;
  kept.reserve(static_cast<size_t>(times.length()));
  for (int64_t i = 0; i < times.length(); ++i) {
    if (times.IsNull(i)) {
      Reject(file, i, kMinTimestamp, "event time is NULL", piece);
    } else if (times.Value(i) > latest) {
      Reject(file, i, times.Value(i),
             fmt::format("event time is more than {} ms ahead of arrival", cap), piece);
    } else {
      kept.push_back(static_cast<int32_t>(i));
    }
  }
  if (std::ssize(kept) == times.length()) return Status::OK();
  MILL_RETURN(KeepRows(kept, piece));
  MILL_ASSIGN(piece.times, ToMilliseconds(*piece.rows->column(ingestion_.rowtime)));
  return Status::OK();
}

void Ingestor::Reject(const std::string& file, int64_t row, Timestamp time, std::string reason,
                      Ingested& piece) {
  const std::string text = RowAsJson(*piece.rows, row);
  piece.bad.Add({file, 0, text, std::move(reason), "", time});
}

void KeptBadRows::Add(const BadRow& row) {
  if (rows_.empty()) file_ = row.file;
  text_ += row.bytes;
  const size_t bytes = text_.size();
  text_ += row.reason;
  rows_.push_back({row.line, row.time, bytes, text_.size()});
}

void KeptBadRows::TellTo(DeadLetters& receiver) const {
  const std::string_view text = text_;
  size_t begin = 0;
  for (const Row& row : rows_) {
    receiver.Add({file_, row.line, text.substr(begin, row.bytes - begin),
                  std::string(text.substr(row.bytes, row.reason - row.bytes)), table_, row.time});
    begin = row.reason;
  }
}

Batch LaneClock::Advance(const Ingested& piece, int64_t offset, int64_t length) {
  const bool whole = offset == 0 && length == piece.rows->num_rows();
  Batch batch{piece.rows, piece.kinds, nullptr, piece.arrival};
  if (!whole) batch = batch.Slice(offset, length);
  if (!piece.watermarks) return batch;
  const arrow::Int64Array& marks = *piece.watermarks;
  const int64_t* marked = marks.raw_values() + offset;
  const int64_t* times = piece.times ? piece.times->raw_values() + offset : nullptr;
  const bool nulls = marks.null_count() > 0;
  const auto mark = [&](int64_t i) {
    return nulls && marks.IsNull(offset + i) ? kMinTimestamp : marked[i];
  };
  Timestamp running = watermark_;
  bool behind = piece.watermark_of_each;
  for (int64_t i = 0; i < length; ++i) {
    behind |= times && (running == kMaxTimestamp || times[i] <= running + 1);
    running = std::max(running, mark(i));
  }
  if (behind) {
    auto arrivals = std::make_shared<std::vector<Timestamp>>(static_cast<size_t>(length));
    Timestamp before = watermark_;
    for (int64_t i = 0; i < length; ++i) {
      (*arrivals)[static_cast<size_t>(i)] = before;
      before = std::max(before, mark(i));
    }
    batch.arrival_watermarks = std::move(arrivals);
  }
  watermark_ = running;
  return batch;
}

void TableClock::Set(size_t lane, Timestamp watermark, bool idle, bool ended) {
  lanes_[lane].watermark.store(watermark, kRelaxed);
  lanes_[lane].idle.store(idle, kRelaxed);
  lanes_[lane].ended.store(ended, kRelaxed);
}

Timestamp TableClock::OfOthers(size_t lane) const {
  Timestamp least = kMaxTimestamp;
  Timestamp furthest = kMinTimestamp;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (i == lane || ended(i)) continue;
    furthest = std::max(furthest, watermark(i));
    if (!idle(i)) least = std::min(least, watermark(i));
  }
  return least == kMaxTimestamp ? furthest : least;
}

}  // namespace millrace
