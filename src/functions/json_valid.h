// Whether a text is JSON, as RFC 8259 has it.
#pragma once

#include <string_view>

namespace millrace {

// True if the text is one JSON value, of at most 1,000 levels, with nothing but blanks around it.
bool IsValidJson(std::string_view text);

}  // namespace millrace
