#include "cli/shell.h"

#include <iostream>

namespace millrace {
namespace {

// True if `text` ends a statement: its last character that is not white space is a semicolon.
bool Complete(const std::string& text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  return last != std::string::npos && text[last] == ';';
}

bool IsQuit(const std::string& line) {
  return line == "quit" || line == "QUIT" || line == "exit" || line == "EXIT" || line == "quit;" ||
         line == "QUIT;" || line == "exit;" || line == "EXIT;";
}

}  // namespace

int RunShell(const RunSettings& settings, const std::vector<std::string>& sets) {
  auto runner = Runner::Make(settings, sets);
  if (!runner.ok()) {
    std::cerr << "millrace: " << runner.status().message() << "\n";
    return kExitUsage;
  }
  std::cout << "Millrace SQL. Statements end with ';'. HELP 'name' explains a function, QUIT leaves.\n";
  std::string statement, line;
  std::cout << "millrace> " << std::flush;
  while (std::getline(std::cin, line)) {
    if (statement.empty() && IsQuit(line)) break;
    statement += line + "\n";
    if (Complete(statement)) {
      (*runner)->Run("shell", statement);
      statement.clear();
    }
    std::cout << (statement.empty() ? "millrace> " : "       -> ") << std::flush;
  }
  std::cout << "\n";
  return kExitDone;
}

}  // namespace millrace
