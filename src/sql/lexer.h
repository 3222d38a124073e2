// Splits a script into tokens, dropping white space and comments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "sql/token.h"

namespace millrace {

// The tokens of `script`, the last one kEnd. Fails only on a string, quoted name, comment or hint
// without an end and on malformed binary strings; stray characters become kUnknown tokens.
Result<std::vector<Token>> Tokenize(std::string_view script);

// ASCII upper case, the form in which keywords and function names are compared.
std::string UpperCase(std::string_view text);

}  // namespace millrace
