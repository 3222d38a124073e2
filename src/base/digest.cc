#include "base/digest.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace millrace {
namespace {

// floor(2^32 * |sin(i + 1)|)
constexpr std::array<uint32_t, 64> kSines = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
// The fractions of the cube roots of the first 80 primes; SHA-256 uses the upper halves of the first 64.
constexpr std::array<uint64_t, 80> kRoots = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
// The fractions of the square roots of the first 8 primes, and of the next 8.
constexpr std::array<uint64_t, 8> kSquareRoots = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};
constexpr std::array<uint64_t, 8> kNextSquareRoots = {
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
};

template <typename Word, bool kBigEndian>
Word Load(const uint8_t* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  if constexpr (!kBigEndian) return word;
  return sizeof(Word) == 8 ? static_cast<Word>(__builtin_bswap64(word))
                           : static_cast<Word>(__builtin_bswap32(static_cast<uint32_t>(word)));
}

// Cuts the text into blocks of 16 words, padded with a one bit, zeros and the length in bits.
template <typename Word, bool kBigEndian, typename Mix>
void ForEachBlock(std::string_view text, Mix mix) {
  constexpr size_t kBlock = 16 * sizeof(Word);
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) mix(bytes + at);
  uint8_t tail[2 * kBlock] = {};
  const size_t rest = text.size() - at;
  if (rest > 0) std::memcpy(tail, bytes + at, rest);
  tail[rest] = 0x80;
  const size_t size = rest + 1 + 2 * sizeof(Word) <= kBlock ? kBlock : 2 * kBlock;
  const uint64_t bits = uint64_t{text.size()} * 8;
  for (size_t i = 0; i < 8; ++i) {
    const size_t place = kBigEndian ? size - 1 - i : size - 8 + i;
    tail[place] = static_cast<uint8_t>(bits >> (8 * i));
  }
  for (size_t done = 0; done < size; done += kBlock) mix(tail + done);
}

template <typename Word, bool kBigEndian>
void AppendHex(const Word* words, size_t count, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  char text[2 * 64];
  char* end = text;
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < sizeof(Word); ++j) {
      const size_t shift = 8 * (kBigEndian ? sizeof(Word) - 1 - j : j);
      const auto byte = static_cast<uint8_t>(words[i] >> shift);
      *end++ = kDigits[byte >> 4];
      *end++ = kDigits[byte & 15];
    }
  }
  out->append(text, static_cast<size_t>(end - text));
}

// The rounds of a digest turn their variables in a circle; a loop unrolled by a multiple of the circle's
// length needs no moves for it.

void MixMd5(const uint8_t* block, std::array<uint32_t, 4>* state) {
  auto [a, b, c, d] = *state;
  const auto step = [&](uint32_t i, uint32_t f, uint32_t word, const int (&shifts)[4]) {
    const uint32_t sum = a + f + kSines[i] + Load<uint32_t, false>(block + 4 * (word % 16));
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, shifts[i % 4]);
  };
  constexpr int kFirst[4] = {7, 12, 17, 22}, kSecond[4] = {5, 9, 14, 20},
                kThird[4] = {4, 11, 16, 23}, kFourth[4] = {6, 10, 15, 21};
#pragma GCC unroll 16
  for (uint32_t i = 0; i < 16; ++i) step(i, d ^ (b & (c ^ d)), i, kFirst);
#pragma GCC unroll 16
  for (uint32_t i = 16; i < 32; ++i) step(i, c ^ (d & (b ^ c)), 5 * i + 1, kSecond);
#pragma GCC unroll 16
  for (uint32_t i = 32; i < 48; ++i) step(i, b ^ c ^ d, 3 * i + 5, kThird);
#pragma GCC unroll 16
  for (uint32_t i = 48; i < 64; ++i) step(i, c ^ (b | ~d), 7 * i, kFourth);
  const std::array<uint32_t, 4> mixed = {a, b, c, d};
  for (size_t i = 0; i < 4; ++i) (*state)[i] += mixed[i];
}

