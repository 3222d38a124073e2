// A file's bytes front to back, decompressed by its ending (.gz, .zst). Owned by one thread; may
// block.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace millrace {

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Waits up to `wait` until Read would not block: pipes and terminals may have nothing to say.
  virtual bool Ready(std::chrono::milliseconds /*wait*/) { return true; }
  // Reads up to `room` bytes; 0 only at the end.
  virtual Result<size_t> Read(uint8_t* to, size_t room) = 0;
  // Goes `bytes` forward, before the first Read.
  virtual Status Skip(int64_t bytes) = 0;
};

class ObjectFiles;

// Opens a local file, or an object of `store`.
Result<std::unique_ptr<ByteReader>> OpenByteReader(const std::string& path,
                                                   const ObjectFiles* store = nullptr);

}  // namespace millrace
