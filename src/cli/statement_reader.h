// Knows where a statement that is typed line by line ends.
#pragma once

#include <string_view>

namespace millrace {

// True if `text` ends with a semicolon outside quotes and comments that closes a statement: inside
// a statement set, the one behind its END.
bool IsComplete(std::string_view text);

}  // namespace millrace
