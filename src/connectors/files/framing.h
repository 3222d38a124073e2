// Where a byte stream may be cut into chunks: behind a whole record. Lines end at a newline; CSV
// rows at a newline outside quotes.
#pragma once

#include <cstdint>
#include <string_view>

#include "formats/format.h"

namespace millrace {

struct RecordFraming {
  Framing kind = Framing::kLines;
  char quote = '"';
  char escape = '\0';  // '\0': none
};

int64_t CountNewlines(std::string_view text);

// Finds the end of the whole records in a growing text; each byte is looked at once.
class RecordCutter {
 public:
  explicit RecordCutter(RecordFraming framing) : framing_(framing) {}
  // A new text starts, at the start of a record.
  void Start();
  // Looks at the bytes of `text` that were not there in the last call.
  void Feed(std::string_view text);
  // The length of the whole records at the front of the text, their newlines included.
  size_t end() const { return end_; }

 private:
  void FeedQuoted(std::string_view text);
  void FeedEscaped(std::string_view text);

  RecordFraming framing_;
  size_t seen_ = 0;
  size_t end_ = 0;
  bool quoted_ = false;
  bool escaped_ = false;
};

// The rows of a CSV text: calls visit(row) without line ends, newlines inside quotes kept.
template <typename Visit>
void SplitRows(std::string_view text, RecordFraming framing, Visit visit) {
  bool quoted = false;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const bool last = i == text.size();
    if (!last && framing.escape != '\0' && text[i] == framing.escape) {
      ++i;
      continue;
    }
    if (!last && framing.kind == Framing::kCsvRows && text[i] == framing.quote) quoted = !quoted;
    if (!last && (quoted || text[i] != '\n')) continue;
    if (last && start >= text.size()) break;
    std::string_view row = text.substr(start, i - start);
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    visit(row);
    start = i + 1;
  }
}

}  // namespace millrace
