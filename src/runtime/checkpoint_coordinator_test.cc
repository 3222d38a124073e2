#include "runtime/checkpoint_coordinator.h"

#include <gtest/gtest.h>

#include "runtime/memory_checkpoint_store.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

// One source task, one sink task; messages are answered by hand.
class CoordinatorTest : public ::testing::Test {
 protected:
  void Make(CheckpointOptions options) { Make(options, &store_); }
  void Make(CheckpointOptions options, CheckpointStore* store) {
    CheckpointCoordinator::Events events;
    events.done = [this] { done_ = true; };
    events.failed = [this](const Status& status) { failure_ = status.message(); };
    events.to_write = [] {};
    events.now = [this] { return now_; };
    events.report = [this](const CheckpointReport& report) { reports_.push_back(report); };
    coordinator_ = std::make_unique<CheckpointCoordinator>(options, store, nullptr, events);
    CheckpointParticipants parts;
    parts.tasks = 2;
    parts.sources.push_back([this](int64_t epoch, bool) { barrier_ = epoch; });
    parts.sinks.push_back({"out", [this](const Committable& each) { published_.push_back(each.epoch); }});
    coordinator_->SetParticipants(std::move(parts));
  }
  void Trigger(int64_t ms) {
    now_ += milliseconds(ms);
    coordinator_->Trigger(now_);
  }
  void Acknowledge(int64_t epoch, bool sink) {
    TaskSnapshot snapshot;
    snapshot.epoch = epoch;
    if (sink) snapshot.sink = SinkSnapshot{"out", {{epoch, "p" + std::to_string(epoch)}}, {}};
    coordinator_->Acknowledge(std::move(snapshot));
  }
  void Complete(int64_t epoch) {
    Acknowledge(epoch, false);
    Acknowledge(epoch, true);
    coordinator_->WriteNext();
  }

  MemoryCheckpointStore store_;
  std::unique_ptr<CheckpointCoordinator> coordinator_;
  CheckpointCoordinator::Time now_;
  int64_t barrier_ = 0;
  std::vector<int64_t> published_;
  std::vector<CheckpointReport> reports_;
  std::string failure_;
  bool done_ = false;
};

TEST_F(CoordinatorTest, UnpublishedEpochsAreCarriedOnAndLimited) {
  Make({});
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    Trigger(10);
    ASSERT_EQ(barrier_, epoch);
    Complete(epoch);
  }
  EXPECT_EQ(published_, (std::vector<int64_t>{1, 2, 3})) << "asked for";
  const auto pending = (*store_.Newest())->FindSink("out")->pending;
  ASSERT_EQ(pending.size(), 3u);
  EXPECT_EQ(pending[0].payload, "p1");
  Trigger(10);
  EXPECT_EQ(barrier_, 3) << "three wait already";
  EXPECT_TRUE(coordinator_->holds_sources());
  coordinator_->Published(0, 1);
  EXPECT_EQ(barrier_, 4) << "it was due";
  EXPECT_FALSE(coordinator_->holds_sources());
}

TEST_F(CoordinatorTest, LateCheckpointIsGivenUpAndItsOutputJoinsTheNext) {
  CheckpointOptions options;
  options.timeout = milliseconds(100);
  options.tolerable_failures = 1;
  Make(options);
  Trigger(10);
  Acknowledge(1, true);
  now_ += milliseconds(101);
  coordinator_->KeepTime(now_);
  EXPECT_EQ(coordinator_->totals().failed, 1);
  EXPECT_EQ(failure_, "");
  Trigger(1);
  EXPECT_EQ(barrier_, 2);
  EXPECT_EQ(coordinator_->save_mode(), SaveMode::kFull) << "the one before is not kept";
  Acknowledge(1, false);  // late
  Complete(2);
  EXPECT_EQ((*store_.Newest())->FindSink("out")->pending.size(), 2u);
  EXPECT_EQ(published_, (std::vector<int64_t>{1, 2}));
  Trigger(1);
  EXPECT_EQ(coordinator_->save_mode(), SaveMode::kDelta);
}

TEST_F(CoordinatorTest, TooManyFailuresInARowFailTheJob) {
  CheckpointOptions options;
  options.timeout = milliseconds(100);
  options.tolerable_failures = 1;
  Make(options);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(failure_, "");
    Trigger(10);
    now_ += milliseconds(101);
    coordinator_->KeepTime(now_);
  }
  EXPECT_EQ(failure_, "checkpoint 2 failed: not complete within 100 ms");
}

TEST_F(CoordinatorTest, PauseBetweenCheckpoints) {
  CheckpointOptions options;
  options.min_pause = milliseconds(50);
  Make(options);
  Trigger(10);
  Complete(1);
  Trigger(49);
  EXPECT_EQ(barrier_, 1);
  Trigger(1);
  EXPECT_EQ(barrier_, 2);
}

