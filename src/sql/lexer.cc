#include "sql/lexer.h"

#include <array>
#include <utility>

namespace millrace {
namespace {

constexpr std::array<std::string_view, 7> kLongSymbols = {"<>", "!=", "<=", ">=", "||", "=>", "=="};
constexpr std::string_view kShortSymbols = "()[]{},.;=<>+-*/%?:";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Bytes above 127 are parts of UTF-8 letters.
bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c); }

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Lexer {
 public:
  explicit Lexer(std::string_view script) : script_(script) {}

  Result<std::vector<Token>> Run();

 private:
  char At(size_t ahead) const {
    return position_ + ahead < script_.size() ? script_[position_ + ahead] : '\0';
  }
  bool Done() const { return position_ >= script_.size(); }
  bool StartsWith(std::string_view prefix) const {
    return script_.substr(position_, prefix.size()) == prefix;
  }
  void Advance(size_t bytes);
  void AdvanceDigits();

  Status ErrorAt(const ast::Place& place, std::string_view message) const;
  Status SkipBlanks();
  Status SkipBlockComment();
  Status ReadToken();
  Result<std::string> ReadQuoted(char quote, std::string_view what);
  Status ReadString(TokenKind kind, size_t prefix);
  Status DecodeBinary(Token& token) const;
  void ReadWord();
  void ReadNumber();
  bool AtExponent() const;
  void ReadSymbol();

  Token Begin(TokenKind kind) const;
  void Finish(Token token);

  std::string_view script_;
  size_t position_ = 0;
  ast::Place place_;
  bool in_hint_ = false;
  ast::Place hint_place_;
  std::vector<Token> tokens_;
};

// Columns count characters, so the continuation bytes of UTF-8 do not move the column.
void Lexer::Advance(size_t bytes) {
  for (size_t i = 0; i < bytes && !Done(); ++i, ++position_) {
    const char c = script_[position_];
    if (c == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++place_.column;
    }
  }
}

Status Lexer::ErrorAt(const ast::Place& place, std::string_view message) const {
  return UserError("line {}, column {}: {}", place.line, place.column, message);
}

Token Lexer::Begin(TokenKind kind) const {
  Token token;
  token.kind = kind;
  token.place = place_;
  token.begin = position_;
  return token;
}

void Lexer::Finish(Token token) {
  token.end = position_;
  tokens_.push_back(std::move(token));
}

Status Lexer::SkipBlockComment() {
  const ast::Place start = place_;
  Advance(2);
  while (!Done() && !StartsWith("*/")) Advance(1);
  if (Done()) return ErrorAt(start, "the comment that starts here has no closing '*/'");
  Advance(2);
  return Status::OK();
}

Status Lexer::SkipBlanks() {
  while (!Done()) {
    if (IsSpace(At(0))) {
      Advance(1);
    } else if (StartsWith("--")) {
      while (!Done() && At(0) != '\n') Advance(1);
    } else if (StartsWith("/*") && At(2) != '+') {
      MILL_RETURN(SkipBlockComment());
    } else {
      break;
    }
  }
  return Status::OK();
}

// Reads from the opening quote to the closing one; a doubled quote stands for itself.
Result<std::string> Lexer::ReadQuoted(char quote, std::string_view what) {
  const ast::Place start = place_;
  Advance(1);
  std::string text;
  while (!Done()) {
    if (At(0) == quote && At(1) != quote) {
      Advance(1);
      return text;
    }
    if (At(0) == quote) Advance(1);
    text += At(0);
    Advance(1);
  }
  return ErrorAt(start, fmt::format("the {} that starts here has no closing {}", what, quote));
}

Status Lexer::DecodeBinary(Token& token) const {
  if (token.text.size() % 2 != 0) {
    return ErrorAt(token.place, "a binary string X'..' needs an even number of hex digits");
  }
  std::string bytes;
  for (size_t i = 0; i < token.text.size(); i += 2) {
    const int high = HexValue(token.text[i]);
    const int low = HexValue(token.text[i + 1]);
    if (high < 0 || low < 0) {
      return ErrorAt(token.place, "a binary string X'..' may hold only hex digits (0-9, A-F)");
    }
    bytes += static_cast<char>(high * 16 + low);
  }
  token.text = std::move(bytes);
  return Status::OK();
}

