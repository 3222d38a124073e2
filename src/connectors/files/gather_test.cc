// Files of rows that several epochs gathered: exactly once, whatever fails and whenever.
#include <cerrno>
#include <functional>

#include "base/files.h"
#include "connectors/files/gather_testing.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

TEST_F(GatherTest, RowsOfManyEpochsBecomeOneFileOfEachPartition) {
  auto sink = Open();
  for (int64_t n = 0; n < 100; n += 10) Shown(sink.get(), n, n + 10);
  EXPECT_TRUE(Files().empty());
  EXPECT_EQ(Hidden().size(), 10U) << "a segment of each epoch";
  Shown(sink.get(), 100, 103, true);
  EXPECT_EQ(Files().size(), 3U);
  EXPECT_EQ(Numbers(), Range(0, 103));
  EXPECT_TRUE(Hidden().empty());
  EXPECT_TRUE(sink->Publish(sink->StageAll(99).ValueOrDie()).ok());
  EXPECT_EQ(Files().size(), 3U) << "nothing more to show";
}

TEST_F(GatherTest, AFileShowsWhenItIsLargeEnough) {
  table_.options["compaction.file-size"] = "8 kb";
  auto sink = Open();
  for (int64_t n = 0; n < 3000; n += 30) Shown(sink.get(), n, n + 30);
  const size_t shown = Files().size();
  EXPECT_GE(shown, 6U);
  EXPECT_LE(shown, 45U) << "of 300 without gathering";
  EXPECT_LE(Hidden().size(), 40U);
  const auto some = Numbers();
  EXPECT_LT(some.size(), 3000U);
  Shown(sink.get(), 3000, 3001, true);
  EXPECT_EQ(Numbers(), Range(0, 3001));
}

TEST_F(GatherTest, AFileShowsWhenItsFirstRowsAreOld) {
  table_.options["sink.rolling-policy.rollover-interval"] = "1 ms";
  auto sink = Open();
  const Committable staged = Epoch(sink.get(), 0, 10);
  usleep(3000);
  ASSERT_TRUE(sink->Publish(staged).ok());
  ASSERT_TRUE(sink->Publish(sink->Stage(++epoch_).ValueOrDie()).ok());  // also without new rows
  EXPECT_EQ(Numbers(), Range(0, 10));
  EXPECT_TRUE(Hidden().empty());
}

TEST_F(GatherTest, LargeEpochsBecomeFilesOfTheirSize) {
  table_.options["compaction.file-size"] = "100 kb";
  table_.partitioned_by.clear();
  auto sink = Open();
  Shown(sink.get(), 0, 60000);  // 1.3 MB of text
  ASSERT_GE(Files().size(), 5U);
  for (const fs::path& file : Files()) EXPECT_LT(fs::file_size(file), 400000U);
  Shown(sink.get(), 60000, 60001, true);
  std::ifstream first(Files().front());
  std::string line;
  std::getline(first, line);
  EXPECT_NE(line.find("\"n\":0"), line.npos) << "in the order of rows: " << line;
}

