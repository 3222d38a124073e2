// Text is UTF-8; SQL counts its characters (code points), not its bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

inline bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }
bool IsAscii(std::string_view text);
// Number of code points.
size_t CountChars(std::string_view text);
// Byte offset of code point number `index`, text.size() if there are fewer.
size_t OffsetOfChar(std::string_view text, size_t index);
// Reads the code point at *at and moves behind it; stray bytes are read as U+FFFD.
char32_t ReadChar(std::string_view text, size_t* at);
void AppendChar(char32_t c, std::string* out);

}  // namespace millrace
