// Iceberg's metadata and manifests, damaged; see iceberg_target.cc.
#pragma once

#include <string_view>

namespace millrace {

// Reads what the first byte chooses: what can be read must hold together.
void RunIceberg(std::string_view input);

}  // namespace millrace
