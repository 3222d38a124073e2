// Regular expressions: PCRE2 with its just-in-time compiler, over UTF-8. The work per match is limited, so
// that no pattern can stall a worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

// A compiled pattern with its working memory: not for concurrent use.
class Regex {
 public:
  static Result<std::shared_ptr<Regex>> Compile(const std::string& pattern);
  // As above, from a small cache of the calling thread. `pattern` is as written by the user.
  static Result<std::shared_ptr<Regex>> Get(std::string_view pattern);
  ~Regex();

  // Finds the first match at or after byte `from`. An error if it takes too long.
  Result<bool> Find(std::string_view text, size_t from = 0);
  int groups() const { return groups_; }
  // Group of the last match (0: all of it) and whether it took part.
  bool HasGroup(int group) const;
  size_t GroupBegin(int group) const;
  size_t GroupEnd(int group) const;

 private:
  struct Parts;
  explicit Regex(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
  int groups_ = 0;
  int matched_groups_ = 0;
};

// The pattern of SIMILAR TO as a regular expression: % and _ as in LIKE, the rest as usual.
std::string RegexOfSimilar(std::string_view pattern, std::string_view escape);

}  // namespace millrace
