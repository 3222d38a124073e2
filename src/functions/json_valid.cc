// One pass over the text without a copy or a tree: the JSON functions check each row's text before they
// look into it.
#include "functions/json_valid.h"

#include <immintrin.h>
#include <simdjson.h>

#include <bitset>
#include <cstddef>

namespace millrace {
namespace {

constexpr size_t kMostLevels = 1000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHexDigit(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return IsDigit(c) || (lower >= 'a' && lower <= 'f');
}

class Scan {
 public:
  explicit Scan(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool Document() {
    SkipBlank();
    for (;;) {
      if (!Value()) return false;
      // What ended last may end what it stands in.
      for (;;) {
        SkipBlank();
        if (levels_ == 0) return at_ == end_;
        if (Take(',')) break;
        if (!Take(objects_[levels_] ? '}' : ']')) return false;
        --levels_;
      }
      SkipBlank();
      if (objects_[levels_] && !Name()) return false;
    }
  }
  // Some byte is no ASCII.
  bool wide() const { return wide_; }

 private:
  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void SkipBlank() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  // A value; of an object or array that is not empty only what stands before its first value.
  bool Value() {
    for (;;) {
      if (at_ == end_) return false;
      const char c = *at_;
      if (c == '"') return String();
      if (c == 't') return Word("true");
      if (c == 'f') return Word("false");
      if (c == 'n') return Word("null");
      if (c != '{' && c != '[') return Number();
      ++at_;
      SkipBlank();
      if (Take(c == '{' ? '}' : ']')) return true;
      if (++levels_ > kMostLevels) return false;
      objects_[levels_] = c == '{';
      if (c == '{' && !Name()) return false;
    }
  }

  // "name" : and the blanks behind it.
  bool Name() {
    if (at_ == end_ || *at_ != '"' || !String()) return false;
    SkipBlank();
    if (!Take(':')) return false;
    SkipBlank();
    return true;
  }

  bool Word(std::string_view word) {
    const auto left = static_cast<size_t>(end_ - at_);
    if (left < word.size() || std::string_view(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool Digits() {
    const char* const begin = at_;
    while (at_ != end_ && IsDigit(*at_)) ++at_;
    return at_ != begin;
  }

  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (!Take('e') && !Take('E')) return true;
    if (!Take('+')) Take('-');
    return Digits();
  }

  // Moves to the next quote, backslash or control character.
  void SkipPlain() {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                  last_control = _mm_set1_epi8(0x1F);
    while (end_ - at_ >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at_));
      const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
      const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
      const int found = _mm_movemask_epi8(_mm_or_si128(marks, controls));
      wide_ = wide_ || _mm_movemask_epi8(bytes) != 0;
      if (found != 0) {
        at_ += __builtin_ctz(static_cast<unsigned>(found));
        return;
      }
      at_ += 16;
    }
    for (; at_ != end_ && *at_ != '"' && *at_ != '\\'; ++at_) {
      const auto byte = static_cast<unsigned char>(*at_);
      if (byte < 0x20) return;
      wide_ = wide_ || byte >= 0x80;
    }
  }

  bool String() {
    for (++at_;;) {
      SkipPlain();
      if (at_ == end_) return false;
      if (*at_ == '"') {
        ++at_;
        return true;
      }
      if (*at_ != '\\' || !Escape()) return false;
    }
  }

  bool Escape() {
    ++at_;
    if (at_ == end_) return false;
    const char letter = *at_++;
    if (letter != 'u') return std::string_view("\"\\/bfnrt").find(letter) != std::string_view::npos;
    if (end_ - at_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      if (!IsHexDigit(*at_++)) return false;
    }
    return true;
  }

  const char* at_;
  const char* const end_;
  size_t levels_ = 0;                      // objects and arrays that are open
  std::bitset<kMostLevels + 1> objects_;   // by level: it is an object
  bool wide_ = false;
};

}  // namespace

bool IsValidJson(std::string_view text) {
  Scan scan(text);
  return scan.Document() && (!scan.wide() || simdjson::validate_utf8(text));
}

}  // namespace millrace
