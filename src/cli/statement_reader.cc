#include "cli/statement_reader.h"

#include <cctype>
#include <string>
#include <vector>

namespace millrace {
namespace {

// The words and semicolons of `text`, words in capitals; what is quoted counts as the word "?".
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {
    while (at_ < text_.size()) Next();
  }
  const std::vector<std::string>& words() const { return words_; }
  bool open() const { return open_; }  // a quote or comment has no end

 private:
  bool Looks(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void SkipTo(std::string_view end, size_t from) {
    const size_t found = text_.find(end, from);
    open_ = found == std::string_view::npos;
    at_ = open_ ? text_.size() : found + end.size();
  }

  void Next() {
    const char c = text_[at_];
    if (Looks("--")) {
      const size_t end = text_.find('\n', at_);
      at_ = end == std::string_view::npos ? text_.size() : end;
    } else if (Looks("/*")) {
      SkipTo("*/", at_ + 2);
    } else if (c == '\'' || c == '`' || c == '"') {
      SkipTo(text_.substr(at_, 1), at_ + 1);  // a doubled quote is two quoted pieces
      words_.push_back("?");
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      Word();
    } else {
      if (std::isspace(static_cast<unsigned char>(c)) == 0) words_.emplace_back(1, c);
      ++at_;
    }
  }

  void Word() {
    std::string word;
    for (; at_ < text_.size(); ++at_) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (std::isalnum(c) == 0 && c != '_') break;
      word += static_cast<char>(std::toupper(c));
    }
    words_.push_back(std::move(word));
  }

  std::string_view text_;
  size_t at_ = 0;
  bool open_ = false;
  std::vector<std::string> words_;
};

// True if a statement set has begun, at the start of a statement or behind EXECUTE STATEMENT SET,
// and has no END yet.
bool InsideSet(const std::vector<std::string>& words) {
  bool inside = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool starts = i == 0 || words[i - 1] == ";" || words[i - 1] == "SET";
    if (words[i] == "BEGIN" && starts) inside = true;
    if (inside && words[i] == "END" && words[i - 1] == ";") inside = false;
  }
  return inside;
}

}  // namespace

bool IsComplete(std::string_view text) {
  const Words read(text);
  const auto& words = read.words();
  return !read.open() && !words.empty() && words.back() == ";" && !InsideSet(words);
}

}  // namespace millrace
