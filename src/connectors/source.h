// Source: the outside world's rows. A source yields bytes, which a format turns into batches, or
// batches. One Source object is one split (lane): its row sequence is the unit of watermarks. It is
// owned by one thread and may block up to the deadline given.
#pragma once

#include <arrow/buffer.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/batch.h"

namespace millrace {

struct Messages;  // formats/messages.h

// A piece of a byte stream: whole records only (whole lines for line formats).
struct Chunk {
  std::shared_ptr<arrow::Buffer> bytes;
  std::string file;       // where it came from, for dead letters
  int64_t file_bytes = 0;    // its size
  int64_t file_modified = 0; // and when it was last changed, ms since 1970
  int64_t first_line = 0; // line number of its first line, from 1
  bool last_of_file = false;
  // Not a whole record but the beginning of one that is too big to be read: one bad row.
  bool oversize = false;
  // Of a source of messages (Kafka): `bytes` holds their values, one a line. Null for a byte stream.
  std::shared_ptr<const Messages> messages;
};

// What one Poll brought: bytes, or a batch, or nothing.
struct Polled {
  enum class State { kData, kNothing, kEnd };
  State state = State::kNothing;
  Chunk chunk;                               // of a byte source
  // Of a batch source. Rows with a NULL in a column that its schema marks as NOT NULL are bad ones.
  std::shared_ptr<arrow::RecordBatch> rows;
  RowKinds kinds;                            // of `rows`; null: all +I
  // The latest event time, in the unit of the table's column, among the rows before these that were
  // left out (TableInfo::conditions), if some were.
  std::optional<int64_t> skipped_time;
  std::string position;  // after this data; serialized, opaque: Seek() takes it
};

class Source {
 public:
  virtual ~Source() = default;
  // Opens what is to be read; called once, on the thread that polls.
  virtual Status Open() = 0;
  // Waits up to `wait` for data. Zero never waits.
  virtual Result<Polled> Poll(std::chrono::milliseconds wait) = 0;
  // Goes on after `position`, before the first Poll.
  virtual Status Seek(const std::string& position) = 0;
  // A bounded source ends by itself and is never idle.
  virtual bool bounded() const = 0;
  // Total bytes or rows to read, 0 if not known: for progress.
  virtual int64_t total_bytes() const { return 0; }
  // The split's name: "events.json", "lane 0".
  virtual std::string name() const = 0;
};

}  // namespace millrace
