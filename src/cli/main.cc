// The millrace program: run a job, query from the shell, explain a plan.
//
// Exit codes: 0 done, 1 the job failed, 2 the script or the arguments are wrong.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <new>
#include <sstream>

#include "cli/iceberg_commands.h"
#include "cli/runner.h"
#include "cli/shell.h"
#include "cli/state_commands.h"
#include "connectors/storage/file_system.h"
#include "engine/function_manual.h"

namespace millrace {
namespace {

constexpr const char* kVersion = "0.1.0";

constexpr const char* kDescription =
    R"(millrace - real-time sessions and stream analytics in Flink SQL, on one machine

Runs SQL scripts whose tables are files, generators, databases or the terminal. Rows are
read, ordered by event time and watermarks, and turned into sessions, windows and other
continuous results, each written once.)";

constexpr const char* kFooter = R"(Examples:
  millrace run job.sql                    run a script's jobs to their end
  millrace run --for 60s --show job.sql   for a minute, with a table that updates
  millrace sql                            a shell
  millrace sql -e "SELECT 1 + 1"          one statement
  millrace sql < queries.sql              a script from the standard input
  millrace explain job.sql                show how a script would run

Signals:
  Ctrl-C or SIGTERM drains: sources end, what is in flight is worked off and published,
  the script ends there, and the exit code is 0. A second one stops at once: nothing more
  is published, and the exit code is 1.

Exit codes:
  0  done
  1  a job failed: a file is missing, a disk is full, a value cannot be computed ...
  2  the script or the arguments are wrong; the message names line and column

Each command has a --help of its own.)";

constexpr const char* kRunFooter =
    R"(Runs the statements one after the other; each INSERT or STATEMENT SET is a job, and runs
until its sources end. Progress goes to the standard error: one line that is rewritten on
a terminal, else a line each five seconds. At the end the books are printed: rows read,
dead-lettered, filtered, late and written.

Rows that cannot be read are dead-lettered and rows behind the watermark are dropped,
both counted. With --folder they are kept, and can be queried as tables:
  millrace sql --folder DIR -e 'SELECT `position`, reason, `row` FROM `$dead_letter`'
  millrace sql --folder DIR -e 'SELECT `time`, watermark, `row` FROM `$late`')";

constexpr const char* kSqlFooter =
    R"(Without -e and with a terminal: a shell with history (~/.millrace_history) and completion.
Without a terminal: runs the standard input as a script, and stops at the first error.
A SELECT prints rows as they come; those of an updating query have the kind of change in
front: +I inserted, -U and +U before and after an update, -D deleted.)";

constexpr const char* kExplainFooter =
    R"(Prints the logical plan as bound, the optimized plan, and the physical graph of tasks and
exchanges. Nothing is read or written.)";

struct Arguments {
  std::string script;              // file of run and explain
  std::vector<std::string> texts;  // sql -e
  std::vector<std::string> sets;   // --set key=value
  std::string init;                // --init
  RunSettings run;
};

