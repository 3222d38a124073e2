#include "base/digest.h"

#include <algorithm>
#include <array>
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

// Words of eight texts side by side, or of four: one step of a digest is one instruction for
// all of them. A digest's steps wait for one another, so a single text would leave most units idle.
typedef uint32_t Lanes32 __attribute__((vector_size(32)));
typedef uint64_t Lanes64 __attribute__((vector_size(32)));

template <int kBits, typename Lanes>
Lanes RotateLeft(Lanes x, int by) {
  return (x << by) | (x >> (kBits - by));
}
template <int kBits, typename Lanes>
Lanes RotateRight(Lanes x, int by) {
  return (x >> by) | (x << (kBits - by));
}

// A text cut into blocks of 16 words, padded with a one bit, zeros and the length in bits.
template <typename Word, bool kBigEndian>
class Message {
 public:
  static constexpr size_t kBlock = 16 * sizeof(Word);

  explicit Message(std::string_view text = {})
      : text_(reinterpret_cast<const uint8_t*>(text.data())), whole_(text.size() / kBlock) {
    const size_t rest = text.size() % kBlock;
    if (rest > 0) std::memcpy(tail_, text_ + whole_ * kBlock, rest);
    tail_[rest] = 0x80;
    const size_t size = rest + 1 + 2 * sizeof(Word) <= kBlock ? kBlock : 2 * kBlock;
    std::memset(tail_ + rest + 1, 0, size - rest - 1);
    uint64_t bits = uint64_t{text.size()} * 8;
    if (kBigEndian) bits = __builtin_bswap64(bits);
    std::memcpy(tail_ + size - (kBigEndian ? 8 : 2 * sizeof(Word)), &bits, sizeof(bits));
    blocks_ = whole_ + size / kBlock;
  }

  size_t blocks() const { return blocks_; }
  Word At(size_t block, size_t i) const {
    const uint8_t* from = block < whole_ ? text_ + block * kBlock : tail_ + (block - whole_) * kBlock;
    Word word;
    std::memcpy(&word, from + i * sizeof(Word), sizeof(Word));
    if constexpr (!kBigEndian) return word;
    if constexpr (sizeof(Word) == 8) return __builtin_bswap64(word);
    else return __builtin_bswap32(word);
  }

 private:
  const uint8_t* text_;
  size_t whole_, blocks_;
  uint8_t tail_[2 * kBlock];
};

// The rounds of a digest turn their variables in a circle; a loop unrolled by a multiple of the circle's
// length needs no moves for it.

struct Md5 {
  using Word = uint32_t;
  using Lanes = Lanes32;
  using State = std::array<Lanes, 4>;
  static constexpr bool kBigEndian = false;

  static void Mix(const Lanes (&words)[16], State* state) {
    auto [a, b, c, d] = *state;
    const auto step = [&](uint32_t i, Lanes f, uint32_t word, const int (&shifts)[4]) {
      const Lanes sum = a + f + kSines[i] + words[word % 16];
      a = d;
      d = c;
      c = b;
      b += RotateLeft<32>(sum, shifts[i % 4]);
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
    *state = {a, b, c, d};
  }
};

struct Sha1 {
  using Word = uint32_t;
  using Lanes = Lanes32;
  using State = std::array<Lanes, 5>;
  static constexpr bool kBigEndian = true;

