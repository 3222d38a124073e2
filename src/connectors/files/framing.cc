#include "connectors/files/framing.h"

#include <immintrin.h>

#include <cstring>

namespace millrace {

int64_t CountNewlines(std::string_view text) {
  const __m256i newline = _mm256_set1_epi8('\n');
  int64_t count = 0;
  size_t i = 0;
  for (; i + 32 <= text.size(); i += 32) {
    const auto* at = reinterpret_cast<const __m256i*>(text.data() + i);
    const __m256i equal = _mm256_cmpeq_epi8(_mm256_loadu_si256(at), newline);
    count += __builtin_popcount(static_cast<unsigned>(_mm256_movemask_epi8(equal)));
  }
  for (; i < text.size(); ++i) count += text[i] == '\n';
  return count;
}

void RecordCutter::Start() {
  seen_ = end_ = 0;
  quoted_ = escaped_ = false;
}

void RecordCutter::Feed(std::string_view text) {
  if (framing_.kind == Framing::kCsvRows) {
    if (framing_.escape != '\0') {
      FeedEscaped(text);
    } else {
      FeedQuoted(text);
    }
  } else {
    const size_t fresh = text.size() - seen_;
    const void* newline = memrchr(text.data() + seen_, '\n', fresh);
    if (newline) end_ = static_cast<size_t>(static_cast<const char*>(newline) - text.data()) + 1;
  }
  seen_ = text.size();
}

// Jumps from quote to quote; the last newline of each unquoted stretch counts.
void RecordCutter::FeedQuoted(std::string_view text) {
  size_t at = seen_;
  while (at < text.size()) {
    const void* found = std::memchr(text.data() + at, framing_.quote, text.size() - at);
    const size_t stop =
        found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : text.size();
    const void* newline = quoted_ ? nullptr : memrchr(text.data() + at, '\n', stop - at);
    if (newline) end_ = static_cast<size_t>(static_cast<const char*>(newline) - text.data()) + 1;
    if (found) quoted_ = !quoted_;
    at = stop + 1;
  }
}

void RecordCutter::FeedEscaped(std::string_view text) {
  for (size_t i = seen_; i < text.size(); ++i) {
    const char c = text[i];
    if (escaped_) {
      escaped_ = false;
    } else if (c == framing_.escape) {
      escaped_ = true;
    } else if (c == framing_.quote) {
      quoted_ = !quoted_;
    } else if (c == '\n' && !quoted_) {
      end_ = i + 1;
    }
  }
}

}  // namespace millrace
