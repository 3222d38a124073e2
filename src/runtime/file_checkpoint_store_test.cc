#include "runtime/file_checkpoint_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/test_parts.h"

namespace millrace {
namespace {

StateTable Table() {
  return {"rows", "a row", TestSchema(), {0}, {0}};
}

Checkpoint At(int64_t epoch, std::shared_ptr<const FrozenState> state) {
  Checkpoint checkpoint;
  checkpoint.name.job = "job";
  checkpoint.name.epoch = epoch;
  checkpoint.operators.push_back({"op", "counting", 0, std::move(state), {}});
  return checkpoint;
}

// An operator that nothing came to since the last checkpoint has nothing to add: its state stays.
TEST(FileCheckpointStore, DeltaWithoutTablesKeepsTheState) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("millrace_store_{}", getpid());
  std::filesystem::remove_all(folder);
  auto store = FileCheckpointStore::Open(folder.string(), 2).ValueOrDie();
  const auto full = std::make_shared<FrozenState>(SaveMode::kFull);
  ASSERT_TRUE(full->Write(Table(), TestRange(0, 100)).ok());
  ASSERT_TRUE(store->Write(At(1, full)).ok());
  for (int64_t epoch = 2; epoch <= 4; ++epoch) {
    const auto none = std::make_shared<FrozenState>(SaveMode::kDelta);
    ASSERT_TRUE(store->Write(At(epoch, none)).ok());
  }
  const auto newest = store->Newest().ValueOrDie();
  EXPECT_EQ(newest->name().epoch, 4);
  const auto reader = newest->OpenState("op", 0, 1).ValueOrDie();
  ASSERT_NE(reader, nullptr);
  int64_t rows = 0;
  for (const auto& batch : reader->Read(Table()).ValueOrDie()) rows += batch->num_rows();
  EXPECT_EQ(rows, 100);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace millrace
