#include "engine/control.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/job_directory.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;

constexpr const char* kRequest = ".request";

std::vector<fs::path> Requests(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == kRequest) found.push_back(entry.path());
  }
  return found;
}

// Whole or not at all, for who looks for it.
bool WriteFile(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".inprogress";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << text;
    if (!file.flush()) return false;
  }
  return rename(temporary.c_str(), path.c_str()) == 0;
}

}  // namespace

ControlFolder::ControlFolder(const std::string& job_folder) : folder_(job_folder + "/control") {
  std::error_code error;
  fs::create_directories(folder_, error);
}

std::vector<ControlRequest> ControlFolder::Take() {
  std::vector<ControlRequest> requests;
  for (const fs::path& path : Requests(folder_)) {
    ControlRequest request;
    std::ifstream file(path);
    std::getline(file, request.what);
    std::getline(file, request.target);
    file.close();
    std::error_code error;
    fs::remove(path, error);
    request.reply = fs::path(path).replace_extension(".reply").string();
    if (!error) requests.push_back(std::move(request));
  }
  return requests;
}

void ControlFolder::Reply(const std::string& file, const Status& status, const std::string& text) {
  WriteFile(file, status.ok() ? "ok\n" + text + "\n" : "failed\n" + status.message() + "\n");
}

Result<std::string> AskJob(const std::string& job_folder, const std::string& what,
                           const std::string& target, std::chrono::milliseconds wait) {
  const std::string owner = OwnerOf(job_folder);
  if (owner.empty()) return UserError("no process runs a job in '{}'", job_folder);
  const std::string name = fmt::format("{}/control/{}", job_folder, getpid());
  if (!WriteFile(name + kRequest, what + "\n" + target + "\n")) {
    return ExternalError("cannot write '{}{}'", name, kRequest);
  }
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (std::chrono::steady_clock::now() < deadline) {
    const bool gone = OwnerOf(job_folder).empty();
    std::ifstream reply(name + ".reply");
    std::string outcome, text, line;
    if (std::getline(reply, outcome)) {
      while (std::getline(reply, line)) text += (text.empty() ? "" : "\n") + line;
      reply.close();
      unlink((name + ".reply").c_str());
      if (outcome == "ok") return text;
      return ExternalError("{}", text);
    }
    if (gone) {
      return ExternalError("the process that ran the job has ended: {}", owner);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  unlink((name + kRequest).c_str());
  return ExternalError("no answer within {} ms from {}", wait.count(), owner);
}

}  // namespace millrace
