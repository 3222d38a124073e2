#include "connectors/iceberg/catalog.h"

#include <chrono>
#include <random>
#include <set>

namespace millrace {

int64_t NowMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string RandomUuid() {
  std::random_device random;
  const auto bits = [&] { return static_cast<uint32_t>(random()); };
  const uint32_t a = bits(), b = bits(), c = bits(), d = bits();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", a, b >> 16, b & 0xFFF,
                     0x8000 | (c >> 18), c & 0xFFFF, d);
}

Result<IcebergTable> ReadIcebergTable(IcebergFiles* files, const std::string& location) {
  MILL_ASSIGN(const std::string text, files->Read(location));
  const std::string where = fmt::format("metadata '{}'", location);
  auto json = JsonTree::Parse(text);
  MILL_RETURN(Annotate(json.status(), where));
  auto metadata = IcebergMetadata::Parse(std::move(*json));
  MILL_RETURN(Annotate(metadata.status(), where));
  return IcebergTable{std::move(*metadata), location};
}

void RemoveOldMetadata(IcebergFiles* files, const IcebergMetadata& before, const JsonTree& after) {
  if (before.Property("write.metadata.delete-after-commit.enabled", "false") != "true") return;
  std::set<std::string> kept;
  for (const JsonTree& each : after.ListOrEmpty("metadata-log")) {
    kept.insert(each.TextOr("metadata-file", ""));
  }
  for (const JsonTree& each : before.json.ListOrEmpty("metadata-log")) {
    const std::string file = each.TextOr("metadata-file", "");
    if (file.empty() || kept.contains(file)) continue;
    const Status removed = files->Remove(file);
    (void)removed;  // what stays is an orphan: nothing refers to it
  }
}

Result<IcebergTable> LoadIcebergTable(IcebergCatalog* catalog, const std::string& name) {
  MILL_ASSIGN(auto table, catalog->Load());
  if (table) return std::move(*table);
  return UserError("Iceberg table '{}' is not in the catalog. hint: a job that writes it makes it",
                   name);
}

Result<std::unique_ptr<IcebergCatalog>> OpenIcebergCatalog(const IcebergOptions& options) {
  using Type = IcebergOptions::CatalogType;
  if (options.catalog_type == Type::kRest) return OpenRestCatalog(options);
  if (options.catalog_type == Type::kSqlite) return OpenSqliteCatalog(options);
  return OpenFolderCatalog(options);
}

}  // namespace millrace
