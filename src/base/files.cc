#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace millrace {
namespace {

FileFaults& Faults() {
  static FileFaults faults;
  return faults;
}

// What the tests want of a call; errno is set if it is to fail.
FileFault FaultOf(const char* what, const std::string& path) {
  if (!Faults()) return {};
  const FileFault fault = Faults()(what, path);
  if (fault.error != 0) errno = fault.error;
  return fault;
}

}  // namespace

void InjectFileFaults(FileFaults faults) { Faults() = std::move(faults); }

int64_t WriteSome(int descriptor, const void* data, int64_t bytes, const std::string& path) {
  const FileFault fault = FaultOf("write", path);
  if (fault.error != 0) return -1;
  if (fault.is_short) bytes = std::max<int64_t>(bytes / 2, 1);
  return write(descriptor, data, static_cast<size_t>(bytes));
}

int SyncFile(int descriptor, const std::string& path) {
  return FaultOf("sync", path).error != 0 ? -1 : fsync(descriptor);
}

int RenameFile(const std::string& from, const std::string& to) {
  return FaultOf("rename", to).error != 0 ? -1 : std::rename(from.c_str(), to.c_str());
}

Status SyncFolder(const std::string& folder) {
  const bool fails = FaultOf("sync folder", folder).error != 0;
  const int descriptor = fails ? -1 : open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (synced) return Status::OK();
  return ExternalError("cannot make '{}' durable: {}", folder, std::strerror(error));
}

Status MakeFolders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ExternalError("cannot make folder '{}': {}", folder, error.message());
  return Status::OK();
}

}  // namespace millrace
