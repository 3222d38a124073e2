// What makes names in the file system durable. Errors name the folder.
#pragma once

#include <string>

#include "base/status.h"

namespace millrace {

// Makes the names in a folder durable; what the files hold is synced by whoever wrote them.
Status SyncFolder(const std::string& folder);
// Makes a folder and those above it.
Status MakeFolders(const std::string& folder);

}  // namespace millrace
