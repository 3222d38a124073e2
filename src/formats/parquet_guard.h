// Parquet's own calls throw; ours never do. A file's damage is the outside world's.
#pragma once

#include <exception>

#include "base/status.h"

namespace millrace {

// What `call` returns, or its exception as an error.
template <typename Call>
Status GuardParquet(Call call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return Status::IOError(error.what());
  }
}

}  // namespace millrace
