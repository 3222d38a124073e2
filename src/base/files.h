// What makes names and bytes in the file system durable: thin calls that tests can make fail. Errors name
// the folder.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace millrace {

// Makes the names in a folder durable; what the files hold is synced by whoever wrote them.
Status SyncFolder(const std::string& folder);
// Makes a folder and those above it.
Status MakeFolders(const std::string& folder);

// As write(2), fsync(2) and rename(2), errno included. `path` is the file's.
int64_t WriteSome(int descriptor, const void* data, int64_t bytes, const std::string& path);
int SyncFile(int descriptor, const std::string& path);
int RenameFile(const std::string& from, const std::string& to);

// What becomes of one of these calls, SyncFolder included.
struct FileFault {
  int error = 0;           // errno to fail with; 0: it goes through
  bool is_short = false;   // of a write: only half of the bytes do
};
// Asked before each call: `what` is "write", "sync", "rename" or "sync folder". Null: no faults. Of the
// whole process: only for tests, while no job runs.
using FileFaults = std::function<FileFault(const char* what, const std::string& path)>;
void InjectFileFaults(FileFaults faults);

}  // namespace millrace