TEST_F(GatherTest, AFileOfManyEpochsHasOneHeader) {
  table_.options["format"] = "csv";
  table_.options["csv.header"] = "true";
  auto sink = Open();
  Shown(sink.get(), 0, 3);
  Shown(sink.get(), 3, 6);
  Shown(sink.get(), 6, 7, true);
  std::set<std::string> texts;
  for (const fs::path& path : Files()) {
    std::ifstream file(path);
    texts.emplace(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  EXPECT_EQ(texts, (std::set<std::string>{"n\n0\n3\n6\n", "n\n1\n4\n", "n\n2\n5\n"}));
}

TEST_F(GatherTest, AnotherWriterTakesOver) {
  auto first = Open();
  Shown(first.get(), 0, 10);
  const Committable last = Shown(first.get(), 10, 20);
  ASSERT_TRUE(first->Write(Rows(20, 30)).ok());
  ASSERT_TRUE(first->Stage(3).ok());  // of a checkpoint that was never complete
  first.reset();
  EXPECT_EQ(Hidden().size(), 3U);
  auto second = Open();
  ASSERT_TRUE(second->Recover({last}).ok());
  EXPECT_EQ(Hidden().size(), 2U);
  Shown(second.get(), 20, 30);
  const Committable end = Shown(second.get(), 30, 31, true);
  EXPECT_EQ(Numbers(), Range(0, 31));
  EXPECT_EQ(Files().size(), 3U);
  EXPECT_TRUE(Hidden().empty());
  auto third = Open();
  ASSERT_TRUE(third->Recover({end}).ok());
  Shown(third.get(), 31, 32, true);
  EXPECT_EQ(Numbers(), Range(0, 32));
}

TEST_F(GatherTest, GatheringIsSwitchedOffAndOn) {
  auto first = Open();
  const Committable last = Shown(first.get(), 0, 10);
  first.reset();
  table_.options.erase("auto-compaction");
  auto second = Open();
  ASSERT_TRUE(second->Recover({last}).ok());
  EXPECT_TRUE(Numbers().empty());
  const Committable plain = Shown(second.get(), 10, 20);
  EXPECT_EQ(Numbers(), Range(0, 20));
  EXPECT_TRUE(Hidden().empty());
  second.reset();
  table_.options["auto-compaction"] = "true";
  auto third = Open();
  ASSERT_TRUE(third->Recover({plain}).ok());
  Shown(third.get(), 20, 30);
  EXPECT_EQ(Numbers(), Range(0, 20));
  table_.options["compaction.file-size"] = "1 mb";
  table_.options.erase("auto-compaction");
  EXPECT_NE(FileSink::Make(table_).status().message().find("wants 'auto-compaction'"),
            std::string::npos);
}

// What was gathered at the older one and has been shown since must not come twice.
TEST_F(GatherTest, AnOlderCheckpointKnowsWhatHasBeenShownSince) {
  auto first = Open();
  const Committable older = Shown(first.get(), 0, 9);
  const Committable newer = Shown(first.get(), 9, 18);
  const Committable end = Shown(first.get(), 18, 27, true);
  first.reset();
  for (const Committable& from : {older, newer, end}) {
    auto again = Open();
    ASSERT_TRUE(again->Recover({from}).ok());
    ASSERT_TRUE(again->Publish(again->StageAll(++epoch_).ValueOrDie()).ok());
    EXPECT_EQ(Numbers(), Range(0, 27));
  }
}

TEST_F(GatherTest, LostAndDamagedSegmentsAreErrors) {
  auto first = Open();
  Shown(first.get(), 0, 9);
  const Committable last = Shown(first.get(), 9, 18);
  first.reset();
  const auto segments = Hidden();
  const fs::path segment = folder_ / "_gathered" / *segments.begin();
  const fs::path aside = folder_ / "_aside";
  fs::rename(segment, aside);
  const Status lost = Open()->Recover({last});
  EXPECT_TRUE(lost.IsIOError());
  EXPECT_NE(lost.message().find("of 6 rows of the partition 'day=0/'"), std::string::npos)
      << lost.ToString();
  const auto size = static_cast<int64_t>(fs::file_size(aside));
  for (int64_t at = 0; at < size; at += 7) {
    fs::copy_file(aside, segment, fs::copy_options::overwrite_existing);
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(at);
    file.put(byte);
    file.close();
    auto again = Open();
    Status status = again->Recover({last});
    if (status.ok()) status = again->StageAll(99).status();
    EXPECT_TRUE(status.IsIOError()) << at << " " << status.ToString();
    again->Abort().ok();
  }
  for (const int64_t kept : {int64_t{0}, int64_t{10}, size / 2, size - 1}) {
    fs::copy_file(aside, segment, fs::copy_options::overwrite_existing);
    fs::resize_file(segment, static_cast<uintmax_t>(kept));
    EXPECT_TRUE(Open()->Recover({last}).IsIOError()) << kept;
  }
  fs::copy_file(aside, segment, fs::copy_options::overwrite_existing);
  table_.schema.columns.push_back({"more", SqlType::BigInt()});
  const Status changed = Open()->Recover({last});
  EXPECT_NE(changed.message().find("stop it with a savepoint"), std::string::npos);
}

TEST_F(GatherTest, WrongPayloadsAreErrors) {
  auto first = Open();
  Shown(first.get(), 0, 9);
  const std::string payload = Epoch(first.get(), 9, 18).payload;
  for (size_t length = 0; length < payload.size(); ++length) {
    (void)Open()->Publish({1, payload.substr(0, length)});
  }
  const auto refuses = [&](const std::string& line) {
    return Open()->Publish({1, payload + line + "\n"}).IsInvalid();
  };
  EXPECT_TRUE(refuses("segment ../x"));
  EXPECT_TRUE(refuses("done a/b"));
  EXPECT_TRUE(refuses("group 1 1 1 99 a\tday=0/"));
  EXPECT_TRUE(refuses("complete ../"));
  EXPECT_TRUE(refuses("nonsense"));
  EXPECT_FALSE(refuses("done nothing.rows"));
}

// A run that nobody can go on from hides nothing when it is stopped.
TEST_F(GatherTest, StoppedWithoutAJobFolderAllIsShown) {
  table_.owner = "";
  auto sink = Open();
  Shown(sink.get(), 0, 9);
  Epoch(sink.get(), 9, 12);  // not published: not to be seen
  ASSERT_TRUE(sink->Write(Rows(12, 15)).ok());
  ASSERT_TRUE(sink->Abort().ok());
  EXPECT_EQ(Numbers(), Range(0, 9));
  EXPECT_TRUE(Hidden().empty());
}

TEST_F(GatherTest, StoppedInAJobFolderTheRowsWaitForTheNextRun) {
  auto sink = Open();
  const Committable last = Shown(sink.get(), 0, 9);
  Epoch(sink.get(), 9, 12);
  ASSERT_TRUE(sink->Abort().ok());
  EXPECT_TRUE(Numbers().empty());
  EXPECT_EQ(Hidden().size(), 1U);
  auto next = Open();
  ASSERT_TRUE(next->Recover({last}).ok());
  Shown(next.get(), 9, 12, true);
  EXPECT_EQ(Numbers(), Range(0, 12));
}

// A job with a sink, killed at its k-th call to the file system; then it goes on from what its last
// checkpoint says, perhaps killed again.
class KilledJob {
 public:
  KilledJob(std::function<std::unique_ptr<FileSink>()> open,
            std::function<Batch(int64_t, int64_t)> rows)
      : open_(std::move(open)), rows_(std::move(rows)) {}

  static constexpr int64_t kEpochs = 8, kRows = 9;

  // False if it ended before the call came.
  bool Run(int64_t kill_at) {
    int64_t calls = 0;
    bool killed = false;
    InjectFileFaults([&](const char*, const std::string&) {
      killed |= calls++ == kill_at;
      return FileFault{killed && calls > kill_at ? EIO : 0, false};
    });
    while (!RunOnce()) {
      EXPECT_TRUE(killed);
      InjectFileFaults(nullptr);
    }
    InjectFileFaults(nullptr);
    return killed;
  }

 private:
  // Until it ends, or something fails: then nothing more is done, as after kill -9.
  bool RunOnce() {
    auto sink = open_();
    if (!sink || !sink->Recover(manifest_).ok()) return false;
    std::vector<Committable> unpublished;
    for (int64_t epoch = done_ + 1; epoch <= kEpochs; ++epoch) {
      if (!sink->Write(rows_((epoch - 1) * kRows, epoch * kRows)).ok()) return false;
      const bool all = epoch == kEpochs || epoch == 5;
      auto staged = all ? sink->StageAll(epoch) : sink->Stage(epoch);
      if (!staged.ok()) return false;
      unpublished.push_back(*staged);
      if (epoch % 4 == 2) continue;  // its checkpoint could not be written
      manifest_ = unpublished;
      done_ = epoch;
      if (epoch % 4 == 3) continue;  // publishing comes late
      for (const Committable& each : unpublished) {
        if (!sink->Publish(each).ok()) return false;
      }
      unpublished.clear();
    }
    return true;
  }

  std::function<std::unique_ptr<FileSink>()> open_;
  std::function<Batch(int64_t, int64_t)> rows_;
  std::vector<Committable> manifest_;
  int64_t done_ = 0;
};

TEST_F(GatherTest, KilledAtEveryCallNothingIsLostOrDoubled) {
  table_.options["compaction.file-size"] = "3 kb";
  table_.options["sink.partition-commit.policy.kind"] = "success-file";
  int64_t kill_at = 0;
  for (bool killed = true; killed; ++kill_at) {
    Clear();
    KilledJob job([this] { return Open(); }, [this](auto from, auto to) { return Rows(from, to); });
    killed = job.Run(kill_at);
    ASSERT_EQ(Numbers(), Range(0, KilledJob::kEpochs * KilledJob::kRows)) << kill_at;
    ASSERT_TRUE(Hidden().empty()) << kill_at << " " << *Hidden().begin();
    ASSERT_LE(Files().size(), 18U) << kill_at;
    ASSERT_TRUE(fs::exists(folder_ / "day=1/_SUCCESS"));
  }
  EXPECT_GT(kill_at, 60) << "calls";
}

}  // namespace
}  // namespace millrace
