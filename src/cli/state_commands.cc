#include "cli/state_commands.h"

#include <cstdio>
#include <ctime>
#include <filesystem>

#include "cli/runner.h"
#include "engine/control.h"
#include "engine/inspect.h"

namespace millrace {

namespace {

int Print(const Result<std::string>& text) {
  if (!text.ok()) {
    std::fprintf(stderr, "millrace: %s\n", text.status().message().c_str());
    return text.status().IsInvalid() ? kExitUsage : kExitFailed;
  }
  std::fputs(text->c_str(), stdout);
  if (!text->ends_with('\n')) std::fputs("\n", stdout);
  return kExitDone;
}

// "<folder>/savepoints/20260131T120000Z", absolute: the job runs in another folder.
std::string Target(const std::string& folder, const std::string& given) {
  std::error_code error;
  if (!given.empty()) return std::filesystem::absolute(given, error).string();
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char name[32];
  std::strftime(name, sizeof name, "%Y%m%dT%H%M%SZ", &parts);
  return std::filesystem::absolute(folder, error).string() + "/savepoints/" + name;
}

}  // namespace

void StateCommands::AddTo(CLI::App* app) {
  const auto add_folder = [this](CLI::App* command) {
    command->add_option("folder", folder_, "The job's folder")->required();
    command->add_option("--wait", wait_seconds_, "Seconds to wait for the job's answer");
  };
  savepoint_ = app->add_subcommand("savepoint", "Makes a savepoint of a running job");
  add_folder(savepoint_);
  savepoint_->add_option("--to", target_, "Folder of the savepoint; a new one below the job's by default");
  stop_ = app->add_subcommand("stop", "Stops a running job, with a savepoint or after working off its input");
  add_folder(stop_);
  stop_->add_flag("--savepoint", with_savepoint_, "Stop right behind a savepoint; windows stay open in it");
  stop_->add_flag("--drain", drain_, "End the sources, close all windows, publish everything");
  stop_->add_option("--to", target_, "Folder of the savepoint");
  CLI::App* state = app->add_subcommand("state", "Lists, shows and compares checkpoints and savepoints");
  state->require_subcommand(1);
  list_ = state->add_subcommand("ls", "The checkpoints below a folder, newest first");
  list_->add_option("path", path_, "A job's folder, or one of checkpoints")->required();
  show_ = state->add_subcommand("show", "One checkpoint: positions, state, staged output");
  show_->add_option("path", path_, "A manifest, or a folder: its newest")->required();
  show_->add_option("--rows", rows_, "Show so many rows of each table of state");
  export_ = state->add_subcommand("export", "Copies a checkpoint, all its state as Parquet");
  export_->add_option("path", path_, "A manifest, or a folder: its newest")->required();
  export_->add_option("--to", target_, "Folder of the copy; new or empty")->required();
  diff_ = state->add_subcommand("diff", "What differs between two checkpoints");
  diff_->add_option("from", path_, "A manifest or folder")->required();
  diff_->add_option("to", other_, "A manifest or folder")->required();
}

bool StateCommands::parsed() const {
  for (const CLI::App* command : {savepoint_, stop_, list_, show_, export_, diff_}) {
    if (command->parsed()) return true;
  }
  return false;
}

int StateCommands::Run() const {
  const std::chrono::milliseconds wait(wait_seconds_ * 1000);
  if (savepoint_->parsed()) return Print(AskJob(folder_, "savepoint", Target(folder_, target_), wait));
  if (list_->parsed()) return Print(ListCheckpoints(path_));
  if (show_->parsed()) return Print(ShowCheckpoint(path_, rows_));
  if (export_->parsed()) return Print(ExportCheckpoint(path_, target_));
  if (diff_->parsed()) return Print(DiffCheckpoints(path_, other_));
  if (with_savepoint_ == drain_) {
    std::fputs("millrace: stop wants either --savepoint or --drain\n", stderr);
    return kExitUsage;
  }
  return Print(AskJob(folder_, drain_ ? "drain" : "stop",
                      drain_ ? "" : Target(folder_, target_), wait));
}

}  // namespace millrace
