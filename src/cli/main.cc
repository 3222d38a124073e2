// The millrace program: run a job, query from the shell, explain a plan.
//
// Exit codes: 0 done, 1 the job failed, 2 the script or the arguments are wrong.
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/runner.h"
#include "cli/shell.h"
#include "cli/state_commands.h"
#include "engine/function_manual.h"

namespace millrace {
namespace {

constexpr const char* kVersion = "0.1.0";

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return UserError("cannot read '{}': {}", path, std::strerror(errno));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Arguments {
  std::string script;             // file of run and explain
  std::vector<std::string> texts; // sql -e
  std::vector<std::string> sets;  // --set key=value
  RunSettings run;
};

void AddCommon(CLI::App* command, Arguments* arguments) {
  command->add_option("--set", arguments->sets, "Session option, as SET in the script would: key=value")
      ->type_name("KEY=VALUE");
  command->add_option("--workers", arguments->run.workers,
                      "Worker threads; 0: parallelism.default, else one per core");
  command->add_option("--folder", arguments->run.job_folder,
                      "Job folder: checkpoints, dead letters and late rows are kept here");
  command->add_flag("--quiet,-q", arguments->run.quiet, "No progress and no summary");
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
    std::fprintf(stderr, "millrace: %s\n", runner.status().message().c_str());
    return kExitUsage;
  }
  return (*runner)->Run(name, script);
}

int RunFile(const Arguments& arguments, bool explain) {
  auto script = ReadFile(arguments.script);
  if (!script.ok()) {
    std::fprintf(stderr, "millrace: %s\n", script.status().message().c_str());
    return kExitUsage;
  }
  Arguments changed = arguments;
  changed.run.explain = explain;
  return RunScript(changed, arguments.script, *script);
}

int RunSql(const Arguments& arguments) {
  if (!arguments.texts.empty()) {
    std::string script;
    for (const std::string& text : arguments.texts) script += text + ";\n";
    return RunScript(arguments, "-e", script);
  }
  if (isatty(STDIN_FILENO) == 0) {
    std::stringstream text;
    text << std::cin.rdbuf();
    return RunScript(arguments, "standard input", text.str());
  }
  return RunShell(arguments.run, arguments.sets);
}

int Main(int argc, char** argv) {
  CLI::App app{
      "Millrace runs Flink SQL jobs on one machine: real-time sessions and stream analytics in event "
      "time, exactly once.\n\n"
      "  millrace run job.sql             run a script's jobs to their end\n"
      "  millrace sql                     a shell\n"
      "  millrace sql -e \"SELECT 1 + 1\"   one statement\n"
      "  millrace explain job.sql         show how a script would run"};
  app.set_version_flag("--version", std::string("millrace ") + kVersion);
  app.require_subcommand(1);
  Arguments arguments;
  CLI::App* run = app.add_subcommand("run", "Runs the jobs of a SQL script. Ctrl-C drains and ends cleanly");
  run->add_option("script", arguments.script, "SQL script")->required();
  run->add_option("--for", arguments.run.time_limit, "Drain and end after this time, e.g. 60s");
  run->add_flag("--show", arguments.run.dashboard, "Show the job at work as a table that updates");
  AddRestore(run, &arguments.run.restore);
  AddCommon(run, &arguments);
  StateCommands state;
  state.AddTo(&app);
  CLI::App* sql = app.add_subcommand("sql", "A shell; or -e, or a script on standard input");
  sql->add_option("-e", arguments.texts, "Statement to execute");
  AddCommon(sql, &arguments);
  CLI::App* explain = app.add_subcommand("explain", "Prints the plans of a script's queries");
  explain->add_option("script", arguments.script, "SQL script")->required();
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

int main(int argc, char** argv) { return millrace::Main(argc, argv); }