Status Lexer::ReadString(TokenKind kind, size_t prefix) {
  Token token = Begin(kind);
  Advance(prefix);
  MILL_ASSIGN(token.text, ReadQuoted('\'', "string"));
  if (kind == TokenKind::kBinary) MILL_RETURN(DecodeBinary(token));
  Finish(std::move(token));
  return Status::OK();
}

void Lexer::ReadWord() {
  Token token = Begin(TokenKind::kWord);
  while (!Done() && IsWordPart(At(0))) Advance(1);
  token.text = script_.substr(token.begin, position_ - token.begin);
  token.key = UpperCase(token.text);
  Finish(std::move(token));
}

void Lexer::AdvanceDigits() {
  while (IsDigit(At(0))) Advance(1);
}

bool Lexer::AtExponent() const {
  if (At(0) != 'e' && At(0) != 'E') return false;
  return IsDigit(At(1)) || ((At(1) == '+' || At(1) == '-') && IsDigit(At(2)));
}

void Lexer::ReadNumber() {
  Token token = Begin(TokenKind::kInteger);
  AdvanceDigits();
  if (At(0) == '.') {
    token.kind = TokenKind::kDecimal;
    Advance(1);
    AdvanceDigits();
  }
  if (AtExponent()) {
    token.kind = TokenKind::kApproximate;
    Advance(2);
    AdvanceDigits();
  }
  token.text = script_.substr(token.begin, position_ - token.begin);
  Finish(std::move(token));
}

void Lexer::ReadSymbol() {
  Token token = Begin(TokenKind::kSymbol);
  size_t length = 1;
  for (std::string_view symbol : kLongSymbols) {
    if (StartsWith(symbol)) length = 2;
  }
  if (length == 1 && kShortSymbols.find(At(0)) == std::string_view::npos) {
    token.kind = TokenKind::kUnknown;
  }
  if (StartsWith("/*+")) length = 3;
  if (in_hint_ && StartsWith("*/")) length = 2;
  token.text = script_.substr(position_, length);
  if (token.kind == TokenKind::kSymbol) token.key = token.text == "!=" ? "<>" : token.text;
  if (token.text == "/*+") hint_place_ = place_;
  if (length == 3) in_hint_ = true;
  if (token.text == "*/") in_hint_ = false;
  Advance(length);
  Finish(std::move(token));
}

Status Lexer::ReadToken() {
  const char c = At(0);
  const char next = At(1);
  if (c == '\'') return ReadString(TokenKind::kString, 0);
  if ((c == 'X' || c == 'x') && next == '\'') return ReadString(TokenKind::kBinary, 1);
  if ((c == 'U' || c == 'u') && next == '&' && At(2) == '\'') {
    return ReadString(TokenKind::kUnicodeString, 2);
  }
  if (c == '`') {
    Token token = Begin(TokenKind::kQuotedName);
    MILL_ASSIGN(token.text, ReadQuoted('`', "quoted name"));
    Finish(std::move(token));
  } else if (IsWordStart(c)) {
    ReadWord();
  } else if (IsDigit(c) || (c == '.' && IsDigit(next))) {
    ReadNumber();
  } else {
    ReadSymbol();
  }
  return Status::OK();
}

Result<std::vector<Token>> Lexer::Run() {
  if (StartsWith("\xEF\xBB\xBF")) position_ = 3;  // a byte order mark
  MILL_RETURN(SkipBlanks());
  while (!Done()) {
    MILL_RETURN(ReadToken());
    MILL_RETURN(SkipBlanks());
  }
  if (in_hint_) return ErrorAt(hint_place_, "the hint that starts here has no closing '*/'");
  Finish(Begin(TokenKind::kEnd));
  return std::move(tokens_);
}

}  // namespace

Result<std::vector<Token>> Tokenize(std::string_view script) { return Lexer(script).Run(); }

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

}  // namespace millrace
