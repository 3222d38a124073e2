// The commands that deal with a running job's state and with checkpoints: savepoint, stop, state.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace millrace {

class StateCommands {
 public:
  // Adds the commands; before parsing.
  void AddTo(CLI::App* app);
  // True if one of them was given.
  bool parsed() const;
  // Executes it and returns the exit code.
  int Run() const;

 private:
  CLI::App* savepoint_ = nullptr;
  CLI::App* stop_ = nullptr;
  CLI::App* list_ = nullptr;
  CLI::App* show_ = nullptr;
  CLI::App* export_ = nullptr;
  CLI::App* diff_ = nullptr;
  std::string folder_, target_, path_, other_;
  bool with_savepoint_ = false, drain_ = false;
  int64_t rows_ = 0;
  int64_t wait_seconds_ = 60;
};

}  // namespace millrace
