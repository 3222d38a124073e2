#include "connectors/files/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

class FileSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        fs::temp_directory_path() / fmt::format("millrace_source_{}_{}", info->name(), getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    options_.files.path = folder_.string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Put(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  // "name:first line:text" of each chunk; positions_ get the position after each.
  Texts ReadAll(FileSource& source) {
    Texts chunks;
    while (true) {
      auto polled = source.Poll(milliseconds(0));
      EXPECT_TRUE(polled.ok()) << polled.status().ToString();
      if (polled.ok() && polled->state == Polled::State::kNothing && source.bounded()) continue;
      if (!polled.ok() || polled->state != Polled::State::kData) return chunks;
      const Chunk& chunk = polled->chunk;
      EXPECT_GE(chunk.bytes->capacity() - chunk.bytes->size(), 64);
      chunks.push_back(fmt::format("{}:{}:{}{}", fs::path(chunk.file).filename().string(),
                                   chunk.first_line, std::string_view(*chunk.bytes),
                                   chunk.oversize ? ":oversize" : ""));
      positions_.push_back(polled->position);
    }
  }

  Texts ReadAll() {
    FileSource source(options_);
    EXPECT_TRUE(source.Open().ok());
    return ReadAll(source);
  }

  // The whole text, put together from its chunks, when read from each position on, is the same.
  void ExpectSeekable(const std::string& text) {
    positions_.clear();
    const Texts all = ReadAll();
    const Texts positions = positions_;
    std::string joined;
    for (size_t i = 0; i < all.size(); ++i) {
      joined += all[i].substr(all[i].find(':', all[i].find(':') + 1) + 1);
      FileSource source(options_);
      ASSERT_TRUE(source.Open().ok());
      const Status sought = source.Seek(positions[i]);
      ASSERT_TRUE(sought.ok()) << sought.ToString();
      EXPECT_EQ(ReadAll(source), Texts(all.begin() + static_cast<long>(i) + 1, all.end()));
    }
    EXPECT_EQ(joined, text);
  }

  fs::path folder_;
  FileSourceOptions options_;
  Texts positions_;
};

TEST_F(FileSourceTest, CutsAtLines) {
  Put("a.txt", "one\ntwo\nthree\nfour");
  options_.chunk_bytes = 10;
  EXPECT_EQ(ReadAll(), (Texts{"a.txt:1:one\ntwo\n", "a.txt:3:three\n", "a.txt:4:four"}));
  ExpectSeekable("one\ntwo\nthree\nfour");
}

TEST_F(FileSourceTest, ReadsFoldersInNameOrder) {
  Put("b/2.txt", "2\n");
  Put("a.txt", "1\n");
  Put("c.txt", "3\n");
  Put("empty.txt", "");
  Put("_hidden", "x\n");
  Put(".part-1.inprogress", "x\n");
  EXPECT_EQ(ReadAll(), (Texts{"a.txt:1:1\n", "2.txt:1:2\n", "c.txt:1:3\n"}));
  options_.files.path = (folder_ / "*.txt").string();
  EXPECT_EQ(ReadAll(), (Texts{"a.txt:1:1\n", "c.txt:1:3\n"}));
  options_.files.path = "file://" + (folder_ / "c.txt").string();
  EXPECT_EQ(ReadAll(), Texts{"c.txt:1:3\n"});
}

TEST_F(FileSourceTest, CountsNumbersInNames) {
  for (const char* name : {"p-10-2", "p-2-11", "p-2-9", "p-1", "p", "p-02-9"}) Put(name, "x\n");
  EXPECT_EQ(ReadAll(), (Texts{"p:1:x\n", "p-1:1:x\n", "p-02-9:1:x\n", "p-2-9:1:x\n",
                              "p-2-11:1:x\n", "p-10-2:1:x\n"}));
}

TEST_F(FileSourceTest, SpreadsFilesOverLanes) {
  for (const char* name : {"a", "b", "c"}) Put(name, std::string(name) + "\n");
  options_.files.lanes = 2;
  EXPECT_EQ(ReadAll(), (Texts{"a:1:a\n", "c:1:c\n"}));
  options_.files.lane = 1;
  EXPECT_EQ(ReadAll(), Texts{"b:1:b\n"});
}

TEST_F(FileSourceTest, NewlinesInQuotesDoNotCut) {
  Put("a.csv", "1,\"x\ny\"\n2,b\n3,\"long\nlong\nlong\"\n4,\"open\n");
  options_.chunk_bytes = 8;
  options_.framing.kind = Framing::kCsvRows;
  EXPECT_EQ(ReadAll(), (Texts{"a.csv:1:1,\"x\ny\"\n", "a.csv:3:2,b\n",
                              "a.csv:4:3,\"long\nlong\nlong\"\n4,\"open\n"}));
  options_.framing.escape = '\\';
  Put("a.csv", "1,\"x\\\"\ny\"\n2,b\n3,c\n");
  EXPECT_EQ(ReadAll(), (Texts{"a.csv:1:1,\"x\\\"\ny\"\n2,b\n", "a.csv:4:3,c\n"}));
}

TEST_F(FileSourceTest, HugeRecordsBecomeOneChunkEach) {
  Put("a.txt", "one\n" + std::string(100, 'x') + "\ntwo\n" + std::string(50, 'y'));
  options_.chunk_bytes = 8;
  options_.max_record_bytes = 32;
  EXPECT_EQ(ReadAll(), (Texts{"a.txt:1:one\n", "a.txt:2:" + std::string(32, 'x') + ":oversize",
                              "a.txt:3:two\n", "a.txt:4:" + std::string(32, 'y') + ":oversize"}));
  FileSource source(options_);
  ASSERT_TRUE(source.Open().ok());
  ASSERT_TRUE(source.Seek(positions_[1]).ok());
  EXPECT_EQ(ReadAll(source).front(), "a.txt:3:two\n");
}

TEST_F(FileSourceTest, PipesBringWhatThereIs) {
  const std::string pipe = (folder_ / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  options_.files.path = pipe;
  FileSource source(options_);
  ASSERT_TRUE(source.Open().ok());
  const auto text = [&] {
    const Polled polled = source.Poll(milliseconds(0)).ValueOrDie();
    return polled.state == Polled::State::kData ? std::string(std::string_view(*polled.chunk.bytes)) : "";
  };
  EXPECT_EQ(text(), "");  // nobody writes yet
  const int writer = open(pipe.c_str(), O_WRONLY);
  ASSERT_GE(writer, 0);
  EXPECT_EQ(text(), "");
  ASSERT_EQ(write(writer, "one\ntw", 6), 6);
  EXPECT_EQ(text(), "one\n");
  ASSERT_EQ(write(writer, "o\nthree", 7), 7);
  EXPECT_EQ(text(), "two\n");
  close(writer);
  EXPECT_EQ(text(), "three");
  EXPECT_EQ(source.Poll(milliseconds(0)).ValueOrDie().state, Polled::State::kEnd);
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

TEST_F(FileSourceTest, Decompresses) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += fmt::format("line {}\n", i * 7919);
  const size_t half = text.find('\n', text.size() / 2) + 1;
  options_.files.path = Put("a.zst", Zstd(text.substr(0, half)) + Zstd(text.substr(half)));
  options_.chunk_bytes = 300000;
  ExpectSeekable(text);
  options_.files.path = (folder_ / "a.gz").string();
  for (const auto& part : {text.substr(0, half), text.substr(half)}) {
    gzFile file = gzopen(options_.files.path.c_str(), "ab");
    gzwrite(file, part.data(), static_cast<unsigned>(part.size()));
    gzclose(file);
  }
  ExpectSeekable(text);
}

TEST_F(FileSourceTest, DamagedCompressionIsAnError) {
  for (const char* name : {"a.gz", "a.zst"}) {
    options_.files.path = Put(name, "this is not compressed");
    FileSource source(options_);
    ASSERT_TRUE(source.Open().ok());
    const auto polled = source.Poll(milliseconds(0));
    ASSERT_TRUE(polled.status().IsIOError());
    EXPECT_NE(polled.status().message().find(options_.files.path), std::string::npos);
  }
  const std::string whole = Zstd(std::string(1000, 'x'));
  options_.files.path = Put("cut.zst", whole.substr(0, whole.size() - 3));
  FileSource source(options_);
  ASSERT_TRUE(source.Open().ok());
  EXPECT_FALSE(source.Poll(milliseconds(0)).ok());
}

TEST_F(FileSourceTest, MissingFilesAreNamed) {
  options_.files.path = (folder_ / "none.json").string();
  const Status missing = FileSource(options_).Open();
  EXPECT_TRUE(missing.IsIOError());
  EXPECT_NE(missing.message().find("none.json"), std::string::npos);
  options_.files.path = (folder_ / "*.json").string();
  EXPECT_TRUE(FileSource(options_).Open().IsIOError());
  options_.files.path = Put("a", "1\n");
  FileSource source(options_);
  ASSERT_TRUE(source.Open().ok());
  EXPECT_TRUE(source.Seek("2:2:0:/gone").IsIOError());
  EXPECT_TRUE(source.Seek("99:2:0:" + options_.files.path).IsIOError());
  EXPECT_FALSE(source.Seek("nonsense").ok());
}

TEST_F(FileSourceTest, WatchesForNewFiles) {
  Put("b", "1\n");
  options_.files.monitor_interval = milliseconds(1);
  FileSource source(options_);
  ASSERT_TRUE(source.Open().ok());
  EXPECT_FALSE(source.bounded());
  EXPECT_EQ(ReadAll(source), Texts{"b:1:1\n"});
  EXPECT_EQ(source.Poll(milliseconds(3)).ValueOrDie().state, Polled::State::kNothing);
  Put("a", "2\n");
  const Polled found = source.Poll(milliseconds(100)).ValueOrDie();
  ASSERT_EQ(found.state, Polled::State::kData);
  FileSource again(options_);
  ASSERT_TRUE(again.Open().ok());
  ASSERT_TRUE(again.Seek(found.position).ok());
  Put("c", "3\n");
  EXPECT_EQ(again.Poll(milliseconds(0)).ValueOrDie().state, Polled::State::kNothing);
  EXPECT_EQ(std::string_view(*again.Poll(milliseconds(100)).ValueOrDie().chunk.bytes), "3\n");
}

TEST_F(FileSourceTest, ChangedFilesBeforeThePositionAreNoticed) {
  Put("b", "1\n");
  Put("c", "2\n");
  ReadAll();
  const std::string position = positions_.back();
  Put("d", "3\n");  // behind: read
  FileSource source(options_);
  ASSERT_TRUE(source.Open().ok());
  ASSERT_TRUE(source.Seek(position).ok());
  EXPECT_EQ(ReadAll(source), Texts{"d:1:3\n"});
  Put("a", "0\n");  // before: would be lost
  FileSource changed(options_);
  ASSERT_TRUE(changed.Open().ok());
  const Status status = changed.Seek(position);
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find("are not those that were read"), std::string::npos);
}

// Every chunk of a folder with plain, gzip and zstd files, CSV rows with newlines in quotes among
// them: going on after it brings exactly the rest.
TEST_F(FileSourceTest, GoesOnAfterAnyChunk) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += fmt::format("{},\"a\nb{}\"\n", i, std::string(i % 37, 'x'));
  Put("a/1.csv", text);
  Put("b.csv.zst", Zstd(text));
  gzFile file = gzopen(Put("c.csv.gz", "").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  options_.framing.kind = Framing::kCsvRows;
  options_.chunk_bytes = 700;
  ExpectSeekable(text + text + text);
  options_.files.path = (folder_ / "*.csv*").string();
  ExpectSeekable(text + text);
}

TEST(SplitRows, KeepsQuotedNewlines) {
  Texts rows;
  RecordFraming framing;
  framing.kind = Framing::kCsvRows;
  SplitRows("a,\"b\nc\"\r\nd\n\ne", framing, [&](std::string_view row) { rows.emplace_back(row); });
  EXPECT_EQ(rows, (Texts{"a,\"b\nc\"", "d", "", "e"}));
}

}  // namespace
}  // namespace millrace