void MixSha1(const uint8_t* block, std::array<uint32_t, 5>* state) {
  std::array<uint32_t, 80> w;
  for (size_t i = 0; i < 16; ++i) w[i] = Load<uint32_t, true>(block + 4 * i);
#pragma GCC unroll 8
  for (size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e] = *state;
  const auto step = [&](size_t i, uint32_t f, uint32_t k) {
    const uint32_t sum = std::rotl(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = sum;
  };
#pragma GCC unroll 20
  for (size_t i = 0; i < 20; ++i) step(i, d ^ (b & (c ^ d)), 0x5a827999);
#pragma GCC unroll 20
  for (size_t i = 20; i < 40; ++i) step(i, b ^ c ^ d, 0x6ed9eba1);
#pragma GCC unroll 20
  for (size_t i = 40; i < 60; ++i) step(i, (b & c) | (d & (b | c)), 0x8f1bbcdc);
#pragma GCC unroll 20
  for (size_t i = 60; i < 80; ++i) step(i, b ^ c ^ d, 0xca62c1d6);
  const std::array<uint32_t, 5> mixed = {a, b, c, d, e};
  for (size_t i = 0; i < 5; ++i) (*state)[i] += mixed[i];
}

// What tells SHA-256 from SHA-512: word, rounds and the amounts of rotation.
struct Sha256Kind {
  using Word = uint32_t;
  static constexpr size_t kRounds = 64;
  static constexpr int kBig0[3] = {2, 13, 22}, kBig1[3] = {6, 11, 25};
  static constexpr int kSmall0[3] = {7, 18, 3}, kSmall1[3] = {17, 19, 10};
  static Word Root(size_t i) { return static_cast<Word>(kRoots[i] >> 32); }
};
struct Sha512Kind {
  using Word = uint64_t;
  static constexpr size_t kRounds = 80;
  static constexpr int kBig0[3] = {28, 34, 39}, kBig1[3] = {14, 18, 41};
  static constexpr int kSmall0[3] = {1, 8, 7}, kSmall1[3] = {19, 61, 6};
  static Word Root(size_t i) { return kRoots[i]; }
};

template <typename Word>
Word Rotations(Word x, const int (&by)[3]) {
  return std::rotr(x, by[0]) ^ std::rotr(x, by[1]) ^ std::rotr(x, by[2]);
}
template <typename Word>
Word ShiftedRotations(Word x, const int (&by)[3]) {
  return std::rotr(x, by[0]) ^ std::rotr(x, by[1]) ^ (x >> by[2]);
}

template <typename Kind>
void MixSha2(const uint8_t* block, std::array<typename Kind::Word, 8>* state) {
  using Word = typename Kind::Word;
  std::array<Word, Kind::kRounds> w;
  for (size_t i = 0; i < 16; ++i) w[i] = Load<Word, true>(block + sizeof(Word) * i);
#pragma GCC unroll 8
  for (size_t i = 16; i < Kind::kRounds; ++i) {
    w[i] = w[i - 16] + ShiftedRotations(w[i - 15], Kind::kSmall0) + w[i - 7] +
           ShiftedRotations(w[i - 2], Kind::kSmall1);
  }
  auto [a, b, c, d, e, f, g, h] = *state;
#pragma GCC unroll 8
  for (size_t i = 0; i < Kind::kRounds; ++i) {
    const Word first = h + Rotations(e, Kind::kBig1) + ((e & f) ^ (~e & g)) + Kind::Root(i) + w[i];
    const Word second = Rotations(a, Kind::kBig0) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  const std::array<Word, 8> mixed = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) (*state)[i] += mixed[i];
}

template <typename Kind>
void AppendSha2(std::string_view text, std::array<typename Kind::Word, 8> state, size_t words,
                std::string* out) {
  using Word = typename Kind::Word;
  ForEachBlock<Word, true>(text, [&](const uint8_t* block) { MixSha2<Kind>(block, &state); });
  AppendHex<Word, true>(state.data(), words, out);
}

}  // namespace

void AppendMd5(std::string_view text, std::string* out) {
  std::array<uint32_t, 4> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  ForEachBlock<uint32_t, false>(text, [&](const uint8_t* block) { MixMd5(block, &state); });
  AppendHex<uint32_t, false>(state.data(), state.size(), out);
}

void AppendSha1(std::string_view text, std::string* out) {
  std::array<uint32_t, 5> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  ForEachBlock<uint32_t, true>(text, [&](const uint8_t* block) { MixSha1(block, &state); });
  AppendHex<uint32_t, true>(state.data(), state.size(), out);
}

void AppendSha224(std::string_view text, std::string* out) {
  std::array<uint32_t, 8> state;
  for (size_t i = 0; i < 8; ++i) state[i] = static_cast<uint32_t>(kNextSquareRoots[i]);
  AppendSha2<Sha256Kind>(text, state, 7, out);
}

void AppendSha256(std::string_view text, std::string* out) {
  std::array<uint32_t, 8> state;
  for (size_t i = 0; i < 8; ++i) state[i] = static_cast<uint32_t>(kSquareRoots[i] >> 32);
  AppendSha2<Sha256Kind>(text, state, 8, out);
}

void AppendSha384(std::string_view text, std::string* out) {
  AppendSha2<Sha512Kind>(text, kNextSquareRoots, 6, out);
}

void AppendSha512(std::string_view text, std::string* out) {
  AppendSha2<Sha512Kind>(text, kSquareRoots, 8, out);
}

}  // namespace millrace
