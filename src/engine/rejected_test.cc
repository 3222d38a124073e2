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
