// NexmarkEvents: the events of the Nexmark benchmark, column by column. Proportions, hot keys and
// sizes are those of the published generator (Apache Beam, then nexmark/nexmark); the random
// numbers are ours. Every value is a function of the seed and the event's number, so any column of
// any range of events can be made alone.
//
// Of each 50 events the first is a person, the next three are auctions, the rest are bids:
//   event      0  1  2  3  4 ............ 49 | 50 51 52 53 54 ...
//   kind       p  a  a  a  b ............  b |  p  a  a  a  b ...
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "connectors/generators/generator_columns.h"
#include "data/batch.h"

namespace millrace {

enum class NexmarkKind : int32_t { kPerson, kAuction, kBid };

struct NexmarkConfig {
  int64_t persons = 1, auctions = 3, bids = 46;  // proportions
  // 1 - 1/n of all bids go to a hot auction, and so on.
  int64_t hot_auctions = 2, hot_bidders = 4, hot_sellers = 4;
  // Average bytes of an event, which `extra` fills up.
  int64_t person_bytes = 200, auction_bytes = 500, bid_bytes = 100;
  int64_t event_rate = 10000;  // events per second of event time
  Timestamp start = 0;
  uint64_t seed = 0;

  int64_t cycle() const { return persons + auctions + bids; }
};

// The events of one batch, and what was sold and who was there when they happened.
struct NexmarkRows {
  std::vector<int64_t> ids;
  std::vector<NexmarkKind> kinds;
  std::vector<int64_t> last_person, last_auction;  // newest so far, counted from 0

  int64_t size() const { return static_cast<int64_t>(ids.size()); }
};

// Immutable once made.
class NexmarkEvents {
 public:
  using Maker = ArrayResult (NexmarkEvents::*)(const NexmarkRows&) const;
  // A column of one kind of event.
  struct Member {
    const char* name;
    TypePtr type;
    Maker maker;
  };

  explicit NexmarkEvents(NexmarkConfig config);

  // The columns of a kind.
  static const std::vector<Member>& Members(NexmarkKind kind);
  // Refills `rows` with events [first, first + count); `bids_only` counts the bids alone.
  void Describe(int64_t first, int64_t count, bool bids_only, NexmarkRows& rows) const;
  // The column: rows of another kind hold 0 or "".
  ArrayResult Make(const Member& member, const NexmarkRows& rows) const {
    return (this->*member.maker)(rows);
  }

  ArrayResult PersonId(const NexmarkRows& rows) const;
  ArrayResult PersonName(const NexmarkRows& rows) const;
  ArrayResult PersonEmail(const NexmarkRows& rows) const;
  ArrayResult PersonCard(const NexmarkRows& rows) const;
  ArrayResult PersonCity(const NexmarkRows& rows) const;
  ArrayResult PersonState(const NexmarkRows& rows) const;
  ArrayResult PersonExtra(const NexmarkRows& rows) const;
  ArrayResult AuctionId(const NexmarkRows& rows) const;
  ArrayResult AuctionItem(const NexmarkRows& rows) const;
  ArrayResult AuctionDescription(const NexmarkRows& rows) const;
  ArrayResult AuctionInitialBid(const NexmarkRows& rows) const;
  ArrayResult AuctionReserve(const NexmarkRows& rows) const;
  ArrayResult AuctionExpires(const NexmarkRows& rows) const;
  ArrayResult AuctionSeller(const NexmarkRows& rows) const;
  ArrayResult AuctionCategory(const NexmarkRows& rows) const;
  ArrayResult AuctionExtra(const NexmarkRows& rows) const;
  ArrayResult BidAuction(const NexmarkRows& rows) const;
  ArrayResult BidBidder(const NexmarkRows& rows) const;
  ArrayResult BidPrice(const NexmarkRows& rows) const;
  ArrayResult BidChannel(const NexmarkRows& rows) const;
  ArrayResult BidUrl(const NexmarkRows& rows) const;
  ArrayResult BidExtra(const NexmarkRows& rows) const;
  // dateTime is the same for all kinds.
  ArrayResult Time(const NexmarkRows& rows) const;

 private:
  int64_t TimeOf(int64_t id) const { return config_.start + id * 1000 / config_.event_rate; }
  int64_t AnyPerson(uint64_t random, int64_t last_person) const;
  int64_t PriceOf(uint64_t random) const;
  char* AppendWord(char* out, uint64_t random, int64_t length) const;
  char* AppendExtra(char* out, uint64_t random, int64_t used, int64_t average) const;

  // Which of the 10,000 channels a bid came through; the first four are hot.
  int64_t ChannelOf(int64_t id) const;
  void MakeChannels();

  NexmarkConfig config_;
  std::string letters_;  // where random text is cut from
  std::vector<double> coarse_, fine_;  // powers of ten for prices
  std::vector<std::string> channels_, urls_;
};

}  // namespace millrace
