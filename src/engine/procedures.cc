#include "engine/procedures.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <map>

#include "base/nearest.h"
#include "connectors/iceberg/maintenance.h"
#include "formats/options.h"
#include "formats/text_value.h"
#include "plan/scope.h"

namespace millrace {
namespace {

using ast::ExprKind;
using ast::ExprPtr;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// A procedure's arguments by name.
class Arguments {
 public:
  // `names`: the parameters, in their order.
  static Result<Arguments> Bind(const ast::Call& call, const std::vector<std::string>& names) {
    Arguments bound;
    size_t position = 0;
    for (const ExprPtr& argument : call.args) {
      const bool named = argument->kind == ExprKind::kNamedArg;
      std::string name = named ? Lower(argument->name)
                               : (position < names.size() ? names[position] : "");
      if (!named) ++position;
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        return AtPlace(NoSuchArgument(call.name, named ? name : "", names), argument->place);
      }
      const ExprPtr value = named ? argument->args[0] : argument;
      if (!bound.values_.emplace(name, value).second) {
        return AtPlace(UserError("argument '{}' is given twice", name), argument->place);
      }
    }
    return bound;
  }

  const ast::Expr* Find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : found->second.get();
  }

  // A text, NULL as if it was not there.
  Result<std::string> Text(const std::string& name) const {
    const ast::Expr* value = Find(name);
    if (!value || IsNull(*value)) return std::string();
    if (value->kind == ExprKind::kLiteral && value->literal_type.IsString()) return value->text;
    return Wrong(name, *value, "a text such as 'db.events'");
  }

  Result<int64_t> Number(const std::string& name, int64_t otherwise) const {
    const ast::Expr* value = Find(name);
    if (!value || IsNull(*value)) return otherwise;
    int64_t number = 0;
    const std::string& text = value->text;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
    if (value->kind != ExprKind::kLiteral || !whole) return Wrong(name, *value, "a whole number");
    return number;
  }

  Result<bool> Flag(const std::string& name, bool otherwise) const {
    const ast::Expr* value = Find(name);
    if (!value || IsNull(*value)) return otherwise;
    const std::string text = Lower(value->text);
    const bool is_flag = value->kind == ExprKind::kLiteral && (text == "true" || text == "false");
    if (!is_flag) return Wrong(name, *value, "TRUE or FALSE");
    return text == "true";
  }

  // A point in time, ms since 1970: a timestamp, in UTC, or an age.
  Result<int64_t> Time(const std::string& name, int64_t now, std::chrono::milliseconds age) const {
    const ast::Expr* value = Find(name);
    if (!value || IsNull(*value)) return now - age.count();
    if (value->kind == ExprKind::kInterval &&
        value->literal_type.kind == TypeKind::kIntervalDay) {
      return now - value->interval_value;
    }
    int64_t time = 0;
    const SqlType type = SqlType::Timestamp(3);
    if (value->kind == ExprKind::kLiteral) {
      if (ParseTimestamp(value->text, type, &time)) return time;
      if (ParseTimestamp(value->text + " 00:00:00", type, &time)) return time;
      const auto given = ParseDuration(value->text);
      if (given.ok()) return now - given->count();
    }
    return Wrong(name, *value, "TIMESTAMP '2024-01-31 00:00:00', INTERVAL '5' DAY or '5 d'");
  }

  // Keys and values of MAP['key', 'value', ...].
  Result<Options> Map(const std::string& name) const {
    Options options;
    const ast::Expr* value = Find(name);
    if (!value || IsNull(*value)) return options;
    const bool is_map = value->kind == ExprKind::kMap && value->args.size() % 2 == 0;
    const auto literal = [](const ExprPtr& each) { return each->kind == ExprKind::kLiteral; };
    if (!is_map || !std::all_of(value->args.begin(), value->args.end(), literal)) {
      return Wrong(name, *value, "MAP['key', 'value', ...]");
    }
    for (size_t i = 0; i < value->args.size(); i += 2) {
      options[value->args[i]->text] = value->args[i + 1]->text;
    }
    return options;
  }

