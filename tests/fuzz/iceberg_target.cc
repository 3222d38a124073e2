// The first byte chooses: 0 the rest is a table's metadata, 1 edits to good metadata, 2 to a good
// manifest, 3 to a good manifest list. An edit is three bytes, two for the place and one for the new
// value; an Avro file that is made of anything else is refused at its first byte.
#include "iceberg_target.h"

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "connectors/iceberg/manifest.h"

namespace millrace {
namespace {

// What can be read by the path of its descriptor.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& bytes) : descriptor_(memfd_create("fuzz", 0)) {
    MILL_CHECK(descriptor_ >= 0);
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    MILL_CHECK(written == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

const IcebergSchema& TableSchema() {
  static const IcebergSchema kSchema = [] {
    IcebergSchema schema;
    int id = 0;
    for (const char* type : {"int", "long", "string", "date", "timestamptz", "decimal(20, 3)",
                             "uuid", "fixed[3]", "double", "boolean"}) {
      ++id;
      schema.fields.push_back(
          {id, fmt::format("c{}", id), false, ParseIcebergType(type).ValueOrDie(), ""});
    }
    return schema;
  }();
  return kSchema;
}

IcebergPartitionSpec TableSpec() {
  IcebergPartitionSpec spec;
  for (const IcebergField& field : TableSchema().fields) {
    spec.fields.push_back({field.id, 1000 + field.id, "p_" + field.name, {}});
  }
  return spec;
}

IcebergEntry GoodEntry() {
  IcebergEntry entry;
  entry.file.path = "/data/x.parquet";
  entry.file.rows = 10;
  entry.file.bytes = 1000;
  entry.file.partition = {int64_t{-7},          int64_t{1} << 60,
                          std::string("a"),     int64_t{19000},
                          int64_t{-1},          arrow::Decimal128(-123456),
                          std::string(16, 'u'), std::string("xyz"),
                          -0.25,                true};
  entry.file.value_counts = {{1, 10}, {2, 9}};
  entry.file.null_counts = {{1, 0}};
  entry.file.lower_bounds = {{2, std::string("\1\0\0\0", 4)}};
  entry.file.split_offsets = {4, 1000000};
  entry.file.equality_ids = {1, 2};
  return entry;
}

// Bytes of what `write` puts at a path.
template <typename Write>
std::string Written(const char* name, const Write& write) {
  const auto path = std::filesystem::temp_directory_path() /
                    fmt::format("millrace_fuzz_{}_{}", name, getpid());
  IcebergFiles files({});
  std::filesystem::remove(path);
  MILL_CHECK(write(&files, path.string()).ok());
  const std::string bytes = files.Read(path.string()).ValueOrDie();
  std::filesystem::remove(path);
  return bytes;
}

const std::string& GoodManifest() {
  static const std::string kBytes = Written("manifest", [](auto* files, const auto& path) {
    return WriteManifest(files, path, TableSchema(), TableSpec(), false, {GoodEntry(), GoodEntry()})
        .status();
  });
  return kBytes;
}

const std::string& GoodList() {
  static const std::string kBytes = Written("list", [](auto* files, const auto& path) {
    IcebergManifest manifest;
    manifest.path = "/m.avro";
    manifest.length = 12345;
    manifest.partitions = {{true, false, "a", "b"}};
    return WriteManifestList(files, path, {}, {manifest, manifest});
  });
  return kBytes;
}

const std::string& GoodMetadata() {
  static const std::string kText = [] {
    const JsonTree json = NewIcebergMetadata("uuid", "/t", TableSchema(), TableSpec(), {}, 1000);
    return json.ToText();
  }();
  return kText;
}

std::string Edited(std::string bytes, std::string_view edits) {
  for (size_t i = 0; i + 2 < edits.size(); i += 3) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(edits[at]); };
    bytes[(byte(i) * 256u + byte(i + 1)) % bytes.size()] = edits[i + 2];
  }
  return bytes;
}

// What a reader does with a table before it looks at files, and a writer to commit.
Status ReadMetadata(std::string_view text) {
  MILL_ASSIGN(JsonTree json, JsonTree::Parse(std::string(text)));
  MILL_ASSIGN(const IcebergMetadata table, IcebergMetadata::Parse(std::move(json)));
  MILL_CHECK(!table.current() || table.current()->id == table.current_snapshot_id);
  MILL_CHECK(table.schema().id == table.current_schema_id);
  MILL_CHECK(table.spec().id == table.default_spec_id);
  MILL_ASSIGN(JsonTree update,
              JsonTree::Parse(R"({"action":"set-properties","updates":{"a":"b"}})"));
  MILL_ASSIGN(JsonTree changed, UpdatedMetadata(table, {update}, "/t/metadata/v1.json", 2000));
  MILL_ASSIGN(const IcebergMetadata again, IcebergMetadata::Parse(std::move(changed)));
  MILL_CHECK(again.snapshots.size() == table.snapshots.size());
  return Status::OK();
}

Status ReadDamagedManifest(const std::string& bytes) {
  const MemoryFile file(bytes);
  IcebergFiles files({});
  IcebergManifest manifest;
  manifest.path = file.path();
  MILL_ASSIGN(const auto entries, ReadManifest(&files, manifest, TableSpec(), TableSchema()));
  for (const IcebergEntry& entry : entries) {
    MILL_CHECK(entry.file.partition.size() == TableSpec().fields.size());
  }
  return Status::OK();
}

Status ReadDamagedList(const std::string& bytes) {
  const MemoryFile file(bytes);
  IcebergFiles files({});
  return ReadManifestList(&files, file.path()).status();
}

Status Read(char choice, std::string_view rest) {
  switch (choice & 3) {
    case 0: return ReadMetadata(rest);
    case 1: return ReadMetadata(Edited(GoodMetadata(), rest));
    case 2: return ReadDamagedManifest(Edited(GoodManifest(), rest));
    default: return ReadDamagedList(Edited(GoodList(), rest));
  }
}

}  // namespace

void RunIceberg(std::string_view input) {
  if (input.empty()) return;
  const Status read = Read(input.front(), input.substr(1));
  MILL_CHECK(read.ok() || !read.message().empty());
}

}  // namespace millrace
