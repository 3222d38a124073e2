// The catalog 'jdbc' in an SQLite database: the tables that Iceberg's JdbcCatalog and pyiceberg's
// SqlCatalog share.
#include <sqlite3.h>

#include <filesystem>

#include "connectors/iceberg/catalog.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

constexpr int kBusyMillis = 30000;

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};

class SqliteCatalog final : public IcebergCatalog {
 public:
  explicit SqliteCatalog(const IcebergOptions& options)
      : options_(options), files_(options.all) {}

  Status Open(const std::string& path) {
    path_ = path;
    sqlite3* database = nullptr;
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path.c_str(), &database, kFlags, nullptr);
    database_.reset(database);
    if (code != SQLITE_OK) return Failed("open");
    sqlite3_busy_timeout(database, kBusyMillis);
    MILL_RETURN(Run("CREATE TABLE IF NOT EXISTS iceberg_tables ("
                    "catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, "
                    "table_name VARCHAR(255) NOT NULL, "
                    "metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), "
                    "PRIMARY KEY (catalog_name, table_namespace, table_name))", {}).status());
    return Run("CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) "
               "NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, "
               "property_value VARCHAR(1000) NOT NULL, "
               "PRIMARY KEY (catalog_name, namespace, property_key))", {}).status();
  }

  Result<std::optional<IcebergTable>> Load() override {
    MILL_ASSIGN(const auto location,
                Run("SELECT metadata_location FROM iceberg_tables WHERE catalog_name = ? AND "
                    "table_namespace = ? AND table_name = ?", Name()));
    if (location.empty()) return std::optional<IcebergTable>();
    MILL_ASSIGN(auto table, ReadIcebergTable(&files_, location));
    return std::optional(std::move(table));
  }

  Result<IcebergTable> Create(const IcebergTableDraft& draft) override {
    if (options_.warehouse.empty()) {
      return UserError("option 'warehouse' is missing: table '{}' is to be created below it",
                       options_.full_name());
    }
    std::string warehouse = options_.warehouse;
    if (!IsObjectStore(warehouse)) {
      std::error_code error;  // readers elsewhere need the whole path
      const auto path = std::filesystem::absolute(LocalPath(warehouse), error);
      warehouse = path.lexically_normal().string();
    }
    const std::string table = fmt::format("{}/{}/{}", warehouse, options_.database, options_.table);
    const JsonTree json = NewIcebergMetadata(RandomUuid(), table, draft.schema, draft.spec,
                                             draft.properties, NowMillis());
    const std::string location =
        fmt::format("{}/metadata/00000-{}.metadata.json", table, RandomUuid());
    MILL_RETURN(files_.Write(location, json.ToText()));
    MILL_RETURN(Run("INSERT OR IGNORE INTO iceberg_namespace_properties VALUES (?, ?, 'exists', "
                    "'true')", {options_.catalog_name, options_.database}).status());
    auto values = Name();
    values.push_back(location);
    MILL_RETURN(Run("INSERT OR IGNORE INTO iceberg_tables (catalog_name, table_namespace, "
                    "table_name, metadata_location) VALUES (?, ?, ?, ?)", values).status());
    return LoadIcebergTable(this, options_.full_name());
  }

  Result<IcebergCommit> Commit(const IcebergTable& base, const JsonTree::Array& requirements,
                               const JsonTree::Array& updates) override {
    if (!HoldsRequirements(base.metadata, requirements)) return IcebergCommit::kConflict;
    MILL_ASSIGN(const JsonTree json, UpdatedMetadata(base.metadata, updates,
                                                     base.metadata_location, NowMillis()));
    const std::string location = fmt::format("{}/metadata/{:05}-{}.metadata.json",
                                             base.metadata.location,
                                             VersionIn(base.metadata_location) + 1, RandomUuid());
    MILL_RETURN(files_.Write(location, json.ToText()));
    const std::vector<std::string> name = Name();
    MILL_RETURN(Run("UPDATE iceberg_tables SET metadata_location = ?, "
                    "previous_metadata_location = ? WHERE catalog_name = ? AND "
                    "table_namespace = ? AND table_name = ? AND "
                    "metadata_location = ?",
                    {location, base.metadata_location, name[0], name[1], name[2],
                     base.metadata_location}).status());
    if (sqlite3_changes(database_.get()) != 1) {
      MILL_RETURN(files_.Remove(location));
      return IcebergCommit::kConflict;
    }
    RemoveOldMetadata(&files_, base.metadata, json);
    return IcebergCommit::kDone;
  }

  IcebergFiles& files() override { return files_; }

 private:
  std::vector<std::string> Name() const {
    return {options_.catalog_name, options_.database, options_.table};
  }

  // Of ".../00012-uuid.metadata.json".
  static int64_t VersionIn(const std::string& location) {
    return std::atoll(location.c_str() + location.rfind('/') + 1);
  }

  Status Failed(const char* what) const {
    return ExternalError("cannot {} the catalog '{}': {}", what, path_,
                         database_ ? sqlite3_errmsg(database_.get()) : "no memory");
  }

  // Runs a statement; the text of the first row's first column, "" if there is none.
  Result<std::string> Run(const std::string& sql, const std::vector<std::string>& values) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      return Failed("use");
    }
    for (size_t i = 0; i < values.size(); ++i) {
      sqlite3_bind_text(statement, static_cast<int>(i) + 1, values[i].data(),
                        static_cast<int>(values[i].size()), SQLITE_TRANSIENT);
    }
    const int code = sqlite3_step(statement);
    std::string text;
    if (code == SQLITE_ROW && sqlite3_column_text(statement, 0)) {
      text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    const Status status = code == SQLITE_ROW || code == SQLITE_DONE ? Status::OK() : Failed("use");
    sqlite3_finalize(statement);
    MILL_RETURN(status);
    return text;
  }

  IcebergOptions options_;
  IcebergFiles files_;
  std::string path_;
  std::unique_ptr<sqlite3, CloseDatabase> database_;
};

// "jdbc:sqlite:/x.db", "sqlite:////x.db" (as SQLAlchemy writes it) and "/x.db" are the same.
std::string DatabasePath(std::string uri) {
  if (uri.starts_with("jdbc:")) uri.erase(0, 5);
  if (uri.starts_with("sqlite:///")) return uri.substr(10);
  if (uri.starts_with("sqlite:")) return uri.substr(7);
  return uri;
}

}  // namespace

Result<std::unique_ptr<IcebergCatalog>> OpenSqliteCatalog(const IcebergOptions& options) {
  const std::string path = DatabasePath(options.uri);
  if (path.find("://") != std::string::npos || path.starts_with("postgres")) {
    return UserError("option 'uri': '{}' is no SQLite database. hint: "
                     "'jdbc:sqlite:/path/catalog.db'", options.uri);
  }
  auto catalog = std::make_unique<SqliteCatalog>(options);
  MILL_RETURN(catalog->Open(path));
  return catalog;
}

}  // namespace millrace
