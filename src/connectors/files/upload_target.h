// Objects of an object store that are uploaded in parts while they are written, and become visible
// when the upload is completed. Staging has sent all parts; a payload names the uploads and the
// etags of their parts, so any process can complete them:
//
//   out/day=2024-01-01/part-<owner><writer>-3.json   and the upload's id
//
// The key is the writer's alone: an upload that is gone while the object is there, with the size
// that was staged, has been completed. Uploads of dead writers of the same owner are aborted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/files/output_target.h"
#include "connectors/storage/s3_client.h"

namespace millrace {

class UploadTarget : public OutputTarget {
 public:
  static Result<std::unique_ptr<OutputTarget>> Make(const TableInfo& table,
                                                    const std::string& ending);

  Status Open() override;
  Result<std::shared_ptr<PendingFile>> Create(const std::string& folder,
                                              const std::string& stem) override;
  Result<bool> IsShown(const std::string& folder, const std::string& stem) override;
  Result<std::string> Stage(int64_t epoch,
                            std::vector<std::shared_ptr<PendingFile>> files) override;
  Status Publish(const std::string& payload) override;
  Status DropLeftovers(const std::vector<std::string>& published) override;
  void DropStaged() override;
  const std::string& writer() const override { return writer_; }
  const std::string& owner() const override { return owner_; }

 private:
  UploadTarget() = default;
  std::string KeyOf(const std::string& folder, const std::string& stem) const {
    return prefix_ + folder + "part-" + stem + ending_;
  }

  std::string prefix_;  // of all keys: "" or ending with '/'
  std::string ending_;
  std::string owner_;  // the front of the ids of all its writers
  std::string writer_;
  int64_t part_bytes_ = 0;
  std::shared_ptr<S3Client> client_;  // shared with the files of Create
  int64_t sequence_ = 0;
  std::vector<S3Upload> staged_;  // wait for Publish
};

}  // namespace millrace
