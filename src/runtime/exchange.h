// Exchange: the end of a chain that feeds other nodes. Each route leads to one downstream node and
// gets all rows; within a route rows go to one task (forward, gather) or are spread by key:
// (data/key_hash.h).
//
// Small pieces are put together up to batch_rows; whatever is held back goes out before any other
// message and when the task runs out of input, so it never waits for more rows to come.
#pragma once

#include <cstdint>
#include <vector>

#include "data/key_hash.h"
#include "runtime/chain.h"
#include "runtime/channel.h"

namespace millrace {

// One downstream node: several `targets`, one for each of its tasks, share the rows by hash of
// `keys`.
struct Route {
  std::vector<int> keys;
  std::vector<Channel*> targets;
};

// How small pieces are put together.
struct Coalescing {
  int64_t batch_rows = 8192;
  bool keep_arrivals = false;  // only pieces that came at the same time
};

class Exchange final : public ChainEnd {
 public:
  Exchange(std::vector<Route> routes, Coalescing coalescing, uint32_t key_groups = kKeyGroups);

  Status Accept(Message message) override;
  bool Full() const override;
  Status Flush() override;

 private:
  // What is held back for one channel.
  struct Lane {
    Channel* channel = nullptr;
    std::vector<Batch> pieces;
    int64_t rows = 0, bytes = 0;  // bytes: counted only for a channel that has become narrow
  };
  struct Fan {
    std::vector<int> keys;
    std::vector<Lane> lanes;
  };

  Status Spread(Fan& fan, const Batch& batch);
  // Sorts row numbers by target into `indices_`.
  Status Assign(const Fan& fan, const Batch& batch);
  Status Add(Lane& lane, Batch batch);
  Status FlushLane(Lane& lane);
  void Broadcast(const Message& message);

  std::vector<Fan> fans_;
  Coalescing coalescing_;
  uint32_t key_groups_;
  // While idle, rows (of processing-time windows) do not make the channels hold back event time.
  bool idle_ = false;
  std::vector<uint64_t> hashes_;
  std::vector<std::vector<int32_t>> indices_;
};

}  // namespace millrace
