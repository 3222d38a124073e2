#include "engine/rejected.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

namespace fs = std::filesystem;

class RejectedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (fs::temp_directory_path() / fmt::format("millrace_rejected_{}", getpid())).string();
    fs::remove_all(folder_);
    log_ = Rejected::Make(folder_).ValueOrDie();
  }
  void TearDown() override { fs::remove_all(folder_); }

  void Dead(int64_t epoch, int line) { log_->Dead(epoch, {"f", line, "x", "bad"}); }
  // The lines' numbers in the table.
  std::string Shown() {
    std::string numbers;
    std::ifstream file(folder_ + "/dead_letter.json");
    for (std::string line; std::getline(file, line);) {
      const size_t at = line.find("\"f:") + 3;
      numbers += line.substr(at, line.find('"', at) - at) + " ";
    }
    return numbers;
  }
  Committable Stage(int64_t epoch) { return log_->Stage(epoch).ValueOrDie(); }

  std::string folder_;
  std::unique_ptr<Rejected> log_;
};

TEST_F(RejectedTest, RowsShowWithTheirEpochAndOnce) {
  Dead(1, 10);
  Dead(2, 20);  // from a task that is ahead
  const Committable first = Stage(1);
  EXPECT_EQ(Shown(), "");
  ASSERT_TRUE(log_->Publish(first).ok());
  ASSERT_TRUE(log_->Publish(first).ok());
  EXPECT_EQ(Shown(), "10 ");
  Dead(2, 21);
  ASSERT_TRUE(log_->Publish(Stage(2)).ok());
  EXPECT_EQ(Shown(), "10 20 21 ");
  EXPECT_EQ(log_->dead_letters().size(), 3u);
}

TEST_F(RejectedTest, AnotherProcessPublishesAndCutsOff) {
  Dead(1, 10);
  const Committable first = Stage(1);
  log_ = Rejected::Make(folder_).ValueOrDie();  // killed before it was published
  ASSERT_TRUE(log_->Restore(&first).ok());
  EXPECT_EQ(Shown(), "10 ");
  Dead(2, 20);
  ASSERT_TRUE(log_->Publish(Stage(2)).ok());
  Dead(3, 30);
  log_ = Rejected::Make(folder_).ValueOrDie();
  ASSERT_TRUE(log_->Restore(&first).ok());  // back to the older one
  EXPECT_EQ(Shown(), "10 ");
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path();
  }
}

// Killed while a checkpoint's two hidden files were being added, one of a checkpoint given up.
TEST_F(RejectedTest, PublishingIsTakenUpWhereverItStopped) {
  Dead(1, 10);
  ASSERT_TRUE(log_->Publish(Stage(1)).ok());
  Dead(2, 20);
  Stage(2);
  Dead(3, 30);
  const Committable both = Stage(3);
  std::ifstream from(folder_ + "/.dead_letter.json.2");
  std::ofstream(folder_ + "/dead_letter.json", std::ios::app) << from.rdbuf() << "{\"pos";
  log_ = Rejected::Make(folder_).ValueOrDie();
  ASSERT_TRUE(log_->Restore(&both).ok());
  EXPECT_EQ(Shown(), "10 20 30 ");
}

TEST_F(RejectedTest, DamagedRowsAreNoticed) {
  Dead(1, 10);
  const Committable first = Stage(1);
  fs::resize_file(folder_ + "/.dead_letter.json.1", 7);
  log_ = Rejected::Make(folder_).ValueOrDie();
  const Status restored = log_->Restore(&first);
  EXPECT_NE(restored.message().find(".dead_letter.json.1' are missing: the file should have"),
            std::string::npos)
      << restored;
}

TEST_F(RejectedTest, WhatIsShownCanBeGoneOnFromInAnotherFolder) {
  Dead(1, 10);
  ASSERT_TRUE(log_->Publish(Stage(1)).ok());
  const Committable shown = log_->Shown(1);
  Dead(2, 20);
  const Committable second = Stage(2);
  ASSERT_TRUE(log_->Publish(second).ok());
  ASSERT_TRUE(log_->Restore(&shown).ok());
  EXPECT_EQ(Shown(), "10 ");
  fs::remove_all(folder_);
  log_ = Rejected::Make(folder_).ValueOrDie();
  for (const Committable& from : {shown, second}) {
    ASSERT_TRUE(log_->Restore(&from).ok());
    EXPECT_EQ(Shown(), "");
  }
}

TEST_F(RejectedTest, WhatWasThereBeforeStays) {
  Dead(1, 10);
  ASSERT_TRUE(log_->Publish(Stage(1)).ok());
  log_ = Rejected::Make(folder_).ValueOrDie();
  ASSERT_TRUE(log_->Restore(nullptr).ok());
  Dead(1, 11);
  ASSERT_TRUE(log_->Publish(Stage(1)).ok());
  EXPECT_EQ(Shown(), "10 11 ");
}

}  // namespace
}  // namespace millrace
