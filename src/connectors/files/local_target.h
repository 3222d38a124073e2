// Files in a folder of the local disk. A file in progress is hidden; staging makes it durable under
// a name that is still hidden, publishing renames it:
//
//   out/day=2024-01-01/.part-5f2c-3.inprogress   being written; garbage once its writer is dead
//                      .part-5f2c-7-3.staged     of epoch 7, durable, named by a committable
//                      part-5f2c-7-3.json        published
//   out/.part-5f2c.lock                          locked while the writer 5f2c lives
//
// Files of others are never touched, but for those in progress of dead ones, which Open removes. A
// payload holds the names relative to the table's folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/files/output_file.h"
#include "connectors/files/output_target.h"

namespace millrace {

class LocalTarget : public OutputTarget {
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
  using Visit = std::function<void(const std::string& folder, const std::string& name)>;
  LocalTarget() = default;
  void ForEachHidden(const std::string& folder, size_t depth, const Visit& visit) const;
  bool IsAlive(const std::string& writer) const;
  Status SyncFolders(const std::vector<std::string>& folders) const;

  std::string path_;    // ends with '/'
  std::string ending_;  // ".json"
  size_t depth_ = 0;    // of the partitions' folders
  std::string owner_;   // the front of the ids of all its writers
  std::string writer_;
  std::unique_ptr<LockFile> lock_;
  int64_t sequence_ = 0;
  std::vector<std::string> staged_;  // hidden files that wait for Publish
};

}  // namespace millrace
