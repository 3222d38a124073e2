#include "cli/iceberg_commands.h"

#include <cstdio>

#include "cli/runner.h"
#include "connectors/iceberg/maintenance.h"

namespace millrace {
namespace {

constexpr const char* kFooter =
    R"(The table is named as in the options of a table in SQL:
  millrace iceberg compact db.events --with warehouse=/data/lake
  millrace iceberg expire db.events --with catalog-type=rest --with uri=http://host:8181)";

}  // namespace

void IcebergCommands::AddTo(CLI::App* app) {
  iceberg_ = app->add_subcommand("iceberg", "Keeps an Iceberg table small");
  iceberg_->footer(kFooter);
  iceberg_->require_subcommand(1);
  const auto add = [this](const char* name, const char* what) {
    CLI::App* command = iceberg_->add_subcommand(name, what);
    command->footer(kFooter);
    command->add_option("table", table_, "DATABASE.TABLE")->required();
    command->add_option("--with", options_, "An option of the table: key=value; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    return command;
  };
  const auto argument = [this](CLI::App* command, const std::string& name, const char* what) {
    command->add_option("--" + name, arguments_[name], what);
  };
  CLI::App* compact = add("compact", "Puts small files together and applies deletes");
  argument(compact, "target-file-size", "Size of new files; 128MB by default");
  argument(compact, "min-input-files", "Small files of a partition, at least; 2 by default");
  CLI::App* expire = add("expire", "Removes old snapshots and the files that only they have");
  argument(expire, "older-than", "Age of what goes; 5d by default");
  argument(expire, "retain-last", "So many of the newest stay in any case; 1 by default");
  CLI::App* orphans = add("orphans", "Removes files that no snapshot refers to");
  argument(orphans, "older-than", "Age of what goes; 3d by default, 1d at least");
  orphans->add_flag("--dry-run", dry_run_, "Only count them");
}

int IcebergCommands::Run() const {
  TableInfo table;
  const size_t dot = table_.rfind('.');
  table.name = dot == std::string::npos ? table_ : table_.substr(dot + 1);
  table.options["connector"] = "iceberg";
  if (dot != std::string::npos) table.options["catalog-database"] = table_.substr(0, dot);
  for (const std::string& option : options_) {
    const size_t equals = std::min(option.find('='), option.size());
    table.options[option.substr(0, equals)] =
        equals < option.size() ? option.substr(equals + 1) : "";
  }
  Options arguments;
  for (const auto& [name, value] : arguments_) {
    if (!value.empty()) arguments[name] = value;
  }
  if (dry_run_) arguments["dry-run"] = "true";
  const auto run = [&]() -> Result<std::string> {
    MILL_RETURN(CheckOptions(*FindConnector("iceberg"), table));
    return MaintainIceberg(table, iceberg_->get_subcommands().front()->get_name(), arguments);
  };
  const Result<std::string> done = run();
  if (!done.ok()) {
    std::fprintf(stderr, "millrace: %s\n", done.status().message().c_str());
    return done.status().IsInvalid() ? kExitUsage : kExitFailed;
  }
  std::printf("%s\n", done->c_str());
  return kExitDone;
}

}  // namespace millrace
