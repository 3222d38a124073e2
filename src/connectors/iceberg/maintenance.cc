#include "connectors/iceberg/maintenance.h"

#include "formats/options.h"

namespace millrace {
namespace {

// "older-than" as an age: the time that long ago.
Result<int64_t> OlderThan(const Options& arguments, const std::string& fallback) {
  MILL_ASSIGN(const auto age, ParseDuration(StringOption(arguments, "older-than", fallback)));
  return NowMillis() - age.count();
}

Result<std::string> Compact(IcebergCatalog* catalog, const std::string& name,
                            const TableInfo& table, const Options& arguments) {
  IcebergRewrite wanted;
  MILL_ASSIGN(wanted.target_bytes,
              ParseMemorySize(StringOption(arguments, "target-file-size", "128MB")));
  MILL_ASSIGN(wanted.min_files, IntOption(arguments, "min-input-files", 2));
  MILL_ASSIGN(const auto done, RewriteDataFiles(catalog, name, wanted, table.options));
  return fmt::format("{} data files of {} bytes became {}, {} delete files went", done.files_before,
                     done.bytes, done.files_after, done.delete_files);
}

Result<std::string> Expire(IcebergCatalog* catalog, const std::string& name,
                           const Options& arguments) {
  IcebergExpire wanted;
  MILL_ASSIGN(wanted.older_than, OlderThan(arguments, "5 d"));
  MILL_ASSIGN(wanted.retain_last, IntOption(arguments, "retain-last", 1));
  MILL_ASSIGN(const auto done, ExpireSnapshots(catalog, name, wanted));
  return fmt::format("{} snapshots expired, {} files removed", done.snapshots, done.files);
}

Result<std::string> Orphans(IcebergCatalog* catalog, const std::string& name,
                            const Options& arguments) {
  MILL_ASSIGN(const bool dry_run, BoolOption(arguments, "dry-run", false));
  MILL_ASSIGN(const int64_t older_than, OlderThan(arguments, "3 d"));
  MILL_ASSIGN(const int64_t count, RemoveOrphanFiles(catalog, name, older_than, dry_run));
  return fmt::format("{} orphan files {}", count, dry_run ? "found" : "removed");
}

}  // namespace

Result<std::string> MaintainIceberg(const TableInfo& table, const std::string& command,
                                    const Options& arguments) {
  MILL_ASSIGN(const IcebergOptions options, IcebergOptions::Read(table));
  const std::string name = options.full_name();
  const auto run = [&]() -> Result<std::string> {
    MILL_ASSIGN(const auto catalog, OpenIcebergCatalog(options));
    if (command == "compact") return Compact(catalog.get(), name, table, arguments);
    if (command == "expire") return Expire(catalog.get(), name, arguments);
    if (command == "orphans") return Orphans(catalog.get(), name, arguments);
    return UserError("'{}' is none of compact, expire, orphans", command);
  };
  auto done = run();
  if (!done.ok()) return Annotate(done.status(), fmt::format("Iceberg table '{}'", name));
  return name + ": " + *done;
}

}  // namespace millrace
