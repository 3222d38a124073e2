#include "engine/job_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>

namespace millrace {

namespace {

constexpr size_t kIdDigits = 16;

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

Result<std::unique_ptr<JobDirectory>> JobDirectory::Own(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ExternalError("cannot make the job's folder '{}': {}", path, error.message());
  const std::string file = path + "/lock";
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return ExternalError("cannot open '{}': {}", file, std::strerror(errno));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    close(lock);
    if (why != EWOULDBLOCK) return ExternalError("cannot lock '{}': {}", file, std::strerror(why));
    return UserError(
        "the job's folder '{}' is in use by {}. hint: stop that process, or give this job a folder of "
        "its own with --folder",
        path, ReadLine(file));
  }
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  const std::string who = fmt::format("process {} on {} since {}\n", getpid(), host, Now());
  if (ftruncate(lock, 0) != 0 || write(lock, who.data(), who.size()) < 0) {
    close(lock);
    return ExternalError("cannot write '{}': {}", file, std::strerror(errno));
  }
  std::unique_ptr<JobDirectory> directory(new JobDirectory(path, lock));
  MILL_RETURN(directory->Identify());
  return directory;
}

Status JobDirectory::Identify() {
  const std::string file = path_ + "/id";
  id_ = ReadLine(file);
  if (id_.size() == kIdDigits) return Status::OK();
  std::random_device random;
  id_ = fmt::format("{:08x}{:08x}", random(), random());
  std::ofstream out(file, std::ios::trunc);
  out << id_ << "\n";
  if (out.flush()) return Status::OK();
  return ExternalError("cannot write '{}': {}", file, std::strerror(errno));
}

JobDirectory::~JobDirectory() { close(lock_); }

std::string JobDirectory::CheckpointFolder(const std::string& job) const {
  std::string name;
  for (const char c : job) name += c == '/' || c == '\0' || (c == '.' && name.empty()) ? '_' : c;
  return path_ + "/checkpoints/" + name;
}

void JobDirectory::Log(const std::string& line) const {
  std::ofstream(path_ + "/job.log", std::ios::app) << Now() + " " + line + "\n";
}

std::string OwnerOf(const std::string& path) {
  const std::string file = path + "/lock";
  const int lock = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return "";
  const bool free = flock(lock, LOCK_SH | LOCK_NB) == 0;
  close(lock);
  return free ? "" : ReadLine(file);
}

}  // namespace millrace
