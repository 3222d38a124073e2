#include "connectors/files/byte_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "connectors/files/object_files.h"

namespace millrace {
namespace {

constexpr size_t kInputBytes = 256 << 10;  // compressed bytes read at once
constexpr std::chrono::milliseconds kRetry{50};

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() { close(number_); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

class PlainReader : public ByteReader {
 public:
  PlainReader(int descriptor, std::string path) : file_(descriptor), path_(std::move(path)) {
    struct stat info = {};
    regular_ = fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
  }

  // A pipe that nobody has opened for writing yet is not at its end.
  bool Ready(std::chrono::milliseconds wait) override {
    if (regular_) return true;
    pollfd polled = {file_.number(), POLLIN, 0};
    return poll(&polled, 1, static_cast<int>(wait.count())) > 0;
  }

  Result<size_t> Read(uint8_t* to, size_t room) override {
    while (true) {
      const ssize_t count = read(file_.number(), to, room);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno == EAGAIN) {
        Ready(kRetry);
      } else if (errno != EINTR) {
        return ExternalError("cannot read '{}': {}", path_, strerror(errno));
      }
    }
  }

  Status Skip(int64_t bytes) override {
    struct stat info = {};
    if (regular_ && fstat(file_.number(), &info) == 0 && info.st_size < bytes) {
      return ExternalError("cannot go on in '{}' at byte {}: it has only {}", path_, bytes,
                           info.st_size);
    }
    if (lseek(file_.number(), bytes, SEEK_SET) == bytes) return Status::OK();
    return ExternalError("cannot seek in '{}': {}", path_, strerror(errno));
  }

 private:
  FileDescriptor file_;
  std::string path_;
  bool regular_;
};

// What gzip and zstd share: compressed input, and skipping by reading.
class CompressedReader : public ByteReader {
 public:
  CompressedReader(std::unique_ptr<ByteReader> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)), input_(kInputBytes) {}

  bool Ready(std::chrono::milliseconds wait) override {
    return position_ < filled_ || file_->Ready(wait);
  }

  Status Skip(int64_t bytes) override {
    std::vector<uint8_t> waste(kInputBytes);
    while (bytes > 0) {
      const size_t room = std::min(waste.size(), static_cast<size_t>(bytes));
      MILL_ASSIGN(size_t count, Read(waste.data(), room));
      if (count == 0) return ExternalError("cannot go on in '{}': it is too short", path());
      bytes -= static_cast<int64_t>(count);
    }
    return Status::OK();
  }

 protected:
  // Fills the input if it is used up; false at the end of the file.
  Result<bool> Fill() {
    if (position_ < filled_) return true;
    position_ = 0;
    MILL_ASSIGN(filled_, file_->Read(input_.data(), input_.size()));
    return filled_ > 0;
  }
  const std::string& path() const { return path_; }
  Status Damaged(const char* reason) const {
    return ExternalError("cannot decompress '{}': {}", path(), reason);
  }

  std::unique_ptr<ByteReader> file_;
  std::string path_;
  std::vector<uint8_t> input_;
  size_t position_ = 0;
  size_t filled_ = 0;
};

class GzipReader : public CompressedReader {
 public:
  GzipReader(std::unique_ptr<ByteReader> file, std::string path)
      : CompressedReader(std::move(file), std::move(path)) {
    constexpr int kGzip = 16;
    MILL_CHECK(inflateInit2(&stream_, kGzip + MAX_WBITS) == Z_OK);
  }
  ~GzipReader() override { inflateEnd(&stream_); }

  Result<size_t> Read(uint8_t* to, size_t room) override {
    stream_.next_out = to;
    stream_.avail_out = static_cast<uInt>(room);
    while (stream_.avail_out == room) {
      // What the last call held back comes before new input.
      const bool pending = std::exchange(held_back_, false);
      MILL_ASSIGN(bool more, Fill());
      if (!more && !pending) {
        if (inside_) return Damaged("the file ends too early");
        return 0;
      }
      MILL_RETURN(Inflate());
    }
    return room - stream_.avail_out;
  }

 private:
  Status Inflate() {
    stream_.next_in = input_.data() + position_;
    stream_.avail_in = static_cast<uInt>(filled_ - position_);
    inside_ = true;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    position_ = filled_ - stream_.avail_in;
    if (code == Z_STREAM_END) {  // another member may follow
      inside_ = false;
      inflateReset(&stream_);
      return Status::OK();
    }
    held_back_ = stream_.avail_out == 0;
    if (code == Z_OK || code == Z_BUF_ERROR) return Status::OK();
    return Damaged(stream_.msg ? stream_.msg : "not gzip data");
  }

  z_stream stream_ = {};
  bool inside_ = false;  // of a member
  bool held_back_ = false;
};

class ZstdReader : public CompressedReader {
 public:
  ZstdReader(std::unique_ptr<ByteReader> file, std::string path)
      : CompressedReader(std::move(file), std::move(path)), stream_(ZSTD_createDStream()) {
    MILL_CHECK(stream_ != nullptr);
  }
  ~ZstdReader() override { ZSTD_freeDStream(stream_); }

  Result<size_t> Read(uint8_t* to, size_t room) override {
    ZSTD_outBuffer out{to, room, 0};
    while (out.pos == 0) {
      const bool pending = std::exchange(held_back_, false);
      MILL_ASSIGN(bool more, Fill());
      if (!more && !pending) {
        if (inside_) return Damaged("the file ends too early");
        return 0;
      }
      ZSTD_inBuffer in{input_.data(), filled_, position_};
      const size_t left = ZSTD_decompressStream(stream_, &out, &in);
      if (ZSTD_isError(left)) return Damaged(ZSTD_getErrorName(left));
      position_ = in.pos;
      inside_ = left != 0;
      held_back_ = inside_ && out.pos == out.size;
    }
    return out.pos;
  }

 private:
  ZSTD_DStream* stream_;
  bool inside_ = false;  // of a frame
  bool held_back_ = false;
};

Result<std::unique_ptr<ByteReader>> OpenLocal(const std::string& path) {
  // Opening a pipe must not wait for its writer.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return ExternalError("cannot open '{}': {}", path, strerror(errno));
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::make_unique<PlainReader>(descriptor, path);
}

}  // namespace

Result<std::unique_ptr<ByteReader>> OpenByteReader(const std::string& path,
                                                   const ObjectFiles* store) {
  MILL_ASSIGN(auto file, store ? store->OpenBytes(path) : OpenLocal(path));
  if (path.ends_with(".gz")) return std::make_unique<GzipReader>(std::move(file), path);
  if (path.ends_with(".zst")) return std::make_unique<ZstdReader>(std::move(file), path);
  return file;
}

}  // namespace millrace
