#include "connectors/postgres/sink.h"

#include <random>

#include "connectors/staged_rows.h"

namespace millrace {
namespace {

// How long Publish tries by itself: who asked asks again, with longer pauses.
constexpr std::chrono::milliseconds kPublishPatience{3000};

std::string RandomName() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}", random(), random(), random());
}

}  // namespace

Result<std::unique_ptr<PostgresSink>> PostgresSink::Make(const TableInfo& table) {
  MILL_ASSIGN(PostgresOptions options, PostgresOptions::Read(table));
  for (const std::string& name : table.primary_key) {
    if (table.schema.Find(name) >= 0) continue;
    return UserError("table '{}' has no column '{}' for its key", table.name, name);
  }
  return std::unique_ptr<PostgresSink>(new PostgresSink(std::move(options), table));
}

PostgresSink::PostgresSink(PostgresOptions options, const TableInfo& table)
    : options_(options),
      takes_changelog_(!table.primary_key.empty()),
      columns_(table.schema.size()),
      writer_name_(RandomName()),
      writer_(std::move(options), table) {}

Status PostgresSink::Open() { return writer_.Open(); }

Status PostgresSink::Write(const Batch& batch) {
  if (batch.num_rows() == 0) return Status::OK();
  if (written_.empty()) first_written_ = Clock::now();
  written_.push_back(batch);
  written_rows_ += batch.num_rows();
  if (options_.guarantee == PostgresOptions::Guarantee::kExactlyOnce) return Status::OK();
  const bool full = options_.flush_rows > 0 && written_rows_ >= options_.flush_rows;
  const bool old = options_.flush_interval.count() > 0 &&
                   Clock::now() - first_written_ >= options_.flush_interval;
  return full || old ? Flush() : Status::OK();
}

Status PostgresSink::Flush() {
  if (written_.empty()) return Status::OK();
  MILL_ASSIGN(const auto rows, writer_.Compact(written_));
  written_.clear();
  written_rows_ = 0;
  return writer_.Write(rows, {writer_name_, -1}, options_.patience);
}

Result<Committable> PostgresSink::Stage(int64_t epoch) {
  if (options_.guarantee != PostgresOptions::Guarantee::kExactlyOnce) {
    MILL_RETURN(Flush());
    return Committable{epoch, ""};
  }
  MILL_ASSIGN(auto rows, writer_.Compact(written_));
  written_.clear();
  written_rows_ = 0;
  if (rows.empty()) return Committable{epoch, ""};
  MILL_ASSIGN(const std::string bytes, RowsToBytes(rows));
  staged_[epoch] = std::move(rows);
  return Committable{epoch, writer_name_ + "\n" + bytes};
}

Status PostgresSink::Publish(const Committable& committable) {
  return PublishWithin(committable, kPublishPatience);
}

Status PostgresSink::PublishWithin(const Committable& committable,
                                   std::chrono::milliseconds patience) {
  if (committable.payload.empty()) return Status::OK();
  const std::string_view payload = committable.payload;
  const size_t end = payload.find('\n');
  if (end == payload.npos) return Status::Invalid("not what a PostgreSQL sink has staged");
  const std::string writer(payload.substr(0, end));
  const auto staged = writer == writer_name_ ? staged_.find(committable.epoch) : staged_.end();
  const PostgresWriter::Epoch epoch{writer, committable.epoch};
  if (staged != staged_.end()) {
    MILL_RETURN(writer_.Write(staged->second, epoch, patience));
    staged_.erase(staged);
    return Status::OK();
  }
  MILL_ASSIGN(const auto rows, RowsFromBytes(payload.substr(end + 1), columns_));
  return writer_.Write(rows, epoch, patience);
}

Status PostgresSink::Recover(const std::vector<Committable>& pending) {
  for (const Committable& committable : pending) {
    MILL_RETURN(PublishWithin(committable, options_.patience));
  }
  return Status::OK();
}

Status PostgresSink::Abort() {
  written_.clear();
  staged_.clear();
  return Status::OK();
}

}  // namespace millrace
