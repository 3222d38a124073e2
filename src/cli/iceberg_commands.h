// The commands that keep Iceberg tables small: iceberg compact, expire, orphans.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <vector>

namespace millrace {

class IcebergCommands {
 public:
  // Adds the commands; before parsing.
  void AddTo(CLI::App* app);
  // True if one of them was given.
  bool parsed() const { return iceberg_->parsed(); }
  // Executes it and returns the exit code.
  int Run() const;

 private:
  CLI::App* iceberg_ = nullptr;
  std::string table_;
  std::vector<std::string> options_;              // --with key=value
  std::map<std::string, std::string> arguments_;  // of the command, by name
  bool dry_run_ = false;
};

}  // namespace millrace
