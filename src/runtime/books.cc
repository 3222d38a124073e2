#include "runtime/books.h"

namespace millrace {
namespace {

int64_t Load(const std::atomic<int64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

class Audit {
 public:
  explicit Audit(const Assembly& assembly) : assembly_(assembly) {}

  std::vector<std::string> Run() {
    for (size_t n = 0; n < assembly_.tasks.size(); ++n) CheckNode(n);
    return std::move(found_);
  }

 private:
  const Chain& FirstChain(size_t node) const { return assembly_.tasks[node][0]->chain(); }
  const std::string& Name(size_t node) const { return assembly_.graph.nodes[node].name; }

  void CheckNode(size_t node) {
    int64_t sent = Arrived(node);
    const int operators = FirstChain(node).size();
    for (int op = 0; op < operators; ++op) {
      Compare(node, FirstChain(node).Describe(op), sent, Sum(node, op, &OperatorStats::rows_in));
      sent = Sum(node, op, &OperatorStats::rows_out);
    }
    out_.push_back(sent);
    const SinkWriter* sink = assembly_.tasks[node][0]->sink();
    if (sink != nullptr) Compare(node, "sink", sent, sink->rows());
  }

  // The rows that were handed to `node` by its lanes or by the nodes before it.
  int64_t Arrived(size_t node) const {
    int64_t rows = 0;
    for (const LaneParts& lane : assembly_.lanes) {
      if (lane.node != node) continue;
      rows += Load(lane.task->stats().rows) - Load(lane.task->stats().dead_lettered);
    }
    for (const Edge& edge : assembly_.graph.nodes[node].inputs) {
      rows += out_[static_cast<size_t>(edge.from)];
    }
    return rows;
  }

  int64_t Sum(size_t node, int op, std::atomic<int64_t> OperatorStats::* counter) const {
    int64_t rows = 0;
    for (const auto& task : assembly_.tasks[node]) rows += Load(task->chain().stats(op).*counter);
    return rows;
  }

  void Compare(size_t node, const std::string& at, int64_t sent, int64_t arrived) {
    if (sent == arrived) return;
    found_.push_back(
        fmt::format("{}: {} rows were sent to {}, {} arrived", Name(node), sent, at, arrived));
  }

  const Assembly& assembly_;
  std::vector<int64_t> out_;  // by node: the rows that it handed on
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> Imbalances(const Assembly& assembly) { return Audit(assembly).Run(); }

}  // namespace millrace