  Status Wrong(const std::string& name, const ast::Expr& value, const std::string& wanted) const {
    return AtPlace(UserError("argument '{}' is not what it should be. hint: {}", name, wanted),
                   value.place);
  }

 private:
  static bool IsNull(const ast::Expr& value) {
    return value.kind == ExprKind::kLiteral && value.literal_type.kind == TypeKind::kNull;
  }
  static Status NoSuchArgument(const std::string& procedure, const std::string& name,
                               const std::vector<std::string>& names) {
    const std::string near = NearestName(name, names);
    return UserError("{} {}{}. its arguments are {}", procedure,
                     name.empty() ? "takes fewer arguments"
                                  : fmt::format("has no argument '{}'", name),
                     near.empty() ? "" : fmt::format(". did you mean '{}'?", near),
                     fmt::join(names, ", "));
  }

  std::map<std::string, ExprPtr> values_;
};

// What a procedure works on.
struct Target {
  std::unique_ptr<IcebergCatalog> catalog;
  std::string name;
  Options options;
};

Result<ProcedureRow> Rewrite(const Arguments& arguments, Target& target) {
  IcebergRewrite wanted;
  MILL_ASSIGN(const std::string strategy, arguments.Text("strategy"));
  if (!strategy.empty() && Lower(strategy) != "binpack") {
    return arguments.Wrong("strategy", *arguments.Find("strategy"), "'binpack', the only one");
  }
  MILL_ASSIGN(const Options options, arguments.Map("options"));
  const std::vector<std::string> known = {"target-file-size-bytes", "min-input-files"};
  for (const auto& [key, value] : options) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return arguments.Wrong("options", *arguments.Find("options"),
                           fmt::format("'{}' is none of {}", key, fmt::join(known, ", ")));
  }
  MILL_ASSIGN(wanted.target_bytes, IntOption(options, known[0], wanted.target_bytes));
  MILL_ASSIGN(wanted.min_files, IntOption(options, known[1], wanted.min_files));
  MILL_ASSIGN(const IcebergRewritten done,
              RewriteDataFiles(target.catalog.get(), target.name, wanted, target.options));
  return ProcedureRow{{"rewritten_data_files_count", done.files_before},
                      {"added_data_files_count", done.files_after},
                      {"rewritten_bytes_count", done.bytes},
                      {"removed_delete_files_count", done.delete_files}};
}

Result<ProcedureRow> Expire(const Arguments& arguments, Target& target) {
  IcebergExpire wanted;
  MILL_ASSIGN(wanted.older_than,
              arguments.Time("older_than", NowMillis(), std::chrono::days(5)));
  MILL_ASSIGN(wanted.retain_last, arguments.Number("retain_last", 1));
  if (wanted.retain_last < 1) {
    return arguments.Wrong("retain_last", *arguments.Find("retain_last"), "1 or more");
  }
  MILL_ASSIGN(const IcebergExpired done,
              ExpireSnapshots(target.catalog.get(), target.name, wanted));
  return ProcedureRow{{"expired_snapshots_count", done.snapshots},
                      {"deleted_files_count", done.files}};
}

Result<ProcedureRow> Orphans(const Arguments& arguments, Target& target) {
  MILL_ASSIGN(const int64_t older_than,
              arguments.Time("older_than", NowMillis(), std::chrono::days(3)));
  MILL_ASSIGN(const bool dry_run, arguments.Flag("dry_run", false));
  MILL_ASSIGN(const int64_t files,
              RemoveOrphanFiles(target.catalog.get(), target.name, older_than, dry_run));
  return ProcedureRow{{dry_run ? "orphan_files_count" : "removed_files_count", files}};
}

struct Procedure {
  std::string name;
  std::vector<std::string> parameters;  // in the order of Iceberg's own
  Result<ProcedureRow> (*run)(const Arguments&, Target&);
  const char* doc;
};

