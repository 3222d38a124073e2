// RejectLog: where the rows go that could not be read or came too late. They belong to epochs as the
// output does: what is told of an epoch shows once that epoch is committed, once.
#pragma once

#include <cstdint>
#include <string>

#include "connectors/sink.h"
#include "formats/format.h"
#include "operators/operator.h"

namespace millrace {

// A split of a source, by the names that people know it by.
struct SplitName {
  std::string table, split;
  // "table/split"
  std::string Text() const { return table + "/" + split; }
};

// Rows come from any thread; the rest is called by one thread at a time.
class RejectLog {
 public:
  virtual ~RejectLog() = default;
  virtual void Dead(int64_t epoch, const BadRow& row) = 0;
  // `from`: the row's split; null if it is not known.
  virtual void Late(int64_t epoch, const Batch& batch, int64_t row, const LateRow& late,
                    const SplitName* from) = 0;
  // Makes the rows of all epochs up to `epoch` durable. Nothing more comes for these.
  virtual Result<Committable> Stage(int64_t epoch) = 0;
  // Shows what was staged; a second time changes nothing.
  virtual Status Publish(const Committable& staged) = 0;
  // What is shown now, as a committable with nothing staged: for Restore, in any folder.
  virtual Committable Shown(int64_t epoch) const = 0;
  // Goes back to where `published` had just been shown; null: drops what was never staged.
  virtual Status Restore(const Committable* published) = 0;
};

}  // namespace millrace
