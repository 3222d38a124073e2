#include "connectors/generators/nexmark_events.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace millrace {
namespace {

constexpr int64_t kFirstPerson = 1000;
constexpr int64_t kFirstAuction = 1000;
constexpr int64_t kFirstCategory = 10;
constexpr int64_t kCategories = 5;
constexpr int64_t kHotGroup = 100;         // one in so many auctions, bidders, sellers is hot
constexpr int64_t kActivePeople = 1000;    // who bid and sell
constexpr int64_t kAuctionsInFlight = 100;
constexpr int64_t kLead = 10;              // ids that are named before they exist
constexpr int64_t kItemLength = 20;
constexpr int64_t kDescriptionLength = 100;
constexpr int64_t kMinWordLength = 3;
constexpr int64_t kChannels = 10000;
constexpr int64_t kHotChannels = 4;
constexpr int64_t kLetterStarts = 16384;   // where random text may start: few enough for L1

constexpr std::array<std::string_view, 11> kFirstNames = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<std::string_view, 9> kLastNames = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};
constexpr std::array<std::string_view, 10> kCities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise",    "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",     "Cheyenne"};
constexpr std::array<std::string_view, 6> kStates = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array<std::string_view, kHotChannels> kHotNames = {"Google", "Facebook", "Baidu",
                                                                  "Apple"};

// Numbers of the random streams; what two columns share has one stream.
enum Stream : uint64_t {
  kName, kEmail, kCard, kPlace, kItem, kDescription, kInitialBid, kReserve, kLength, kSeller,
  kCategory, kAuction, kBidder, kPrice, kChannel, kExtra, kUrl, kText,
};

// The low or high half of a random number, mapped to [0, n); n < 2^32.
int64_t LowBelow(uint64_t random, int64_t n) {
  return static_cast<int64_t>(((random & 0xFFFFFFFF) * static_cast<uint64_t>(n)) >> 32);
}
int64_t HighBelow(uint64_t random, int64_t n) {
  return static_cast<int64_t>(((random >> 32) * static_cast<uint64_t>(n)) >> 32);
}

template <size_t N>
std::string_view Pick(const std::array<std::string_view, N>& values, uint64_t random) {
  return values[static_cast<size_t>(HighBelow(random, N))];
}

int64_t WordLength(uint64_t random, int64_t max) {
  return kMinWordLength + LowBelow(Mix64(random), max - kMinWordLength);
}

// value(i) for rows of `kind`, 0 for others.
template <typename Value>
ArrayResult Numbers(const NexmarkRows& rows, NexmarkKind kind, const TypePtr& type, Value value) {
  return FillFixed<int64_t>(type, rows.size(), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    return rows.kinds[at] == kind ? value(at) : int64_t{0};
  });
}

// write(i, out) for rows of `kind`, each at most `max` bytes; "" for others.
template <typename Write>
ArrayResult Texts(const NexmarkRows& rows, NexmarkKind kind, int64_t max, Write write) {
  const auto count = std::count(rows.kinds.begin(), rows.kinds.end(), kind);
  return FillText(arrow::utf8(), rows.size(), count * max, [&](int64_t i, char* out) {
    const auto at = static_cast<size_t>(i);
    return rows.kinds[at] == kind ? write(at, out) : out;
  });
}

// The longest `extra` of an event of `average` bytes.
int64_t MaxExtra(int64_t average) { return average + average / 5 + 1; }

}  // namespace

NexmarkEvents::NexmarkEvents(NexmarkConfig config) : config_(config) {
  const int64_t longest =
      MaxExtra(std::max({config.person_bytes, config.auction_bytes, config.bid_bytes,
                         kDescriptionLength}));
  const RandomStream text(config.seed, kText);
  letters_.resize(static_cast<size_t>(kLetterStarts + longest));
  for (size_t i = 0; i < letters_.size(); ++i) {
    letters_[i] = static_cast<char>('a' + Below(text.At(static_cast<int64_t>(i)), 26));
  }
  for (int i = 0; i < 256; ++i) {
    coarse_.push_back(std::pow(10.0, 6.0 * i / 256) * 100);
    fine_.push_back(std::pow(10.0, 6.0 * i / 65536));
  }
  MakeChannels();
}

