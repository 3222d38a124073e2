// Where a file sink's files come to lie, and how they become visible at once: hidden files that a
// rename shows (local_target.h), or multipart uploads that a request completes (upload_target.h).
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/connector.h"

namespace millrace {

// A file from its first byte until an epoch takes it; nobody sees it. One that is destroyed before
// that is dropped.
class PendingFile : public arrow::io::OutputStream {
 public:
  // Makes what was written durable; nothing may follow.
  virtual Status Seal() = 0;
  // Bytes that are held back in memory.
  virtual int64_t held() const { return 0; }
};

// Owned by one sink; may block. The names of all its files hold the writer's id: 16 digits for its
// owner, the job's sink, and 12 random ones, so that what dead writers have left can be told apart.
class OutputTarget {
 public:
  virtual ~OutputTarget() = default;
  // Makes the target ready, and removes what no committable can name any more.
  virtual Status Open() = 0;
  // Begins a file in `folder` below the target's, "" or ending with '/'. With a `stem` it will be
  // "part-<stem>.<format>"; the stem is then nobody else's.
  virtual Result<std::shared_ptr<PendingFile>> Create(const std::string& folder,
                                                      const std::string& stem = "") = 0;
  // True if a file of that stem has been published.
  virtual Result<bool> IsShown(const std::string& folder, const std::string& stem) = 0;
  // Makes files of Create, sealed, the output of `epoch`; returns a committable's payload, which
  // another target of the table can publish.
  virtual Result<std::string> Stage(int64_t epoch,
                                    std::vector<std::shared_ptr<PendingFile>> files) = 0;
  // Shows what was staged; a second time nothing more happens.
  virtual Status Publish(const std::string& payload) = 0;
  // Drops what earlier writers of the owner have staged. The payloads are those of a checkpoint
  // that was gone on from; they are published already.
  virtual Status DropLeftovers(const std::vector<std::string>& published) = 0;
  // Drops what this writer has staged and not published.
  virtual void DropStaged() = 0;
  // What the names of all its files hold: this writer's id, and what those of its owner begin with.
  virtual const std::string& writer() const = 0;
  virtual const std::string& owner() const = 0;
};

// The target that the table's 'path' names; its files end with `ending` (".json").
Result<std::unique_ptr<OutputTarget>> MakeOutputTarget(const TableInfo& table,
                                                       const std::string& ending);

// Ids of writers: the part that all of `owner` ("": nobody's) begin with, and a new one's.
std::string OwnerPart(const std::string& owner);
std::string NewWriter(const std::string& owner_part);

}  // namespace millrace
