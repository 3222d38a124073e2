// A short, deterministic stand-in for the fuzzers in each test run: the seeds of the corpus,
// mutated. MILLRACE_MUTATIONS=100000 runs more of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "targets.h"

namespace millrace {
namespace {

using Random = std::mt19937_64;

constexpr size_t kMaxInput = 4096;

size_t Below(Random& random, size_t bound) { return bound == 0 ? 0 : random() % bound; }

std::vector<std::string> Seeds(const std::string& target) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(MILLRACE_CORPUS) / target)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

const char* const kPieces[] = {"\"",
                               "'",
                               "`",
                               "\\",
                               "\n",
                               "\r\n",
                               "\0",
                               "\xff",
                               "\xC3",
                               "\xEF\xBB\xBF",
                               "(",
                               ")",
                               "[",
                               "]",
                               "{",
                               "}",
                               ",",
                               ";",
                               ":",
                               "-",
                               "null",
                               "NULL",
                               "1e309",
                               "0",
                               "-0",
                               "NaN",
                               ".",
                               "/*",
                               "--",
                               " AND ",
                               "9999-12-31 23:59:59.999999999",
                               "-0001-01-01",
                               "99999999999999999999",
                               "\\u0000",
                               "\\ud800",
                               "INTERVAL '1' SECOND",
                               " GROUP BY a",
                               "CAST(",
                               "*",
                               "\xF0\x9F\x98\x80"};

// A slice of the other seeds, of the text itself, or a piece that parsers trip over.
std::string Piece(Random& random, const std::vector<std::string>& seeds) {
  if (Below(random, 2) == 0) return kPieces[Below(random, std::size(kPieces))];
  const std::string& other = seeds[Below(random, seeds.size())];
  const size_t from = Below(random, other.size());
  return other.substr(from, Below(random, 24));
}

std::string Mutated(Random& random, const std::vector<std::string>& seeds) {
  std::string text = seeds[Below(random, seeds.size())];
  for (size_t left = 1 + Below(random, 4); left > 0; --left) {
    const size_t at = Below(random, text.size() + 1);
    switch (Below(random, 5)) {
      case 0:
        text.insert(at, Piece(random, seeds));
        break;
      case 1:
        text.erase(at, Below(random, 16));
        break;
      case 2:
        text.replace(at, std::min(Below(random, 8), text.size() - at), Piece(random, seeds));
        break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      default:
        text.insert(at, text.substr(at, Below(random, 64)));
        break;
    }
  }
  return text.substr(0, kMaxInput);
}

size_t Mutations() {
  const char* wanted = std::getenv("MILLRACE_MUTATIONS");
  return wanted == nullptr ? 300 : std::strtoul(wanted, nullptr, 10);
}

class Mutation : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(Mutation, EndsNormally) {
  const std::vector<std::string> seeds = Seeds(GetParam().name);
  ASSERT_FALSE(seeds.empty());
  for (const std::string& seed : seeds) GetParam().run(seed);
  Random random(7);
  for (size_t i = 0; i < Mutations(); ++i) {
    const std::string text = Mutated(random, seeds);
    SCOPED_TRACE(text);
    const auto start = std::chrono::steady_clock::now();
    GetParam().run(text);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took.count(), 10) << "too slow for " << text.size() << " bytes";
  }
}

INSTANTIATE_TEST_SUITE_P(Corpus, Mutation, ::testing::ValuesIn(FuzzTargets()),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace millrace
