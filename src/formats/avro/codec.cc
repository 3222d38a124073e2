#include "formats/avro/codec.h"

#include <arrow/util/compression.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace millrace {
namespace {

constexpr size_t kChecksumBytes = 4;  // behind a snappy block: CRC-32 of what is compressed

struct Deflater {
  ~Deflater() { deflateEnd(&stream); }
  z_stream stream = {};
};
struct Inflater {
  ~Inflater() { inflateEnd(&stream); }
  z_stream stream = {};
};

uint8_t* Bytes(std::string_view text) {  // zlib's input is not const
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

// Without zlib's header: RFC 1951.
Result<std::string> Deflate(std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<uInt>::max()) {
    return UserError("a block of {} bytes is too big", bytes.size());
  }
  Deflater deflater;
  z_stream& stream = deflater.stream;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return Status::OutOfMemory("no memory to compress");
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = Bytes(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = Bytes(out);
  stream.avail_out = static_cast<uInt>(out.size());
  MILL_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  return out;
}

Result<std::string> Inflate(std::string_view bytes, int64_t limit) {
  constexpr size_t kFirst = 64 << 10;
  Inflater inflater;
  z_stream& stream = inflater.stream;
  if (bytes.size() > std::numeric_limits<uInt>::max() ||
      inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    return Status::OutOfMemory("no memory to decompress");
  }
  stream.next_in = Bytes(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int code = Z_OK;
  while (code == Z_OK) {
    const size_t have = out.size();
    if (static_cast<int64_t>(have) > limit) return UserError("over {} bytes in a block", limit);
    out.resize(std::max(kFirst, have * 2));
    stream.next_out = Bytes(out) + have;
    stream.avail_out = static_cast<uInt>(out.size() - have);
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (code == Z_BUF_ERROR || (code == Z_OK && out.size() == have)) break;
  }
  if (code != Z_STREAM_END) return UserError("no deflated bytes");
  if (static_cast<int64_t>(out.size()) > limit) return UserError("over {} bytes in a block", limit);
  return out;
}

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), Bytes(bytes), bytes.size()));
}

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// The size stands in front, as a varint.
bool SnappySize(std::string_view bytes, int64_t* size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 5 && i < bytes.size(); ++i) {
    value |= static_cast<uint64_t>(bytes[i] & 0x7F) << (7 * i);
    if (bytes[i] >= 0) {
      *size = static_cast<int64_t>(value);
      return true;
    }
  }
  return false;
}

Result<std::string> Snap(std::string_view bytes) {
  MILL_ASSIGN(const auto codec, arrow::util::Codec::Create(arrow::Compression::SNAPPY));
  const auto size = static_cast<int64_t>(bytes.size());
  std::string out(static_cast<size_t>(codec->MaxCompressedLen(size, Bytes(bytes))), '\0');
  MILL_ASSIGN(const int64_t length,
              codec->Compress(size, Bytes(bytes), std::ssize(out), Bytes(out)));
  out.resize(static_cast<size_t>(length));
  return out + BigEndian(Checksum(bytes));
}

Result<std::string> Unsnap(std::string_view bytes, int64_t limit) {
  if (bytes.size() < kChecksumBytes) return UserError("no checksum behind a snappy block");
  const std::string_view packed = bytes.substr(0, bytes.size() - kChecksumBytes);
  int64_t size = 0;
  if (!SnappySize(packed, &size)) return UserError("no snappy bytes");
  // A byte makes at most 64/3: the size is not believed beyond that.
  if (size > limit || size > std::ssize(packed) * 64) {
    return UserError("{} bytes in a block of {}", size, packed.size());
  }
  MILL_ASSIGN(const auto codec, arrow::util::Codec::Create(arrow::Compression::SNAPPY));
  std::string out(static_cast<size_t>(size), '\0');
  MILL_RETURN(codec->Decompress(std::ssize(packed), Bytes(packed), size, Bytes(out)).status());
  if (BigEndian(Checksum(out)) != bytes.substr(packed.size())) {
    return UserError("the checksum of a block does not fit");
  }
  return out;
}

Result<std::string> Zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3);
  if (ZSTD_isError(size)) return Status::OutOfMemory("zstd: ", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

// In pieces: the frame need not say its size, and what it says need not be true.
Result<std::string> Unzstd(std::string_view bytes, int64_t limit) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  ZSTD_inBuffer input = {bytes.data(), bytes.size(), 0};
  std::string out, piece(ZSTD_DStreamOutSize(), '\0');
  while (true) {
    ZSTD_outBuffer output = {piece.data(), piece.size(), 0};
    const size_t left = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(left)) return UserError("no zstd bytes: {}", ZSTD_getErrorName(left));
    out.append(piece, 0, output.pos);
    if (std::ssize(out) > limit) return UserError("over {} bytes in a block", limit);
    if (left == 0 && input.pos == input.size) return out;
    if (output.pos == 0 && input.pos == input.size) return UserError("zstd bytes are cut off");
  }
}

}  // namespace

Status CheckAvroCodec(std::string_view codec) {
  for (const std::string_view known : {"null", "deflate", "snappy", "zstandard"}) {
    if (codec == known) return Status::OK();
  }
  return UserError("unknown Avro codec '{}'. codecs: null, deflate, snappy, zstandard", codec);
}

Result<std::string> CompressAvroBlock(std::string_view codec, std::string_view bytes) {
  if (codec == "deflate") return Deflate(bytes);
  if (codec == "snappy") return Snap(bytes);
  if (codec == "zstandard") return Zstd(bytes);
  return std::string(bytes);
}

Result<std::string> DecompressAvroBlock(std::string_view codec, std::string_view bytes,
                                        int64_t limit) {
  if (codec == "deflate") return Inflate(bytes, limit);
  if (codec == "snappy") return Unsnap(bytes, limit);
  if (codec == "zstandard") return Unzstd(bytes, limit);
  if (std::ssize(bytes) > limit) return UserError("over {} bytes in a block", limit);
  return std::string(bytes);
}

}  // namespace millrace
