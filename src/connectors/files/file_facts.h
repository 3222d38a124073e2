// What is known of a file beside its bytes.
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

struct FileFacts {
  std::string path;
  int64_t bytes = 0;
  int64_t modified = 0;  // ms since 1970
};

}  // namespace millrace
