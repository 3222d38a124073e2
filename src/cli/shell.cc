#include "cli/shell.h"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/line_editor.h"
#include "cli/signals.h"
#include "cli/statement_reader.h"

namespace millrace {
namespace {

const char* const kKeywords[] = {
    "SELECT",       "FROM",        "WHERE",    "GROUP BY", "HAVING",        "LIMIT",
    "UNION ALL",    "DISTINCT",    "CREATE",   "TABLE",    "VIEW",          "TEMPORARY",
    "DROP",         "INSERT INTO", "VALUES",   "WITH",     "WATERMARK FOR", "INTERVAL",
    "SECOND",       "MINUTE",      "HOUR",     "DAY",      "PARTITION BY",  "DESCRIPTOR",
    "TUMBLE",       "HOP",         "CUMULATE", "SESSION",  "SESSIONIZE",    "PRIMARY KEY",
    "NOT ENFORCED", "EXPLAIN",     "DESCRIBE", "SHOW",     "TABLES",        "VIEWS",
    "FUNCTIONS",    "SET",         "RESET",    "BETWEEN",  "LIKE",          "CASE",
    "WHEN",         "THEN",        "ELSE",     "CAST",     "TRY_CAST",      "TIMESTAMP",
    "STRING",       "BIGINT",      "DOUBLE",   "DECIMAL",  "BOOLEAN",       "HELP",
    "CALL",         "QUIT"};

// The command of a line, in capitals, without a closing semicolon.
std::string Command(const std::string& line) {
  std::string word;
  for (const char c : line) {
    if (c != ';' && std::isspace(static_cast<unsigned char>(c)) == 0) {
      word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  return word;
}

bool IsQuit(const std::string& command) {
  return command == "QUIT" || command == "EXIT" || command == "\\Q";
}

std::string HistoryPath() {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.millrace_history";
}

constexpr const char* kHelp =
    "Statements end with ';' and may span lines. Ctrl-C gives up the line, or drains what runs.\n"
    "  SHOW TABLES;  DESCRIBE t;  SHOW FUNCTIONS;  EXPLAIN SELECT ...;\n"
    "  HELP 'SUBSTRING';   what a function does\n"
    "  QUIT;               leaves, as Ctrl-D does\n"
    "  Tab completes names, Ctrl-R searches the history.\n";

}  // namespace

int RunShell(const RunSettings& settings, const std::vector<std::string>& sets) {
  auto runner = Runner::Make(settings, sets);
  if (!runner.ok()) {
    PrintError("", runner.status());
    return ExitCode(runner.status());
  }
  LineEditor editor(HistoryPath(), [&] {
    std::vector<std::string> words = (*runner)->Names();
    words.insert(words.end(), std::begin(kKeywords), std::end(kKeywords));
    return words;
  });
  std::puts("Millrace SQL. Statements end with ';'. HELP; tells more, QUIT; leaves.");
  std::string statement, line;
  while (true) {
    std::signal(SIGTERM, SIG_DFL);  // nothing runs that could be drained
    const auto read = editor.ReadLine(statement.empty() ? "millrace> " : "       -> ", &line);
    CatchSignals();
    if (read == LineEditor::Read::kEnd) break;
    if (read == LineEditor::Read::kCancelled) {
      statement.clear();
      continue;
    }
    const std::string command = statement.empty() ? Command(line) : "";
    if (IsQuit(command)) return kExitDone;
    if (command == "HELP") {
      std::fputs(kHelp, stdout);
      continue;
    }
    if (statement.empty() && line.find_first_not_of(" \t") == std::string::npos) continue;
    statement += line + "\n";
    if (!IsComplete(statement)) continue;
    editor.Remember(statement.substr(0, statement.size() - 1));
    (*runner)->Run("", statement);
    statement.clear();
  }
  std::puts("");
  return kExitDone;
}

}  // namespace millrace
