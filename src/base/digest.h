// Message digests, small and plain: MD5 (RFC 1321), SHA-1 (RFC 3174), SHA-224 to SHA-512 (RFC 6234).
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// Each appends the digest in small hexadecimal digits.
void AppendMd5(std::string_view text, std::string* out);
void AppendSha1(std::string_view text, std::string* out);
void AppendSha224(std::string_view text, std::string* out);
void AppendSha256(std::string_view text, std::string* out);
void AppendSha384(std::string_view text, std::string* out);
void AppendSha512(std::string_view text, std::string* out);

}  // namespace millrace