void NexmarkEvents::MakeChannels() {
  const RandomStream url(config_.seed, kUrl);
  for (int64_t c = 0; c < kChannels + kHotChannels; ++c) {
    const bool hot = c < kHotChannels;
    const int64_t number = c - kHotChannels;
    channels_.push_back(hot ? std::string(kHotNames[static_cast<size_t>(c)])
                            : fmt::format("channel-{}", number));
    const uint64_t random = url.At(c);
    std::string text = "https://www.nexmark.com/";
    for (uint64_t part = 1; part <= 3; ++part) {
      const int64_t start = LowBelow(Mix64(random + part), kLetterStarts);
      text += letters_.substr(static_cast<size_t>(start), 5);
      text += '/';
    }
    text += "item.htm?query=1";
    if (!hot && LowBelow(random, 10) > 0) {
      text += fmt::format("&channel_id={}", HighBelow(Mix64(random), int64_t{1} << 31));
    }
    urls_.push_back(std::move(text));
  }
}

void NexmarkEvents::Describe(int64_t first, int64_t count, bool bids_only,
                             NexmarkRows& rows) const {
  const auto size = static_cast<size_t>(count);
  rows.ids.resize(size);
  rows.kinds.resize(size);
  rows.last_person.resize(size);
  rows.last_auction.resize(size);
  const int64_t before_bids = config_.persons + config_.auctions;
  const int64_t skipped = bids_only ? before_bids : 0;
  const int64_t step = config_.cycle() - skipped;
  int64_t cycle = first / step;
  int64_t offset = first % step + skipped;
  for (size_t i = 0; i < size; ++i) {
    rows.ids[i] = cycle * config_.cycle() + offset;
    rows.kinds[i] = offset < config_.persons ? NexmarkKind::kPerson
                    : offset < before_bids   ? NexmarkKind::kAuction
                                             : NexmarkKind::kBid;
    rows.last_person[i] = cycle * config_.persons + std::min(offset, config_.persons - 1);
    rows.last_auction[i] = cycle * config_.auctions - 1 +
                           std::clamp(offset - config_.persons + 1, int64_t{0}, config_.auctions);
    if (++offset == config_.cycle()) {
      ++cycle;
      offset = skipped;
    }
  }
}

int64_t NexmarkEvents::AnyPerson(uint64_t random, int64_t last_person) const {
  const int64_t people = last_person + 1;
  const int64_t active = std::min(people, kActivePeople);
  return people - active + HighBelow(random, active + kLead);
}

// Log-uniform between 1 and 10^6, in cents.
int64_t NexmarkEvents::PriceOf(uint64_t random) const {
  return static_cast<int64_t>(coarse_[random & 255] * fine_[(random >> 8) & 255] + 0.5);
}

char* NexmarkEvents::AppendWord(char* out, uint64_t random, int64_t length) const {
  std::memcpy(out, letters_.data() + HighBelow(random, kLetterStarts), static_cast<size_t>(length));
  return out + length;
}

// Fills an event that has `used` bytes up to about `average`, give or take a fifth.
char* NexmarkEvents::AppendExtra(char* out, uint64_t random, int64_t used, int64_t average) const {
  if (used >= average) return out;
  const int64_t wanted = average - used;
  const int64_t spread = (wanted + 2) / 5;
  return AppendWord(out, random, wanted - spread + LowBelow(random, 2 * spread + 1));
}

ArrayResult NexmarkEvents::Time(const NexmarkRows& rows) const {
  return FillFixed<int64_t>(arrow::timestamp(arrow::TimeUnit::MILLI), rows.size(),
                            [&](int64_t i) { return TimeOf(rows.ids[static_cast<size_t>(i)]); });
}

ArrayResult NexmarkEvents::PersonId(const NexmarkRows& rows) const {
  return Numbers(rows, NexmarkKind::kPerson, arrow::int64(),
                 [&](size_t i) { return kFirstPerson + rows.last_person[i]; });
}

ArrayResult NexmarkEvents::PersonName(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kName);
  return Texts(rows, NexmarkKind::kPerson, 32, [&](size_t i, char* out) {
    const uint64_t random = stream.At(rows.ids[i]);
    out = Append(out, Pick(kFirstNames, random));
    *out++ = ' ';
    return Append(out, Pick(kLastNames, Mix64(random)));
  });
}

ArrayResult NexmarkEvents::PersonEmail(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kEmail);
  return Texts(rows, NexmarkKind::kPerson, 24, [&](size_t i, char* out) {
    const uint64_t random = stream.At(rows.ids[i]);
    out = AppendWord(out, random, WordLength(random, 7));
    *out++ = '@';
    out = AppendWord(out, Mix64(random), WordLength(Mix64(random), 5));
    return Append(out, ".com");
  });
}

ArrayResult NexmarkEvents::PersonCard(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kCard);
  return Texts(rows, NexmarkKind::kPerson, 19, [&](size_t i, char* out) {
    uint64_t digits = stream.At(rows.ids[i]);
    for (int group = 0; group < 4; ++group) {
      if (group > 0) *out++ = ' ';
      for (int digit = 0; digit < 4; ++digit, digits /= 10) {
        *out++ = static_cast<char>('0' + digits % 10);
      }
    }
    return out;
  });
}

