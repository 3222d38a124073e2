// Compiled LIKE patterns: % stands for any text, _ for one character. The common shapes ('abc', 'abc%',
// '%abc', '%abc%') are plain comparisons; others walk over the pattern's parts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

class LikePattern {
 public:
  // `escape`: the character that takes the meaning from %, _ and itself; empty for none.
  static Result<LikePattern> Make(std::string_view pattern, std::string_view escape);

  bool Matches(std::string_view text) const;

 private:
  enum class Shape { kEqual, kPrefix, kSuffix, kContains, kParts };
  // A run of characters between two %; `any` marks the bytes that stand for a whole character.
  struct Part {
    std::string text;
    std::vector<bool> any;
    bool has_any = false;
  };

  void ChooseShape();
  // Matches `part` at the beginning of `text`: the bytes it took, or npos.
  static size_t MatchPart(const Part& part, std::string_view text);
  static size_t FindPart(const Part& part, std::string_view text, size_t from, size_t* length);
  bool MatchesParts(std::string_view text) const;

  Shape shape_ = Shape::kParts;
  std::vector<Part> parts_;  // separated by %; the outer ones are anchored
};

}  // namespace millrace
