// Messages: records that come one by one, each with a key and facts about it, as from Kafka. A
// chunk of them holds the values in its bytes, each with a newline behind it, so that formats of
// lines can read many at once.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

struct Messages {
  enum class TimestampType : uint8_t { kNone, kCreateTime, kLogAppendTime };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  std::string topic;
  int32_t partition = 0;
  // One entry for each message. Views without data are NULL; values point into the chunk's bytes,
  // keys into `key_bytes`.
  std::vector<std::string_view> values;
  std::vector<std::string_view> keys;
  std::vector<int64_t> offsets;
  std::vector<int64_t> timestamps;  // ms since 1970
  std::vector<TimestampType> timestamp_types;
  std::vector<Headers> headers;  // empty if nobody asked for them
  std::shared_ptr<arrow::Buffer> key_bytes;
  int64_t null_values = 0;  // how many of `values` are NULL

  size_t size() const { return values.size(); }
};

}  // namespace millrace
