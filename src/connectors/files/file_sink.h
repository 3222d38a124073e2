// Writes rows into files of a folder, exactly once: sorted into the folders of partitions, encoded,
// and rolled by size and age. What a file is before it is published, and how it is, is its target's
// matter (output_target.h): a hidden file or a multipart upload.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/files/output_target.h"
#include "connectors/files/partition_folders.h"
#include "formats/file_encoder.h"

namespace millrace {

class FileSink : public Sink {
 public:
  static Result<std::unique_ptr<FileSink>> Make(const TableInfo& table);
  ~FileSink() override;

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Recover(const std::vector<Committable>& pending) override;
  Status Abort() override;
  bool takes_changelog() const override { return false; }

 private:
  struct OpenFile {
    std::shared_ptr<PendingFile> stream;
    std::unique_ptr<FileEncoder> encoder;
    Timestamp opened = 0;  // arrival of its first row
  };

  FileSink() = default;
  Status ReadRolling(const Options& options);
  Status WriteRows(const std::string& folder, const arrow::RecordBatch& rows, Timestamp arrival);
  Result<OpenFile*> FileOf(const std::string& folder, Timestamp arrival);
  Status CloseFile(OpenFile file);
  Status CloseAll();
  Status CloseOld(Timestamp now);
  Status FlushEncoders();
  Status BoundMemory();
  void DropUnstaged();

  std::unique_ptr<OutputTarget> target_;
  std::unique_ptr<PartitionFolders> partitions_;
  FileEncoderMaker make_encoder_;
  int64_t max_bytes_ = 0;
  int64_t max_age_ = 0, check_age_ = 0;  // ms
  Timestamp checked_ = kMinTimestamp;    // when files were last looked at for their age
  bool wrote_ = false;                   // anything, ever
  std::map<std::string, OpenFile> open_;              // by partition's folder
  std::vector<std::shared_ptr<PendingFile>> closed_;  // of the current epoch, durable
};

}  // namespace millrace