Result<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return UserError("cannot read script '{}': it is a folder", path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return UserError("cannot read script '{}': {}", path, std::strerror(errno));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void AddCommon(CLI::App* command, Arguments* arguments) {
  constexpr int kMaxWorkers = 1024;
  command
      ->add_option("--set", arguments->sets,
                   "Session option, as SET 'KEY' = 'VALUE' in the script; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--workers", arguments->run.workers,
          "Worker threads; 0 (the default): 'parallelism.default' if set, else one per core")
      ->type_name("N")
      ->check(CLI::Range(0, kMaxWorkers));
  command
      ->add_option(
          "--folder", arguments->run.job_folder,
          "Job folder: keeps checkpoints, dead letters and late rows")
      ->type_name("DIR");
  command->add_flag("-q,--quiet", arguments->run.quiet,
                    "No progress, no summary, no warnings; errors remain");
}

void AddInit(CLI::App* command, Arguments* arguments) {
  command
      ->add_option("-i,--init", arguments->init,
                   "Script that runs first: SETs, say of where the tables live")
      ->type_name("FILE");
}

void AddRestore(CLI::App* command, RestoreRequest* restore) {
  command->add_option("--restore", restore->from,
                      "Go on from a checkpoint: 'latest' of the job's folder, or a path");
  command->add_flag("--allow-replay", restore->allow_replay,
                    "Go back to an older checkpoint although appended rows will repeat");
  command->add_flag("--allow-dropped-state", restore->allow_dropped,
                    "Drop what of the checkpoint the script has no use for");
  command->add_flag("--dry-run", restore->dry_run,
                    "With --restore: print what would be kept, converted, rebuilt, dropped");
}

// `run` keeps checkpoints, and what it rejects, also when no folder is named: below .millrace, under the
// script's name.
void UseDefaultFolder(Arguments* arguments) {
  if (!arguments->run.job_folder.empty()) return;
  arguments->run.job_folder =
      ".millrace/" + std::filesystem::path(arguments->script).stem().string();
}

// Runs `script`; returns the process's exit code.
int RunScript(const Arguments& arguments, const std::string& name, const std::string& script) {
  auto runner = Runner::Make(arguments.run, arguments.sets);
  if (!runner.ok()) {
    PrintError("", runner.status());
    return ExitCode(runner.status());
  }
  if (!arguments.init.empty()) {
    const auto init = ReadFile(arguments.init);
    if (!init.ok()) {
      PrintError("", init.status());
      return kExitUsage;
    }
    const int code = (*runner)->Run(arguments.init, *init);
    if (code != kExitDone) return code;
  }
  return (*runner)->Run(name, script);
}

int RunFile(const Arguments& arguments, bool explain) {
  auto script = ReadFile(arguments.script);
  if (!script.ok()) {
    PrintError("", script.status());
    return kExitUsage;
  }
  Arguments changed = arguments;
  changed.run.explain = explain;
  return RunScript(changed, arguments.script, *script);
}

int RunSql(const Arguments& arguments) {
  if (!arguments.texts.empty()) {
    std::string script;
    for (const std::string& text : arguments.texts) script += text + "\n;\n";
    return RunScript(arguments, "-e", script);
  }
  if (isatty(STDIN_FILENO) != 0) return RunShell(arguments.run, arguments.sets);
  std::stringstream text;
  text << std::cin.rdbuf();
  return RunScript(arguments, "standard input", text.str());
}

int Main(int argc, char** argv) {
  CLI::App app{kDescription};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("millrace ") + kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);
  Arguments arguments;
  CLI::App* run = app.add_subcommand("run", "Runs the jobs of a SQL script to their end");
  run->footer(kRunFooter);
  run->add_option("script", arguments.script, "SQL script")->required()->type_name("FILE");
  run->add_option("--for", arguments.run.time_limit,
                  "Drain and end each job after this time: 60s, 5min, 1h")
      ->type_name("TIME");
  run->add_flag("--show", arguments.run.dashboard, "Show the job at work as a table that updates");
  AddInit(run, &arguments);
  AddRestore(run, &arguments.run.restore);
  AddCommon(run, &arguments);
  StateCommands state;
  state.AddTo(&app);
  IcebergCommands iceberg;
  iceberg.AddTo(&app);
  CLI::App* sql =
      app.add_subcommand("sql", "Runs statements: a shell, or -e, or a script on standard input");
  sql->footer(kSqlFooter);
  sql->add_option("-e,--execute", arguments.texts, "Statements to run; may be repeated")
      ->type_name("SQL")
      ->allow_extra_args(false);
  AddCommon(sql, &arguments);
  CLI::App* explain = app.add_subcommand("explain", "Prints the plans of a script's queries");
  explain->footer(kExplainFooter);
  explain->add_option("script", arguments.script, "SQL script")->required()->type_name("FILE");
  AddInit(explain, &arguments);
  AddCommon(explain, &arguments);
  CLI::App* docs = app.add_subcommand("docs", "Prints a reference page as Markdown");
  docs->add_subcommand("functions", "All functions, from their registry");
  docs->require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  if (state.parsed()) return state.Run();
  if (iceberg.parsed()) return iceberg.Run();
  if (run->parsed()) UseDefaultFolder(&arguments);
  if (run->parsed()) return RunFile(arguments, false);
  if (explain->parsed()) return RunFile(arguments, true);
  if (docs->parsed()) {
    std::cout << FunctionManual();
    return kExitDone;
  }
  return RunSql(arguments);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  try {
    const int code = millrace::Main(argc, argv);
    millrace::StopStorage();
    return code;
  } catch (const std::bad_alloc&) {
    std::fputs("millrace: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "millrace: internal error: %s\n", error.what());
  }
  return millrace::kExitFailed;
}
