// The files of one kind (data, or deletes) that a writer has open, one for each partition; and
// those that are finished. Bounded in open files and in what they hold in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/data_file.h"
#include "connectors/iceberg/partitioner.h"

namespace millrace {

// How files of a set are made.
struct IcebergFileKind {
  IcebergContent content = IcebergContent::kData;
  std::vector<IcebergField> fields;
  std::vector<int> equality_ids;  // of equality deletes
  std::string prefix;             // "LOCATION/data/"; then the partition's folder
  std::string writer;             // in all file names: tells this writer from others
  std::string suffix;             // "", "-deletes": in file names
  int64_t target_bytes = 128 << 20;
  Options options;                // 'parquet.*'
};

// Owned by one thread.
class IcebergFileSet {
 public:
  IcebergFileSet(IcebergFiles* files, IcebergFileKind kind)
      : files_(files), kind_(std::move(kind)) {}

  // Where rows were put: in the file at `path`, from row `first` on.
  struct Written {
    std::string path;
    int64_t first = 0;
  };
  Result<Written> Write(const IcebergPartitioner::Part& part);
  // Finishes the open files and hands over all that were finished.
  Result<std::vector<IcebergDataFile>> Finish();
  // Removes what was not handed over.
  void Drop();

 private:
  struct Open {
    std::unique_ptr<IcebergFileWriter> writer;
    std::vector<IcebergValue> partition;
    std::string path;
  };
  Result<Open*> FileOf(const IcebergPartitioner::Part& part);
  Status Close(Open file);
  Status BoundMemory();

  IcebergFiles* files_;
  IcebergFileKind kind_;
  int64_t sequence_ = 0;
  std::map<std::string, Open> open_;  // by folder
  std::vector<IcebergDataFile> finished_;
};

}  // namespace millrace
