// A token: the smallest piece of a script that the parser looks at.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sql/ast.h"

namespace millrace {

enum class TokenKind {
  kEnd,            // after the last token of the script
  kWord,           // a bare word: keyword or name
  kQuotedName,     // `name`
  kString,         // 'text'
  kUnicodeString,  // U&'text', escapes not yet decoded
  kBinary,         // X'AB', text holds the raw bytes
  kInteger,        // 12
  kDecimal,        // 1.5
  kApproximate,    // 1e3
  kSymbol,         // punctuation and operators
  kUnknown,        // a character that belongs to no token; an error unless in an unquoted SET value
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // the value: quotes removed and escapes decoded
  std::string key;   // what the grammar matches: the word in upper case, or the symbol; else ""
  ast::Place place;
  size_t begin = 0;  // the token's bytes in the script
  size_t end = 0;

  bool Is(std::string_view wanted) const { return !key.empty() && key == wanted; }
  bool IsName() const { return kind == TokenKind::kWord || kind == TokenKind::kQuotedName; }
};

}  // namespace millrace
