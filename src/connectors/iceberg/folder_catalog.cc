// The catalog 'hadoop': a table is a folder.
//
//   WAREHOUSE/db/table/metadata/v3.metadata.json   the newest N is the table
//                               version-hint.text  "3": where to start looking; may lag behind
#include <charconv>
#include <filesystem>

#include "connectors/iceberg/catalog.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

class FolderCatalog final : public IcebergCatalog {
 public:
  FolderCatalog(Options options, std::string location)
      : files_(std::move(options)), location_(std::move(location)) {}

  Result<std::optional<IcebergTable>> Load() override {
    MILL_ASSIGN(const int64_t version, NewestVersion());
    if (version == 0) return std::optional<IcebergTable>();
    MILL_ASSIGN(auto table, ReadIcebergTable(&files_, PathOf(version)));
    return std::optional(std::move(table));
  }

  Result<IcebergTable> Create(const IcebergTableDraft& draft) override {
    const JsonTree json = NewIcebergMetadata(RandomUuid(), location_, draft.schema, draft.spec,
                                             draft.properties, NowMillis());
    MILL_ASSIGN(const bool written, files_.WriteIfAbsent(PathOf(1), json.ToText()));
    if (written) MILL_RETURN(files_.Replace(HintPath(), "1"));
    return LoadIcebergTable(this, location_);
  }

  Result<IcebergCommit> Commit(const IcebergTable& base, const JsonTree::Array& requirements,
                               const JsonTree::Array& updates) override {
    if (!HoldsRequirements(base.metadata, requirements)) return IcebergCommit::kConflict;
    const int64_t next = VersionIn(base.metadata_location) + 1;
    MILL_ASSIGN(const JsonTree json, UpdatedMetadata(base.metadata, updates,
                                                     base.metadata_location, NowMillis()));
    MILL_ASSIGN(const bool written, files_.WriteIfAbsent(PathOf(next), json.ToText()));
    if (!written) return IcebergCommit::kConflict;
    // The commit has happened; a hint that lags behind costs others some looking only.
    const Status hinted = files_.Replace(HintPath(), fmt::format("{}", next));
    (void)hinted;
    RemoveOldMetadata(&files_, base.metadata, json);
    return IcebergCommit::kDone;
  }

  IcebergFiles& files() override { return files_; }

 private:
  std::string PathOf(int64_t version) const {
    return fmt::format("{}/metadata/v{}.metadata.json", location_, version);
  }
  std::string HintPath() const { return location_ + "/metadata/version-hint.text"; }

  // Of ".../v12.metadata.json"; 0 if it is not named so.
  static int64_t VersionIn(const std::string& location) {
    const size_t name = location.rfind('/') + 1;
    int64_t version = 0;
    const char* end = location.data() + location.size();
    if (name < location.size() && location[name] == 'v') {
      const auto read = std::from_chars(location.data() + name + 1, end, version);
      if (std::string_view(read.ptr, end) != ".metadata.json") return 0;
    }
    return version;
  }

  // From the hint upwards; without one, or behind a wrong one, by looking into the folder.
  Result<int64_t> NewestVersion() {
    int64_t version = 0;
    MILL_ASSIGN(const bool hinted, files_.Exists(HintPath()));
    if (hinted) {
      MILL_ASSIGN(const std::string text, files_.Read(HintPath()));
      std::from_chars(text.data(), text.data() + text.size(), version);
    }
    bool there = false;
    if (version > 0) {
      MILL_ASSIGN(there, files_.Exists(PathOf(version)));
    }
    if (!there) {
      version = 0;
      MILL_ASSIGN(const auto listed, files_.List(location_ + "/metadata"));
      for (const auto& file : listed) version = std::max(version, VersionIn(file.location));
      if (version == 0) return version;
    }
    while (true) {
      MILL_ASSIGN(const bool newer, files_.Exists(PathOf(version + 1)));
      if (!newer) return version;
      ++version;
    }
  }

  IcebergFiles files_;
  std::string location_;
};

}  // namespace

Result<std::unique_ptr<IcebergCatalog>> OpenFolderCatalog(const IcebergOptions& options) {
  std::string warehouse = options.warehouse;
  if (!IsObjectStore(warehouse)) {
    std::error_code error;  // readers elsewhere need the whole path
    warehouse = std::filesystem::absolute(LocalPath(warehouse), error).lexically_normal().string();
  }
  std::string folder = options.database;
  for (char& c : folder) {
    if (c == '.') c = '/';
  }
  return std::make_unique<FolderCatalog>(
      options.all, fmt::format("{}/{}/{}", warehouse, folder, options.table));
}

}  // namespace millrace