ArrayResult NexmarkEvents::PersonCity(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kPlace);
  return Texts(rows, NexmarkKind::kPerson, 16, [&](size_t i, char* out) {
    return Append(out, Pick(kCities, stream.At(rows.ids[i])));
  });
}

ArrayResult NexmarkEvents::PersonState(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kPlace);
  return Texts(rows, NexmarkKind::kPerson, 2, [&](size_t i, char* out) {
    return Append(out, Pick(kStates, Mix64(stream.At(rows.ids[i]))));
  });
}

ArrayResult NexmarkEvents::PersonExtra(const NexmarkRows& rows) const {
  constexpr int64_t kUsed = 8 + 12 + 14 + 19 + 8 + 2 + 8;  // the other columns, on average
  const RandomStream stream(config_.seed, kExtra);
  const int64_t average = config_.person_bytes;
  return Texts(rows, NexmarkKind::kPerson, MaxExtra(average), [&](size_t i, char* out) {
    return AppendExtra(out, stream.At(rows.ids[i]), kUsed, average);
  });
}

ArrayResult NexmarkEvents::AuctionId(const NexmarkRows& rows) const {
  return Numbers(rows, NexmarkKind::kAuction, arrow::int64(),
                 [&](size_t i) { return kFirstAuction + rows.last_auction[i]; });
}

ArrayResult NexmarkEvents::AuctionItem(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kItem);
  return Texts(rows, NexmarkKind::kAuction, kItemLength, [&](size_t i, char* out) {
    const uint64_t random = stream.At(rows.ids[i]);
    return AppendWord(out, random, WordLength(random, kItemLength));
  });
}

ArrayResult NexmarkEvents::AuctionDescription(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kDescription);
  return Texts(rows, NexmarkKind::kAuction, kDescriptionLength, [&](size_t i, char* out) {
    const uint64_t random = stream.At(rows.ids[i]);
    return AppendWord(out, random, WordLength(random, kDescriptionLength));
  });
}

ArrayResult NexmarkEvents::AuctionInitialBid(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kInitialBid);
  return Numbers(rows, NexmarkKind::kAuction, arrow::int64(),
                 [&](size_t i) { return PriceOf(stream.At(rows.ids[i])); });
}

ArrayResult NexmarkEvents::AuctionReserve(const NexmarkRows& rows) const {
  const RandomStream initial(config_.seed, kInitialBid);
  const RandomStream above(config_.seed, kReserve);
  return Numbers(rows, NexmarkKind::kAuction, arrow::int64(), [&](size_t i) {
    return PriceOf(initial.At(rows.ids[i])) + PriceOf(above.At(rows.ids[i]));
  });
}

// An auction lasts, on average, as long as the auctions in flight take to be opened.
ArrayResult NexmarkEvents::AuctionExpires(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kLength);
  const int64_t events = kAuctionsInFlight * config_.cycle() / config_.auctions;
  return Numbers(rows, NexmarkKind::kAuction, arrow::timestamp(arrow::TimeUnit::MILLI),
                 [&](size_t i) {
                   const int64_t now = TimeOf(rows.ids[i]);
                   const int64_t horizon = TimeOf(rows.ids[i] + events) - now;
                   const auto range = static_cast<uint64_t>(std::max<int64_t>(horizon * 2, 1));
                   return now + 1 + static_cast<int64_t>(Below(stream.At(rows.ids[i]), range));
                 });
}

ArrayResult NexmarkEvents::AuctionSeller(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kSeller);
  return Numbers(rows, NexmarkKind::kAuction, arrow::int64(), [&](size_t i) {
    const uint64_t random = stream.At(rows.ids[i]);
    const bool hot = LowBelow(random, config_.hot_sellers) > 0;
    const int64_t last = rows.last_person[i];
    return kFirstPerson + (hot ? last / kHotGroup * kHotGroup : AnyPerson(random, last));
  });
}

ArrayResult NexmarkEvents::AuctionCategory(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kCategory);
  return Numbers(rows, NexmarkKind::kAuction, arrow::int64(), [&](size_t i) {
    return kFirstCategory + LowBelow(stream.At(rows.ids[i]), kCategories);
  });
}

ArrayResult NexmarkEvents::AuctionExtra(const NexmarkRows& rows) const {
  constexpr int64_t kUsed = 8 + 11 + 51 + 8 + 8 + 8 + 8 + 8 + 8;
  const RandomStream stream(config_.seed, kExtra);
  const int64_t average = config_.auction_bytes;
  return Texts(rows, NexmarkKind::kAuction, MaxExtra(average), [&](size_t i, char* out) {
    return AppendExtra(out, stream.At(rows.ids[i]), kUsed, average);
  });
}

