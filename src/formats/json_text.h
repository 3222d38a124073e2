// The smallest pieces of JSON text: key prediction, string unescaping, number syntax. All of them
// may read up to 64 bytes beyond what they are given.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// Copies `length` bytes in steps of 32 (up to 31 too many are written) and returns whether a
// backslash is among them.
inline bool CopyFindBackslash(const char* from, size_t length, char* to) {
  const __m256i backslash = _mm256_set1_epi8('\\');
  for (size_t i = 0; i < length; i += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), bytes);
    const __m256i equal = _mm256_cmpeq_epi8(bytes, backslash);
    auto found = static_cast<uint32_t>(_mm256_movemask_epi8(equal));
    if (length - i < 32) found &= (1U << (length - i)) - 1;
    if (found != 0) return true;
  }
  return false;
}
// Reads 1 to 8 digits at `text` into `*value`, all at once (Lemire's way: add neighbours up by
// multiplications); false if one of the bytes is no digit.
inline bool ReadDigits8(const char* text, size_t length, uint64_t* value) {
  uint64_t bytes;
  std::memcpy(&bytes, text, sizeof bytes);
  bytes = (bytes ^ 0x3030303030303030ULL) << (64 - 8 * length);  // zeros in front
  const bool digits = (((bytes + 0x7676767676767676ULL) | bytes) & 0x8080808080808080ULL) == 0;
  constexpr uint64_t kPairs = 0x000000FF000000FFULL;
  bytes = bytes * 10 + (bytes >> 8);
  *value = ((bytes & kPairs) * 0x000F424000000064ULL +
            ((bytes >> 16) & kPairs) * 0x0000271000000001ULL) >> 32;
  return digits;
}

// Reads 1 to 16 digits.
inline bool ReadDigits16(const char* text, size_t length, uint64_t* value) {
  if (length <= 8) return ReadDigits8(text, length, value);
  uint64_t high = 0, low = 0;
  const bool digits = ReadDigits8(text, length - 8, &high);
  if (!digits || !ReadDigits8(text + length - 8, 8, &low)) return false;
  *value = high * 100000000 + low;
  return true;
}

// Resolves the escapes of a JSON string's inside into `to` (never longer than `text`). Returns the
// end of what was written, null if an escape is wrong.
char* UnescapeJson(std::string_view text, char* to);
// The length of the JSON number at the front of `text`, 0 if there is none.
size_t JsonNumberLength(const char* text);
// `text` without the white space outside its strings.
std::string CompactJson(std::string_view text);

// Finds a record's columns by key. Records mostly repeat the order of their keys, so each key
// remembers which one came next; a right guess costs one vector comparison.
class KeyFinder {
 public:
  static constexpr int kNotGuessed = -2;

  explicit KeyFinder(const std::vector<std::string>& columns);
  // Column of the key if `quote` starts with the guessed one, its quotes and colon included: -1 if
  // it is none, kNotGuessed if something else stands there. `*previous` is 0 at the start of a
  // record, and this class's from then on.
  int Guess(const char* quote, size_t* previous) const {
    const size_t next = keys_[*previous].next;
    const Key& guess = keys_[next];
    if (!guess.Matches(quote, guess.mask)) [[unlikely]]
      return kNotGuessed;
    *previous = next;
    return guess.column;
  }
  // Column of the key that starts with the quote at `quote` and ends before the colon at `limit`:
  // -1 if it is none.
  int Find(const char* quote, const char* limit, size_t* previous);

 private:
  static constexpr size_t kInline = 32;
  static constexpr size_t kMostKeys = 256;  // more are not remembered
  struct Key {
    alignas(32) char bytes[kInline] = {};  // the raw key in its quotes, and a colon
    uint32_t mask = 0;                     // the bytes that count
    uint32_t quoted = 0;                   // the same without the colon; 0: never matches
    int column = -1;
    uint32_t next = 0;
    bool Matches(const char* quote, uint32_t counting) const {
      const __m256i have = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(quote));
      const __m256i want = _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes));
      const auto same = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(have, want)));
      return quoted != 0 && (same & counting) == counting;
    }
  };
  int ColumnOf(std::string_view raw) const;

  std::vector<std::string> columns_;
  std::vector<Key> keys_;  // [0] stands for the start of the record
};

}  // namespace millrace
