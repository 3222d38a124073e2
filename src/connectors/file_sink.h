// Writes rows into files of a folder, exactly once. A file in progress is hidden; staging makes it
// durable, publishing renames it:
//
//   out/day=2024-01-01/.part-5f2c-3.inprogress  ->  out/day=2024-01-01/part-5f2c-<epoch>-3.json
//
// Files of former runs are never touched.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"

namespace millrace {

class FileSink : public Sink {
 public:
  static Result<std::unique_ptr<FileSink>> Make(const TableInfo& table);
  ~FileSink() override;

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Abort() override;
  bool takes_changelog() const override { return false; }

 private:
  struct OpenFile {
    int descriptor = -1;
    std::string hidden;
    std::string folder;  // of the partition, "" or ending with '/'
    int64_t sequence = 0;
    int64_t bytes = 0;
  };

  FileSink() = default;
  std::string PartitionOf(const Batch& batch, int64_t row) const;
  Status WriteRows(const std::string& partition, const arrow::RecordBatch& rows);
  Result<OpenFile*> FileOf(const std::string& partition);
  Status CloseFile(OpenFile file);
  Status CloseAll();

  std::string path_;    // ends with '/'
  std::string ending_;  // ".json"
  std::string writer_;  // tells this writer's files from all others
  std::vector<std::string> partition_names_;
  std::vector<int> partition_columns_;
  std::vector<int> data_columns_;
  std::unique_ptr<Encoder> encoder_;
  int64_t max_bytes_ = 0;
  int64_t sequence_ = 0;
  std::map<std::string, OpenFile> open_;  // by partition
  std::vector<OpenFile> closed_;          // of the current epoch, durable
  std::vector<std::string> staged_;       // hidden files that wait for Publish
};

}  // namespace millrace
