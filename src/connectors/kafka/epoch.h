// KafkaEpoch: the messages of one epoch as bytes, to be staged in a checkpoint and written to the
// topic later, maybe by another process.
//
//   "MKE1" | writer (u32 length, bytes) | epoch i64 | compressed (zstd) messages
//   message = topic, key, value (u32 length, bytes; 2^32-1: NULL) | timestamp i64 | partition i32 |
//             u32 headers, each name, value
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "connectors/kafka/encoder.h"

namespace millrace {

class KafkaEpoch {
 public:
  void Append(const OutMessage& message);
  bool empty() const { return messages_.empty(); }
  void Clear() { messages_.clear(); }

  // `writer` tells this run of the job from all others: epochs are counted anew by each.
  Result<std::string> Serialize(const std::string& writer, int64_t epoch) const;

  // What was serialized.
  struct Staged {
    std::string writer;
    int64_t epoch = 0;
    std::string messages;
  };
  static Result<Staged> Parse(std::string_view bytes);
  // Calls `visit` for each message of Staged::messages.
  static Status ForEach(std::string_view messages,
                        const std::function<Status(const OutMessage&)>& visit);

 private:
  std::string messages_;
};

}  // namespace millrace
