#include "engine/supervised_job.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

namespace millrace {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{100};  // for requests of other processes

class SupervisedJob final : public Job {
 public:
  explicit SupervisedJob(Supervision supervision) : parts_(std::move(supervision)) {}
  ~SupervisedJob() override;

  Status Build() {
    MILL_ASSIGN(job_, parts_.build(parts_.from.get(), parts_.last_epoch));
    return Status::OK();
  }

  Status Start() override;
  Status Wait() override;
  bool WaitFor(milliseconds time) override;
  void Drain() override;
  void TriggerSavepoint(std::string target, bool stop, std::function<void(Status)> done) override;
  void Cancel() override;
  JobCounts Counts() const override;
  std::vector<std::string> Imbalances() const override;
  Result<bool> Step(uint64_t seed) override { return Current()->Step(seed); }

 private:
  std::shared_ptr<Job> Current() const {
    std::lock_guard lock(mutex_);
    return job_;
  }
  // `started`: how the first start went.
  void Supervise(Status started);
  // Runs the current job to its end.
  Status RunToEnd();
  // Waits as the strategy says and starts the job again; its failure, if it cannot be.
  Status Restart(const Status& failure);
  Status Rebuild();
  void Answer(const ControlRequest& request);
  void Note(const std::string& text);

  Supervision parts_;
  std::thread supervisor_;
  std::atomic<int64_t> restarts_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::shared_ptr<Job> job_;
  Status status_;
  bool ended_ = false;
  bool cancelled_ = false;
  bool drained_ = false;
};

SupervisedJob::~SupervisedJob() {
  Cancel();
  if (supervisor_.joinable()) supervisor_.join();
}

void SupervisedJob::Note(const std::string& text) {
  if (parts_.directory) parts_.directory->Log(text);
  if (parts_.note) parts_.note(text);
}

// What the outside world has refused (a database that is away) may go well later; the script's
// mistakes will not.
Status SupervisedJob::Start() {
  const Status started = Current()->Start();
  const bool again =
      started.IsIOError() && parts_.strategy.kind() != RestartStrategy::Kind::kNone;
  if (!started.ok() && !again) return started;
  supervisor_ = std::thread([this, started] { Supervise(started); });
  return Status::OK();
}

void SupervisedJob::Supervise(Status started) {
  Status status = started.ok() ? RunToEnd() : std::move(started);
  while (!status.ok()) {
    const Status restarted = Restart(status);
    if (!restarted.ok()) break;
    status = RunToEnd();
  }
  std::lock_guard lock(mutex_);
  status_ = status;
  ended_ = true;
  changed_.notify_all();
}

Status SupervisedJob::RunToEnd() {
  const std::shared_ptr<Job> job = Current();
  std::unique_ptr<ControlFolder> control;
  if (parts_.directory) control = std::make_unique<ControlFolder>(parts_.directory->path());
  while (!job->WaitFor(kLook)) {
    if (!control) continue;
    for (const ControlRequest& request : control->Take()) Answer(request);
  }
  return job->Wait();
}

Status SupervisedJob::Restart(const Status& failure) {
  std::random_device random;
  Status last = failure;
  while (true) {
    const double spread = static_cast<double>(random() % 1000) / 1000;
    const auto wait = parts_.strategy.Failed(std::chrono::steady_clock::now(), spread);
    if (!wait) return last;
    Note(fmt::format("the job failed: {}; restart {} in {} ms", last.message(), ++restarts_,
                     wait->count()));
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, *wait, [this] { return cancelled_; })) return last;
    lock.unlock();
    last = Rebuild();
    if (last.ok()) return last;
  }
}

Status SupervisedJob::Rebuild() {
  if (parts_.store) {
    MILL_ASSIGN(auto newest, parts_.store->Newest());
    // Those of other lineages are of runs that this one does not go on from.
    if (newest && newest->name().lineage == parts_.lineage) parts_.from = std::move(newest);
  }
  parts_.last_epoch = std::max(parts_.last_epoch, Counts().checkpoints.last_epoch);
  {
    std::lock_guard lock(mutex_);
    job_.reset();  // what it holds open, such as databases, is free before it is opened again
  }
  MILL_ASSIGN(std::shared_ptr<Job> job, parts_.build(parts_.from.get(), parts_.last_epoch));
  Note(parts_.from ? fmt::format("going on from checkpoint {}", parts_.from->name().epoch)
                   : "no checkpoint was complete: starting from the beginning");
  std::unique_lock lock(mutex_);
  job_ = job;
  const bool drained = drained_, cancelled = cancelled_;
  lock.unlock();
  MILL_RETURN(job->Start());
  if (drained) job->Drain();
  if (cancelled) job->Cancel();
  return Status::OK();
}

void SupervisedJob::Answer(const ControlRequest& request) {
  Note(fmt::format("request: {}", request.what));
  const std::string reply = request.reply;
  if (request.what == "drain") {
    Drain();
    ControlFolder::Reply(reply, Status::OK(), "the job works off what is in flight and ends");
    return;
  }
  const bool stop = request.what == "stop";
  const std::string target = request.target;
  TriggerSavepoint(target, stop, [reply, target](const Status& status) {
    ControlFolder::Reply(reply, status, "savepoint complete: " + target);
  });
}

Status SupervisedJob::Wait() {
  std::unique_lock lock(mutex_);
  if (supervisor_.joinable()) {
    changed_.wait(lock, [this] { return ended_; });
    return status_;
  }
  const auto job = job_;
  lock.unlock();
  return job->Wait();
}

bool SupervisedJob::WaitFor(milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return ended_; });
}

void SupervisedJob::Drain() {
  std::lock_guard lock(mutex_);
  drained_ = true;
  if (job_) job_->Drain();
}

void SupervisedJob::TriggerSavepoint(std::string target, bool stop,
                                     std::function<void(Status)> done) {
  const auto job = Current();
  if (!job) return done(UserError("the job is being restarted: try again"));
  if (!parts_.store) return done(UserError("the job has no folder. hint: run it with --folder"));
  job->TriggerSavepoint(std::move(target), stop, std::move(done));
}

void SupervisedJob::Cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
  if (job_) job_->Cancel();
}

std::vector<std::string> SupervisedJob::Imbalances() const {
  const auto job = Current();
  return job ? job->Imbalances() : std::vector<std::string>{};
}

JobCounts SupervisedJob::Counts() const {
  const auto job = Current();
  JobCounts counts = job ? job->Counts() : JobCounts{};
  counts.restarts = restarts_.load(std::memory_order_relaxed);
  return counts;
}

}  // namespace

Result<std::unique_ptr<Job>> MakeSupervisedJob(Supervision supervision) {
  auto job = std::make_unique<SupervisedJob>(std::move(supervision));
  MILL_RETURN(job->Build());
  return job;
}

}  // namespace millrace
