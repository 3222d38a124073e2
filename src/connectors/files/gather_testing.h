// A table in a folder of its own whose rows are gathered, for tests of the file sink: rows that are
// numbered, each of a day n % 3, and what readers see of them.
#pragma once

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/files.h"
#include "connectors/files/file_sink.h"
#include "connectors/files/lane_files.h"

namespace millrace {

class GatherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("millrace_gather_{}_{}", info->name(), getpid());
    table_.name = "out";
    table_.schema = {{{"day", SqlType::String()}, {"n", SqlType::BigInt()}}};
    table_.partitioned_by = {"day"};
    table_.owner = "job/sink out";
    table_.options = {{"connector", "filesystem"},
                      {"path", folder_.string()},
                      {"format", "json"},
                      {"auto-compaction", "true"}};
    Clear();
  }
  void TearDown() override {
    InjectFileFaults(nullptr);
    std::filesystem::remove_all(folder_);
  }
  void Clear() {
    std::filesystem::remove_all(folder_);
    epoch_ = 0;
  }

  std::unique_ptr<FileSink> Open() {
    auto sink = FileSink::Make(table_);
    EXPECT_TRUE(sink.ok()) << sink.status().ToString();
    if (!sink.ok() || !(*sink)->Open().ok()) return nullptr;
    return std::move(*sink);
  }

  // Rows of numbers [from, to), each of day n % 3.
  Batch Rows(int64_t from, int64_t to) {
    arrow::StringBuilder day;
    arrow::Int64Builder number;
    for (int64_t n = from; n < to; ++n) {
      EXPECT_TRUE(day.Append(fmt::format("{}", n % 3)).ok());
      EXPECT_TRUE(number.Append(n).ok());
    }
    Batch batch;
    batch.rows =
        arrow::RecordBatch::Make(table_.schema.ToArrow(), to - from,
                                 {day.Finish().ValueOrDie(), number.Finish().ValueOrDie()});
    return batch;
  }

  Committable Epoch(FileSink* sink, int64_t from, int64_t to, bool all = false) {
    EXPECT_TRUE(sink->Write(Rows(from, to)).ok());
    return (all ? sink->StageAll(++epoch_) : sink->Stage(++epoch_)).ValueOrDie();
  }
  Committable Shown(FileSink* sink, int64_t from, int64_t to, bool all = false) {
    Committable staged = Epoch(sink, from, to, all);
    EXPECT_TRUE(sink->Publish(staged).ok());
    return staged;
  }

  std::vector<std::filesystem::path> Files() const {
    std::vector<std::filesystem::path> files;
    for (const std::string& path : ListFiles(folder_.string()).ValueOrDie()) {
      if (!path.ends_with("_SUCCESS")) files.emplace_back(path);
    }
    return files;
  }
  // What readers see: the numbers, sorted.
  std::vector<int64_t> Numbers() const {
    std::vector<int64_t> numbers;
    for (const std::filesystem::path& path : Files()) {
      std::ifstream file(path);
      for (std::string line; std::getline(file, line);) {
        numbers.push_back(std::stoll(line.substr(line.find(':') + 1)));
      }
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }
  static std::vector<int64_t> Range(int64_t from, int64_t to) {
    std::vector<int64_t> range;
    for (int64_t n = from; n < to; ++n) range.push_back(n);
    return range;
  }
  // Hidden files, without locks.
  std::set<std::string> Hidden() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      const bool hidden = name.starts_with('.') && !name.ends_with(".lock");
      if (hidden || name.ends_with(".rows")) names.insert(name);
    }
    return names;
  }

  std::filesystem::path folder_;
  TableInfo table_;
  int64_t epoch_ = 0;
};

}  // namespace millrace
