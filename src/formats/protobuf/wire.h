// The wire format of Protocol Buffers: tags (field number * 8 + wire type) and values behind them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kEndGroup = 4,
                                kFixed32 = 5 };

// Reads; never beyond the end, never believing a length. Each function is false at broken bytes.
class WireInput {
 public:
  explicit WireInput(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool at_end() const { return at_ == end_; }
  bool ReadVarint(uint64_t* value) {
    if (at_ < end_ && *at_ < 0x80) [[likely]] {
      *value = *at_++;
      return true;
    }
    *value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < end_; shift += 7) {
      const uint64_t byte = *at_++;
      *value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  template <typename T>
  bool ReadFixed(T* value) {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) return false;
    std::memcpy(value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }
  bool ReadBytes(std::string_view* bytes) {
    uint64_t length = 0;
    if (!ReadVarint(&length) || length > static_cast<uint64_t>(end_ - at_)) return false;
    *bytes = {reinterpret_cast<const char*>(at_), static_cast<size_t>(length)};
    at_ += length;
    return true;
  }
  bool ReadTag(uint32_t* number, WireType* type) {
    uint64_t tag = 0;
    if (!ReadVarint(&tag) || tag > UINT32_MAX) return false;
    *number = static_cast<uint32_t>(tag >> 3);
    *type = static_cast<WireType>(tag & 7);
    return *number > 0 && (tag & 7) <= 5;
  }
  // Skips the value behind a tag.
  bool Skip(uint32_t number, WireType type, int depth = 0) {
    uint64_t varint = 0;
    uint32_t word = 0;
    std::string_view bytes;
    switch (type) {
      case WireType::kVarint: return ReadVarint(&varint);
      case WireType::kFixed64: return ReadFixed(&varint);
      case WireType::kFixed32: return ReadFixed(&word);
      case WireType::kBytes: return ReadBytes(&bytes);
      case WireType::kGroup: return SkipGroup(number, depth);
      default: return false;
    }
  }

 private:
  static constexpr int kMaxDepth = 100;

  bool SkipGroup(uint32_t group, int depth) {
    uint32_t number = 0;
    WireType type{};
    while (depth < kMaxDepth && ReadTag(&number, &type)) {
      if (type == WireType::kEndGroup) return number == group;
      if (!Skip(number, type, depth + 1)) return false;
    }
    return false;
  }

  const uint8_t* at_;
  const uint8_t* end_;
};

inline int64_t Unzigzag(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

inline void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

inline void AppendTag(std::string& out, uint32_t number, WireType type) {
  AppendVarint(out, uint64_t{number} << 3 | static_cast<uint64_t>(type));
}

}  // namespace millrace
