// One pass over the text without a copy or a tree: the JSON functions check each row's text before they
// look into it.
#include "functions/json_valid.h"

#include <immintrin.h>
#include <simdjson.h>

#include <bitset>
#include <cstddef>

#include "functions/json_text.h"

namespace millrace {
namespace {

constexpr size_t kMostLevels = 1000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHexDigit(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return IsDigit(c) || (lower >= 'a' && lower <= 'f');
}

// Follows a path while a text is scanned. A container of level n (the document is one of level 1) lies on
// the path if the path's first n - 1 steps led to it.
class Follower {
 public:
  explicit Follower(std::span<const JsonStep> steps) : steps_(steps) {}

  // A value begins at `at` in a container of the level; 0: the document does. `name`: of a member.
  void Begin(size_t level, const char* at, bool is_member, std::string_view name) {
    if (level > 0 && (level != matched_ + 1 || level > steps_.size())) return;
    if (level > 0 && !Fits(steps_[level - 1], is_member, name)) return;
    found_.reset();  // of equal names the last counts
    if (level == steps_.size()) {
      begin_ = at;
    } else {
      matched_ = level;
      next_ = 0;
    }
  }
  // The value ends that began in the container of the level.
  void End(size_t level, const char* at) {
    if (begin_ != nullptr && level == steps_.size()) {
      found_ = std::string_view(begin_, static_cast<size_t>(at - begin_));
      begin_ = nullptr;
    } else if (level > 0 && level == matched_) {
      matched_ = level - 1;
      next_ = steps_[level - 1].index + 1;
    }
  }
  std::optional<std::string_view> found() const { return found_; }

 private:
  bool Fits(const JsonStep& step, bool is_member, std::string_view name) {
    if (is_member) return step.index < 0 && IsJsonName(name, step.name);
    return next_++ == step.index;
  }

  std::span<const JsonStep> steps_;
  size_t matched_ = 0;           // steps that lead to the container that is open
  int64_t next_ = 0;             // number of its next element
  const char* begin_ = nullptr;  // of the value that is looked for, while it is scanned
  std::optional<std::string_view> found_;
};

class Scan {
 public:
  explicit Scan(std::string_view text, Follower* follower = nullptr)
      : begin_(text.data()), at_(begin_), end_(at_ + text.size()), follower_(follower) {}

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
        End();
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
    if (at_ == end_ || static_cast<unsigned char>(*at_) > ' ') return;  // most have none
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  // A value; of an object or array that is not empty only what stands before its first value.
  bool Value() {
    for (;;) {
      if (at_ == end_) return false;
      if (follower_) follower_->Begin(levels_, at_, objects_[levels_], name_);
      const char c = *at_;
      if (c != '{' && c != '[') return Scalar(c) && End();
      ++at_;
      SkipBlank();
      if (Take(c == '{' ? '}' : ']')) return End();
      if (++levels_ > kMostLevels) return false;
      objects_[levels_] = c == '{';
      if (c == '{' && !Name()) return false;
    }
  }

  bool Scalar(char first) {
    switch (first) {
      case '"': return String();
      case 't': return Word("true");
      case 'f': return Word("false");
      case 'n': return Word("null");
      default: return Number();
    }
  }

  // A value has ended; levels_ is that of what it stands in.
  bool End() {
    if (follower_) follower_->End(levels_, at_);
    return true;
  }

  // "name" : and the blanks behind it.
  bool Name() {
    const char* const begin = at_;
    if (at_ == end_ || *at_ != '"' || !String()) return false;
    name_ = std::string_view(begin + 1, static_cast<size_t>(at_ - begin) - 2);
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
    while (end_ - at_ >= kBlock) {
      const Marks marks = MarksOf(at_);
      wide_ |= marks.wide != 0;
      if (marks.ends != 0) {
        at_ += __builtin_ctz(marks.ends);
        return;
      }
      at_ += kBlock;
    }
    if (end_ - begin_ >= kBlock) return SkipLastPlain();
    for (; at_ != end_ && *at_ != '"' && *at_ != '\\'; ++at_) {
      const auto byte = static_cast<unsigned char>(*at_);
      if (byte < 0x20) return;
      wide_ |= byte >= 0x80;
    }
  }

  // The same in less than a block: the text's last one reaches back before it.
  void SkipLastPlain() {
    const auto before = static_cast<unsigned>(kBlock - (end_ - at_));
    const Marks marks = MarksOf(end_ - kBlock);
    wide_ |= marks.wide >> before != 0;
    const unsigned ends = marks.ends >> before;
    at_ = ends != 0 ? at_ + __builtin_ctz(ends) : end_;
  }

  static constexpr std::ptrdiff_t kBlock = 16;
  struct Marks {
    unsigned ends = 0;  // bits of quotes, backslashes and control characters
    unsigned wide = 0;  // of bytes that are no ASCII
  };
  static Marks MarksOf(const char* block) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                  last_control = _mm_set1_epi8(0x1F);
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block));
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    return {static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(marks, controls))),
            static_cast<unsigned>(_mm_movemask_epi8(bytes))};
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

  const char* const begin_;
  const char* at_;
  const char* const end_;
  Follower* const follower_;  // may be null
  std::string_view name_;     // of the member at hand
  size_t levels_ = 0;                      // objects and arrays that are open
  std::bitset<kMostLevels + 1> objects_;   // by level: it is an object
  bool wide_ = false;
};

}  // namespace

bool IsValidJson(std::string_view text) {
  Scan scan(text);
  return scan.Document() && (!scan.wide() || simdjson::validate_utf8(text));
}

bool FindInJson(std::string_view text, std::span<const JsonStep> steps,
                std::optional<std::string_view>* found) {
  Follower follower(steps);
  Scan scan(text, &follower);
  if (!scan.Document() || (scan.wide() && !simdjson::validate_utf8(text))) return false;
  *found = follower.found();
  return true;
}

bool IsJsonName(std::string_view escaped, const std::string& plain) {
  if (escaped.size() <= plain.size()) return escaped == plain;  // escapes make it longer
  if (escaped.find('\\') == escaped.npos) return false;
  std::string text;
  return AppendUnescaped(escaped, &text) && text == plain;
}

}  // namespace millrace
