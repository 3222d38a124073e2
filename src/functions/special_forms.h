// What looks like a function but is the parser's and the binder's own: forms with a syntax or a
// meaning that no entry of the registry can have. For the manual and HELP.
#pragma once

#include <string_view>
#include <vector>

namespace millrace {

struct SpecialForm {
  std::string_view name;
  std::string_view signature;
  std::string_view doc;
};

const std::vector<SpecialForm>& SpecialForms();
// By name in any letter case; null if there is none.
const SpecialForm* FindSpecialForm(std::string_view name);

}  // namespace millrace
