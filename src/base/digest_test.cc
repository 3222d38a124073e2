// Digests against those of Python's hashlib, where the padding falls on either side of a block's end.
#include "base/digest.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace millrace {
namespace {

TEST(Digest, EveryPaddingSideBySide) {
  std::vector<std::string> texts;
  for (const size_t size : {0, 1, 3, 55, 56, 63, 64, 65, 111, 112, 119, 127, 128, 129, 1000, 5}) {
    texts.emplace_back(size, '\xe9');
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  // MD5 of all digests behind one another.
  const std::pair<Digest, const char*> expected[] = {
      {Digest::kMd5, "1ab416d95b1738c05f60be3776a8faa7"},
      {Digest::kSha1, "9077923a797eaf98d9d5b4619f2db6d3"},
      {Digest::kSha224, "dd53ab4def232227c6aeb1f3f40938aa"},
      {Digest::kSha256, "92003b9e77c757e3f36192c250af83b3"},
      {Digest::kSha384, "e65b5c5609b028c7500858b7137d5294"},
      {Digest::kSha512, "67b58a434387359412c7aa5bbc4cbaf1"},
  };
  for (const auto& [digest, md5] : expected) {
    std::string all(views.size() * DigestDigits(digest), ' ');
    WriteDigests(digest, views, all.data());
    const std::string_view one = all;
    std::string of_all(DigestDigits(Digest::kMd5), ' ');
    WriteDigests(Digest::kMd5, {&one, 1}, of_all.data());
    EXPECT_EQ(of_all, md5) << static_cast<int>(digest);
  }
}

}  // namespace
}  // namespace millrace
