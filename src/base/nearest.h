// Finds the name a user most likely meant, for the "did you mean" hints of parser and binder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// The candidate closest to `wanted` when letter case is ignored, "" if none is near. One slip (a
// letter missing, added, replaced, or two swapped) is near for a short name, three for a long one.
std::string NearestName(std::string_view wanted, const std::vector<std::string>& candidates);

}  // namespace millrace
