// Message digests: MD5 (RFC 1321), SHA-1 (RFC 3174), SHA-224 to SHA-512 (RFC 6234), of several texts at
// once.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace millrace {

enum class Digest { kMd5, kSha1, kSha224, kSha256, kSha384, kSha512 };

// As many texts are digested side by side, in little more than the time of one.
constexpr size_t kDigestLanes = 8;
constexpr size_t kMaxDigestDigits = 128;

// Hexadecimal digits of a digest.
size_t DigestDigits(Digest digest);
// Writes the digests of the texts behind one another, in small hexadecimal digits.
void WriteDigests(Digest digest, std::span<const std::string_view> texts, char* out);

}  // namespace millrace
