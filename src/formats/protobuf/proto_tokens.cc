#include "formats/protobuf/proto_tokens.h"

#include <algorithm>
#include <cctype>

namespace millrace {
namespace {

using Kind = ProtoToken::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  Result<std::vector<ProtoToken>> Run() {
    while (true) {
      MILL_RETURN(SkipBlank());
      const int line = line_;
      if (at_ == text_.size()) break;
      MILL_ASSIGN(ProtoToken token, Next());
      token.line = line;
      tokens_.push_back(std::move(token));
    }
    tokens_.push_back({Kind::kEnd, "the end", line_});
    return std::move(tokens_);
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  Status SkipBlank();
  Result<ProtoToken> Next();
  Result<ProtoToken> String();
  Status Escape(std::string* out);
  std::string TakeDigits(int base, size_t most);

  template <typename Fits>
  std::string TakeWhile(const Fits& fits) {
    const size_t begin = at_;
    while (at_ < text_.size() && fits(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<ProtoToken> tokens_;
};

Status Tokenizer::SkipBlank() {
  while (at_ < text_.size()) {
    const char c = Peek();
    if (c == '/' && Peek(1) == '/') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '/' && Peek(1) == '*') {
      const size_t end = text_.find("*/", at_ + 2);
      if (end == text_.npos) return UserError("line {}: a comment does not end", line_);
      for (; at_ < end + 2; ++at_) line_ += text_[at_] == '\n';
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      line_ += c == '\n';
      ++at_;
    } else {
      break;
    }
  }
  return Status::OK();
}

Result<ProtoToken> Tokenizer::Next() {
  const char c = Peek();
  if (IsNameStart(c) || (c == '.' && IsNameStart(Peek(1)))) {
    return ProtoToken{Kind::kName,
                      TakeWhile([](char each) { return IsNamePart(each) || each == '.'; })};
  }
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
    char before = '\0';  // an exponent may have a sign
    const bool hex = c == '0' && (Peek(1) == 'x' || Peek(1) == 'X');
    return ProtoToken{Kind::kNumber, TakeWhile([&](char each) {
      const bool sign = (each == '+' || each == '-') && !hex && (before == 'e' || before == 'E');
      before = each;
      return IsNamePart(each) || each == '.' || sign;
    })};
  }
  if (c == '"' || c == '\'') return String();
  ++at_;
  return ProtoToken{Kind::kSymbol, std::string(1, c)};
}

Result<ProtoToken> Tokenizer::String() {
  const char quote = text_[at_++];
  ProtoToken token{Kind::kString, ""};
  while (Peek() != quote) {
    if (at_ == text_.size() || Peek() == '\n') {
      return UserError("line {}: a string does not end", line_);
    }
    const char c = text_[at_++];
    if (c == '\\') {
      MILL_RETURN(Escape(&token.text));
    } else {
      token.text += c;
    }
  }
  ++at_;
  return token;
}

std::string Tokenizer::TakeDigits(int base, size_t most) {
  const size_t begin = at_;
  const auto fits = [base](char c) {
    return base == 16 ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c >= '0' && c <= '7';
  };
  while (at_ < text_.size() && at_ - begin < most && fits(text_[at_])) ++at_;
  return std::string(text_.substr(begin, at_ - begin));
}

// Behind a backslash, as in C.
Status Tokenizer::Escape(std::string* out) {
  constexpr std::string_view kLetters = "abfnrtv", kMeant = "\a\b\f\n\r\t\v";
  const char c = Peek();
  const size_t letter = kLetters.find(c);
  if (c == 'x' || c == 'X' || (c >= '0' && c <= '7')) {
    const int base = c == 'x' || c == 'X' ? 16 : 8;
    if (base == 16) ++at_;
    const std::string digits = TakeDigits(base, base == 16 ? 2 : 3);
    if (digits.empty()) return UserError("line {}: a wrong escape in a string", line_);
    *out += static_cast<char>(std::stoi(digits, nullptr, base));
    return Status::OK();
  }
  if (at_ == text_.size() || c == 'u' || c == 'U') {
    return UserError("line {}: this escape in a string is not supported", line_);
  }
  ++at_;
  *out += letter == kLetters.npos ? c : kMeant[letter];
  return Status::OK();
}

}  // namespace

Result<std::vector<ProtoToken>> ProtoTokens(std::string_view text) {
  return Tokenizer(text).Run();
}

}  // namespace millrace