TEST_F(CoordinatorTest, SinksShowAllWithASavepointAndAtTheEnd) {
  Make({});
  Trigger(10);
  EXPECT_FALSE(coordinator_->shows_all());
  Complete(1);
  coordinator_->TriggerSavepoint("s", false, [](const Status&) {}, now_);
  EXPECT_EQ(barrier_, 2);
  EXPECT_TRUE(coordinator_->shows_all());
  Complete(2);
  for (int64_t epoch = 1; epoch <= 2; ++epoch) coordinator_->Published(0, epoch);
  coordinator_->WriteNext();
  Trigger(10);
  EXPECT_FALSE(coordinator_->shows_all());
  Complete(3);
  coordinator_->SourceEnded();
  EXPECT_EQ(barrier_, 4);
  EXPECT_TRUE(coordinator_->shows_all());
}

TEST_F(CoordinatorTest, FinalCheckpointEndsTheJobOncePublished) {
  Make({});
  coordinator_->SourceEnded();
  EXPECT_EQ(barrier_, 1);
  Complete(1);
  EXPECT_FALSE(done_);
  coordinator_->PublishFailed(0, Status::IOError("locked"));
  now_ += milliseconds(10000);
  coordinator_->KeepTime(now_);
  EXPECT_EQ(published_, (std::vector<int64_t>{1, 1})) << "asked again";
  coordinator_->Published(0, 1);
  EXPECT_TRUE(done_);
  EXPECT_TRUE((*store_.Newest())->name().finished);
  EXPECT_TRUE(reports_.back().final);
}

// Takes savepoints, too.
class SavepointStore final : public CheckpointStore {
 public:
  Result<WrittenCheckpoint> Write(const Checkpoint& checkpoint) override {
    if (!checkpoint.target.empty()) savepoints.push_back(checkpoint);
    return WrittenCheckpoint{};
  }
  Result<std::shared_ptr<const RestorePoint>> Newest() override { return nullptr; }
  std::vector<Checkpoint> savepoints;
};

TEST_F(CoordinatorTest, SavepointIsWrittenOnceItsOutputIsPublished) {
  SavepointStore store;
  std::vector<Status> answers;
  const auto answer = [&](Status status) { answers.push_back(std::move(status)); };
  Make({}, &store);
  coordinator_->TriggerSavepoint("somewhere", false, answer, now_);
  Complete(1);
  EXPECT_TRUE(store.savepoints.empty());
  EXPECT_TRUE(answers.empty());
  coordinator_->TriggerSavepoint("elsewhere", false, answer, now_);
  ASSERT_EQ(answers.size(), 1u) << "one at a time";
  EXPECT_FALSE(answers[0].ok());
  Trigger(10);
  Complete(2);
  EXPECT_TRUE(store.savepoints.empty());
  coordinator_->Published(0, 1);
  coordinator_->WriteNext();
  ASSERT_EQ(store.savepoints.size(), 1u);
  EXPECT_EQ(store.savepoints[0].name.epoch, 1);
  EXPECT_TRUE(store.savepoints[0].name.savepoint);
  EXPECT_TRUE(store.savepoints[0].sinks[0].pending.empty());
  EXPECT_EQ(store.savepoints[0].sinks[0].counters.published_epochs, 1);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_TRUE(answers[1].ok());
}

TEST_F(CoordinatorTest, StoppingSavepointEndsTheJobBehindIt) {
  SavepointStore store;
  std::vector<Status> answers;
  Make({}, &store);
  coordinator_->TriggerSavepoint("somewhere", true, [&](Status s) { answers.push_back(s); }, now_);
  Complete(1);
  coordinator_->Published(0, 1);
  EXPECT_FALSE(done_);
  coordinator_->WriteNext();
  EXPECT_TRUE(done_);
  EXPECT_EQ(store.savepoints.size(), 1u);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].ok());
}

TEST_F(CoordinatorTest, SavepointOfAJobThatFailsIsAnswered) {
  SavepointStore store;
  std::vector<Status> answers;
  Make({}, &store);
  coordinator_->TriggerSavepoint("somewhere", false, [&](Status s) { answers.push_back(s); }, now_);
  Complete(1);
  coordinator_->Abandon(Status::IOError("the table is locked"));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].message(), "no savepoint was made: the table is locked");
  coordinator_->Published(0, 1);
  coordinator_->WriteNext();
  EXPECT_TRUE(store.savepoints.empty());
}

TEST_F(CoordinatorTest, SavepointWithoutFolderIsRefusedButTheCheckpointStands) {
  Make({});
  Status answer;
  coordinator_->TriggerSavepoint("somewhere", false, [&](Status status) { answer = status; }, now_);
  EXPECT_EQ(barrier_, 1);
  Complete(1);
  coordinator_->Published(0, 1);
  coordinator_->WriteNext();
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(coordinator_->totals().completed, 1);
}

}  // namespace
}  // namespace millrace
