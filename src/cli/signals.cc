#include "cli/signals.h"

#include <atomic>
#include <csignal>

namespace millrace {
namespace {

std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);

void OnInterrupt(int) { interrupts.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

int Interrupts() { return interrupts.load(std::memory_order_relaxed); }

}  // namespace millrace
