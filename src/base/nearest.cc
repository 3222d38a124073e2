#include "base/nearest.h"

#include <algorithm>
#include <cstddef>

namespace millrace {
namespace {

// Longer names are not worth the quadratic comparison; nobody types them by hand.
constexpr size_t kMaxNameLength = 128;

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string LowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerAscii(c);
  return lower;
}

// How many slips a name of `length` letters may have and still be recognised.
size_t AllowedSlips(size_t length) {
  if (length < 3) return 0;
  if (length < 6) return 1;
  return length < 9 ? 2 : 3;
}

// Optimal string alignment distance: insertions, deletions, replacements, swaps of neighbours.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

size_t LengthGap(size_t a, size_t b) { return a > b ? a - b : b - a; }

}  // namespace

std::string NearestName(std::string_view wanted, const std::vector<std::string>& candidates) {
  if (wanted.empty() || wanted.size() > kMaxNameLength) return "";
  const std::string lower = LowerAscii(wanted);
  size_t best_distance = AllowedSlips(wanted.size()) + 1;
  const std::string* best = nullptr;
  for (const std::string& candidate : candidates) {
    if (LengthGap(candidate.size(), lower.size()) >= best_distance) continue;
    const size_t distance = EditDistance(lower, LowerAscii(candidate));
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = &candidate;
  }
  return best == nullptr ? "" : *best;
}

}  // namespace millrace