  static void Mix(const Lanes (&words)[16], State* state) {
    Lanes w[80];
    std::copy(words, words + 16, w);
#pragma GCC unroll 8
    for (size_t i = 16; i < 80; ++i) {
      w[i] = RotateLeft<32>(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = *state;
    const auto step = [&](size_t i, Lanes f, uint32_t k) {
      const Lanes sum = RotateLeft<32>(a, 5) + f + e + k + w[i];
      e = d;
      d = c;
      c = RotateLeft<32>(b, 30);
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
    *state = {a, b, c, d, e};
  }
};

template <typename WordType, typename LanesType>
struct Sha2 {
  using Word = WordType;
  using Lanes = LanesType;
  using State = std::array<Lanes, 8>;
  static constexpr bool kBigEndian = true;
  static constexpr int kBits = 8 * sizeof(Word);
  // What tells SHA-256 from SHA-512: word, rounds and the amounts of rotation.
  static constexpr bool kLong = kBits == 64;
  static constexpr size_t kRounds = kLong ? 80 : 64;
  static constexpr std::array<int, 3> kBig0 =
      kLong ? std::array{28, 34, 39} : std::array{2, 13, 22};
  static constexpr std::array<int, 3> kBig1 =
      kLong ? std::array{14, 18, 41} : std::array{6, 11, 25};
  static constexpr std::array<int, 3> kSmall0 = kLong ? std::array{1, 8, 7} : std::array{7, 18, 3};
  static constexpr std::array<int, 3> kSmall1 =
      kLong ? std::array{19, 61, 6} : std::array{17, 19, 10};

  static Lanes Rotations(Lanes x, const std::array<int, 3>& by) {
    return RotateRight<kBits>(x, by[0]) ^ RotateRight<kBits>(x, by[1]) ^
           RotateRight<kBits>(x, by[2]);
  }
  static Lanes ShiftedRotations(Lanes x, const std::array<int, 3>& by) {
    return RotateRight<kBits>(x, by[0]) ^ RotateRight<kBits>(x, by[1]) ^ (x >> by[2]);
  }

  static void Mix(const Lanes (&words)[16], State* state) {
    Lanes w[kRounds];
    std::copy(words, words + 16, w);
#pragma GCC unroll 8
    for (size_t i = 16; i < kRounds; ++i) {
      w[i] = w[i - 16] + ShiftedRotations(w[i - 15], kSmall0) + w[i - 7] +
             ShiftedRotations(w[i - 2], kSmall1);
    }
    auto [a, b, c, d, e, f, g, h] = *state;
#pragma GCC unroll 8
    for (size_t i = 0; i < kRounds; ++i) {
      const auto root = static_cast<Word>(kRoots[i] >> (64 - kBits));
      const Lanes first = h + Rotations(e, kBig1) + ((e & f) ^ (~e & g)) + root + w[i];
      const Lanes second = Rotations(a, kBig0) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + first;
      d = c;
      c = b;
      b = a;
      a = first + second;
    }
    *state = {a, b, c, d, e, f, g, h};
  }
};

void WriteHex(uint8_t byte, char* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  out[0] = kDigits[byte >> 4];
  out[1] = kDigits[byte & 15];
}

// The first `words` words of the digests of as many texts as there are lanes, or fewer; `start` are the
// state's words before the first block.
template <typename Kind>
void DigestLanes(std::span<const std::string_view> texts, const typename Kind::Word* start,
                 size_t words, char* out) {
  using Word = typename Kind::Word;
  using Lanes = typename Kind::Lanes;
  constexpr size_t kLanes = sizeof(Lanes) / sizeof(Word);
  Message<Word, Kind::kBigEndian> messages[kLanes];
  size_t blocks = 0;
  for (size_t lane = 0; lane < texts.size(); ++lane) {
    messages[lane] = Message<Word, Kind::kBigEndian>(texts[lane]);
    blocks = std::max(blocks, messages[lane].blocks());
  }
  typename Kind::State state;
  for (size_t i = 0; i < state.size(); ++i) state[i] = Lanes{} + start[i];
  for (size_t block = 0; block < blocks; ++block) {
    Lanes loaded[16];
    Lanes more = {};  // all ones in the lanes whose text has this block
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const bool has = block < messages[lane].blocks();
      more[lane] = has ? ~Word{0} : 0;
      for (size_t i = 0; i < 16; ++i) loaded[i][lane] = has ? messages[lane].At(block, i) : 0;
    }
    typename Kind::State mixed = state;
    Kind::Mix(loaded, &mixed);
    for (size_t i = 0; i < state.size(); ++i) state[i] += mixed[i] & more;
  }
  for (size_t lane = 0; lane < texts.size(); ++lane) {
    for (size_t i = 0; i < words; ++i) {
      const Word word = state[i][lane];
      for (size_t byte = 0; byte < sizeof(Word); ++byte, out += 2) {
        const size_t at = Kind::kBigEndian ? sizeof(Word) - 1 - byte : byte;
        WriteHex(static_cast<uint8_t>(word >> (8 * at)), out);
      }
    }
  }
}

template <typename Kind>
void WriteAll(std::span<const std::string_view> texts, const typename Kind::Word* start, size_t words,
              char* out) {
  constexpr size_t kLanes = sizeof(typename Kind::Lanes) / sizeof(typename Kind::Word);
  for (size_t at = 0; at < texts.size(); at += kLanes) {
    const auto some = texts.subspan(at, std::min(kLanes, texts.size() - at));
    DigestLanes<Kind>(some, start, words, out + at * words * 2 * sizeof(typename Kind::Word));
  }
}

using Sha256 = Sha2<uint32_t, Lanes32>;
using Sha512 = Sha2<uint64_t, Lanes64>;

constexpr uint32_t kMd5Start[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
constexpr uint32_t kSha1Start[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

// SHA-224 begins with the lower halves of SHA-384's words, SHA-256 with the upper ones of SHA-512's.
constexpr std::array<uint32_t, 8> HalvesOf(const std::array<uint64_t, 8>& words, int shift) {
  std::array<uint32_t, 8> halves = {};
  for (size_t i = 0; i < 8; ++i) halves[i] = static_cast<uint32_t>(words[i] >> shift);
  return halves;
}
constexpr auto kSha224Start = HalvesOf(kNextSquareRoots, 0);
constexpr auto kSha256Start = HalvesOf(kSquareRoots, 32);

}  // namespace

size_t DigestDigits(Digest digest) {
  switch (digest) {
    case Digest::kMd5: return 32;
    case Digest::kSha1: return 40;
    case Digest::kSha224: return 56;
    case Digest::kSha256: return 64;
    case Digest::kSha384: return 96;
    case Digest::kSha512: return 128;
  }
  return 0;
}

void WriteDigests(Digest digest, std::span<const std::string_view> texts, char* out) {
  switch (digest) {
    case Digest::kMd5: return WriteAll<Md5>(texts, kMd5Start, 4, out);
    case Digest::kSha1: return WriteAll<Sha1>(texts, kSha1Start, 5, out);
    case Digest::kSha224: return WriteAll<Sha256>(texts, kSha224Start.data(), 7, out);
    case Digest::kSha256: return WriteAll<Sha256>(texts, kSha256Start.data(), 8, out);
    case Digest::kSha384: return WriteAll<Sha512>(texts, kNextSquareRoots.data(), 6, out);
    case Digest::kSha512: return WriteAll<Sha512>(texts, kSquareRoots.data(), 8, out);
  }
}

}  // namespace millrace