ArrayResult NexmarkEvents::BidAuction(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kAuction);
  return Numbers(rows, NexmarkKind::kBid, arrow::int64(), [&](size_t i) {
    const uint64_t random = stream.At(rows.ids[i]);
    const int64_t last = rows.last_auction[i];
    const int64_t oldest = std::max<int64_t>(last - kAuctionsInFlight, 0);
    const int64_t hot = last / kHotGroup * kHotGroup;
    const int64_t any = oldest + HighBelow(random, last - oldest + 1 + kLead);
    return kFirstAuction + (LowBelow(random, config_.hot_auctions) > 0 ? hot : any);
  });
}

// The hot bidder is the second of a group, the hot seller the first: they are never the same.
ArrayResult NexmarkEvents::BidBidder(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kBidder);
  return Numbers(rows, NexmarkKind::kBid, arrow::int64(), [&](size_t i) {
    const uint64_t random = stream.At(rows.ids[i]);
    const int64_t last = rows.last_person[i];
    const int64_t hot = last / kHotGroup * kHotGroup + 1;
    const int64_t any = AnyPerson(random, last);
    return kFirstPerson + (LowBelow(random, config_.hot_bidders) > 0 ? hot : any);
  });
}

ArrayResult NexmarkEvents::BidPrice(const NexmarkRows& rows) const {
  const RandomStream stream(config_.seed, kPrice);
  return Numbers(rows, NexmarkKind::kBid, arrow::int64(),
                 [&](size_t i) { return PriceOf(stream.At(rows.ids[i])); });
}

int64_t NexmarkEvents::ChannelOf(int64_t id) const {
  const uint64_t random = RandomStream(config_.seed, kChannel).At(id);
  return LowBelow(random, 2) > 0 ? HighBelow(random, kHotChannels)
                                 : kHotChannels + HighBelow(random, kChannels);
}

ArrayResult NexmarkEvents::BidChannel(const NexmarkRows& rows) const {
  return Texts(rows, NexmarkKind::kBid, 16, [&](size_t i, char* out) {
    return Append(out, channels_[static_cast<size_t>(ChannelOf(rows.ids[i]))]);
  });
}

ArrayResult NexmarkEvents::BidUrl(const NexmarkRows& rows) const {
  return Texts(rows, NexmarkKind::kBid, 96, [&](size_t i, char* out) {
    return Append(out, urls_[static_cast<size_t>(ChannelOf(rows.ids[i]))]);
  });
}

ArrayResult NexmarkEvents::BidExtra(const NexmarkRows& rows) const {
  constexpr int64_t kUsed = 4 * 8;
  const RandomStream stream(config_.seed, kExtra);
  const int64_t average = config_.bid_bytes;
  return Texts(rows, NexmarkKind::kBid, MaxExtra(average), [&](size_t i, char* out) {
    return AppendExtra(out, stream.At(rows.ids[i]), kUsed, average);
  });
}

const std::vector<NexmarkEvents::Member>& NexmarkEvents::Members(NexmarkKind kind) {
  using E = NexmarkEvents;
  static const TypePtr number = arrow::int64(), text = arrow::utf8(),
                       time = arrow::timestamp(arrow::TimeUnit::MILLI);
  static const std::vector<Member> persons = {
      {"id", number, &E::PersonId},         {"name", text, &E::PersonName},
      {"emailAddress", text, &E::PersonEmail}, {"creditCard", text, &E::PersonCard},
      {"city", text, &E::PersonCity},       {"state", text, &E::PersonState},
      {"dateTime", time, &E::Time},         {"extra", text, &E::PersonExtra}};
  static const std::vector<Member> auctions = {
      {"id", number, &E::AuctionId},
      {"itemName", text, &E::AuctionItem},
      {"description", text, &E::AuctionDescription},
      {"initialBid", number, &E::AuctionInitialBid},
      {"reserve", number, &E::AuctionReserve},
      {"dateTime", time, &E::Time},
      {"expires", time, &E::AuctionExpires},
      {"seller", number, &E::AuctionSeller},
      {"category", number, &E::AuctionCategory},
      {"extra", text, &E::AuctionExtra}};
  static const std::vector<Member> bids = {
      {"auction", number, &E::BidAuction}, {"bidder", number, &E::BidBidder},
      {"price", number, &E::BidPrice},     {"channel", text, &E::BidChannel},
      {"url", text, &E::BidUrl},           {"dateTime", time, &E::Time},
      {"extra", text, &E::BidExtra}};
  return kind == NexmarkKind::kPerson ? persons : kind == NexmarkKind::kAuction ? auctions : bids;
}

}  // namespace millrace
