// Avro's binary encoding, read and written: zigzag varints, little-endian floats, lengths before
// bytes. Reading never goes beyond the end and never believes a length.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

class AvroInput {
 public:
  explicit AvroInput(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  std::string_view rest() const { return {reinterpret_cast<const char*>(at_), left()}; }

  // A zigzag varint of up to 64 bits; false if it is cut off or longer.
  bool ReadLong(int64_t* value) {
    if (at_ < end_ && *at_ < 0x80) [[likely]] {
      const uint64_t byte = *at_++;
      *value = Unzigzag(byte);
      return true;
    }
    return ReadLongSlowly(value);
  }
  // Little-endian, as all machines that this is built for.
  template <typename T>
  bool ReadFixed(T* value) {
    if (left() < sizeof(T)) return false;
    std::memcpy(value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }
  // `length` bytes, a view into the input.
  bool ReadBytes(int64_t length, std::string_view* bytes) {
    if (length < 0 || static_cast<uint64_t>(length) > left()) return false;
    *bytes = {reinterpret_cast<const char*>(at_), static_cast<size_t>(length)};
    at_ += length;
    return true;
  }
  // A length and as many bytes.
  bool ReadString(std::string_view* bytes) {
    int64_t length = 0;
    return ReadLong(&length) && ReadBytes(length, bytes);
  }
  // Begins the next block of an array or map: `*count` items follow, 0 at the end; `*bytes` is
  // their size, -1 if the block does not say.
  bool ReadBlock(int64_t* count, int64_t* bytes) {
    *bytes = -1;
    if (!ReadLong(count)) return false;
    if (*count >= 0) return true;
    if (*count == INT64_MIN) return false;
    *count = -*count;
    return ReadLong(bytes) && *bytes >= 0;
  }

 private:
  static int64_t Unzigzag(uint64_t value) {
    return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  bool ReadLongSlowly(int64_t* value) {
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 64 && at_ < end_; shift += 7) {
      const uint64_t byte = *at_++;
      if (shift == 63 && byte > 1) return false;
      bits |= (byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = Unzigzag(bits);
        return true;
      }
    }
    return false;
  }

  const uint8_t* at_;
  const uint8_t* end_;
};

inline void AppendAvroLong(std::string& out, int64_t value) {
  uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  char bytes[10];
  size_t length = 0;
  for (; bits >= 0x80; bits >>= 7) bytes[length++] = static_cast<char>(bits | 0x80);
  bytes[length++] = static_cast<char>(bits);
  out.append(bytes, length);
}

template <typename T>
void AppendAvroFixed(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

inline void AppendAvroString(std::string& out, std::string_view bytes) {
  AppendAvroLong(out, static_cast<int64_t>(bytes.size()));
  out += bytes;
}

}  // namespace millrace
