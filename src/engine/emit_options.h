// The session's options of early and late results: table.exec.emit.*.
#pragma once

#include "base/status.h"
#include "formats/options.h"
#include "windows/emit.h"

namespace millrace {

// Fails where an option cannot be read, or two do not fit: firing that has no delay, late firing
// without allowed lateness.
Result<EmitSpec> ReadEmit(const Options& options);

}  // namespace millrace