const std::vector<Procedure>& Procedures() {
  static const std::vector<Procedure> kProcedures = {
      {"rewrite_data_files", {"table", "strategy", "options"}, Rewrite,
       "Puts small files of an Iceberg table together and applies deletes; options are "
       "MAP['target-file-size-bytes', '134217728', 'min-input-files', '2']."},
      {"expire_snapshots", {"table", "older_than", "retain_last"}, Expire,
       "Removes snapshots of an Iceberg table that are older than a time or an age, 5 days by "
       "default, and the files that only they have."},
      {"remove_orphan_files", {"table", "older_than", "dry_run"}, Orphans,
       "Removes files of an Iceberg table that no snapshot refers to and that are older than a "
       "time or an age, 3 days by default and a day at least."}};
  return kProcedures;
}

Result<const Procedure*> FindProcedure(const ast::Call& call) {
  std::vector<std::string> names;
  for (const Procedure& procedure : Procedures()) {
    if (procedure.name == Lower(call.name)) return &procedure;
    names.push_back(procedure.name);
  }
  const std::string near = NearestName(Lower(call.name), names);
  return AtPlace(UserError("there is no procedure '{}'{}. hint: there are {}", call.name,
                           near.empty() ? "" : fmt::format(". did you mean '{}'?", near),
                           fmt::join(names, ", ")),
                 call.place);
}

Result<Target> OpenTarget(const Arguments& arguments, const ast::Call& call,
                          const FindTableInfo& find_table) {
  MILL_ASSIGN(const std::string given, arguments.Text("table"));
  if (given.empty()) {
    return AtPlace(UserError("{} wants an argument: table => 'name'", call.name), call.place);
  }
  const ast::Place place = arguments.Find("table")->place;
  const auto found = find_table(given.substr(given.rfind('.') + 1));
  if (!found.ok()) return AtPlace(found.status(), place);
  const std::string connector = StringOption(found->options, "connector", "");
  if (connector != "iceberg") {
    return AtPlace(UserError("table '{}' has the connector '{}'; {} works on tables of 'iceberg'",
                             found->name, connector, call.name),
                   place);
  }
  MILL_RETURN(CheckOptions(*FindConnector("iceberg"), *found));
  MILL_ASSIGN(const IcebergOptions options, IcebergOptions::Read(*found));
  Target target;
  MILL_ASSIGN(target.catalog, OpenIcebergCatalog(options));
  target.name = options.full_name();
  target.options = found->options;
  return target;
}

}  // namespace

Result<ProcedureRow> RunProcedure(const ast::Call& call, const FindTableInfo& find_table) {
  MILL_ASSIGN(const Procedure* procedure, FindProcedure(call));
  MILL_ASSIGN(const Arguments arguments, Arguments::Bind(call, procedure->parameters));
  MILL_ASSIGN(Target target, OpenTarget(arguments, call, find_table));
  auto row = procedure->run(arguments, target);
  if (row.ok() || row.status().message().starts_with("line ")) return row;
  return Annotate(row.status(), fmt::format("{} on Iceberg table '{}'", call.name, target.name));
}

std::string ProcedureManual(const std::string& name) {
  for (const Procedure& procedure : Procedures()) {
    if (procedure.name != Lower(name)) continue;
    return fmt::format("CALL system.{}({})\n{}\n", procedure.name,
                       fmt::join(procedure.parameters, ", "), procedure.doc);
  }
  return "";
}

std::string QueryOf(const ProcedureRow& row) {
  std::vector<std::string> names, values;
  for (const auto& [name, value] : row) {
    names.push_back(name);
    values.push_back(fmt::format("CAST({} AS BIGINT)", value));
  }
  return fmt::format("SELECT * FROM (VALUES ({})) AS t({})", fmt::join(values, ", "),
                     fmt::join(names, ", "));
}

}  // namespace millrace
