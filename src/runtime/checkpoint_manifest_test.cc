#include "runtime/checkpoint_manifest.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

Manifest Example() {
  Manifest manifest;
  manifest.name = {"job \"a\"\n", "0123", 12, "hash", true, false};
  manifest.created = "2026-01-31T12:00:00Z";
  ManifestOperator op{"out/Group(k)", "sums", {1, 2, 3, 4}, {}};
  op.chains[2].push_back({"groups", "state/12/x.parquet", true, false, 5, 6, 0xffffffffffffffffu, 7, 9});
  manifest.operators = {op};
  LaneSnapshot lane;
  lane.id = "t/a.json";
  lane.position = "0:17:\xff\xfe";  // a file's name need not be UTF-8
  lane.watermark = kMaxTimestamp;
  lane.processing_time = kMinTimestamp;
  lane.idle = true;
  lane.counters = {1, 2, 3};
  manifest.lanes = {lane};
  manifest.sinks = {{"sink out", {8, 9, {3, 1}}, {{11, "state/12/sink-0-11.bin", 3, 77}}}};
  manifest.rejects = Committable{12, "late.json 5\n"};
  return manifest;
}

TEST(Manifest, IsReadAsItWasWritten) {
  const std::string text = ManifestToJson(Example());
  const Manifest read = ManifestFromJson(text, "m").ValueOrDie();
  EXPECT_EQ(ManifestToJson(read), text);
  EXPECT_EQ(read.lanes[0].position, Example().lanes[0].position);
  EXPECT_EQ(read.operators[0].chains.at(2)[0].checksum, 0xffffffffffffffffu);
  EXPECT_EQ(read.sinks[0].pending[0].checksum, 77u);
  EXPECT_EQ(read.sinks[0].counters.troubles.retries, 3);
  EXPECT_EQ(read.sinks[0].counters.troubles.rejected, 1);
  EXPECT_EQ(read.rejects->payload, "late.json 5\n");
}

TEST(Manifest, EveryDamageIsFound) {
  const std::string text = ManifestToJson(Example());
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(ManifestFromJson(text.substr(0, length), "m").ok()) << length;
  }
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    const auto read = ManifestFromJson(changed, "m");
    ASSERT_FALSE(read.ok()) << at;
    EXPECT_NE(read.status().message().find("'m' is damaged"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace
