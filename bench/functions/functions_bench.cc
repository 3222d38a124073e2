// Measures functions over columns: millions of rows per second of CPU time, beside Arrow's kernel and a
// plain loop for the same where there are such. Not a test; ../README.md says how to read it.
//
//   functions_bench [WORD]     only expressions with WORD in them
#include <arrow/compute/initialize.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "cases.h"
#include "functions/expression.h"
#include "plan/bind_expression.h"
#include "sql/parser.h"

namespace millrace::bench {
namespace {

constexpr double kSecondsOfARun = 0.05;
constexpr int kRuns = 5;

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Millions of rows a second in the best of some runs; `once` does the work for all rows.
template <typename F>
Result<double> Measure(F once) {
  double best = 0;
  MILL_RETURN(once());
  for (int run = 0; run < kRuns; ++run) {
    const double begin = CpuSeconds();
    double seconds = 0;
    int64_t rows = 0;
    for (; seconds < kSecondsOfARun; seconds = CpuSeconds() - begin) {
      MILL_RETURN(once());
      rows += kRows;
    }
    best = std::max(best, static_cast<double>(rows) / seconds / 1e6);
  }
  return best;
}

Result<double> MeasureOurs(const Case& each, const Columns& columns) {
  MILL_ASSIGN(auto parsed, ParseExpression(each.sql));
  MILL_ASSIGN(ExpressionPtr expression, ExpressionBinder(columns.scope()).Bind(*parsed));
  const EvalContext context;
  return Measure(
      [&] { return EvaluateArray(*expression, columns.batch(), context).status(); });
}

Result<double> MeasureKernel(const Case& each, const Columns& columns) {
  if (!each.kernel) return 0.0;
  return Measure([&] { return each.kernel(columns).status(); });
}

Result<double> MeasureLoop(const Case& each, const Columns& columns) {
  if (!each.loop) return 0.0;
  volatile size_t kept = 0;
  return Measure([&] {
    kept = each.loop(columns);
    return Status::OK();
  });
}

std::string Cell(double rate) { return rate > 0 ? fmt::format("{:.1f}", rate) : "-"; }

// False if the case cannot be run.
bool Report(const Case& each, const Columns& columns) {
  const auto ours = MeasureOurs(each, columns);
  const auto kernel = MeasureKernel(each, columns);
  const auto loop = MeasureLoop(each, columns);
  for (const auto* result : {&ours, &kernel, &loop}) {
    if (result->ok()) continue;
    fmt::print(stderr, "{}: {}\n", each.sql, result->status().message());
    return false;
  }
  fmt::print("| {:<52} | {:>8} | {:>7} | {:>7} | {:>5} | {:<5} |\n", "`" + each.sql + "`", Cell(*ours),
             Cell(*kernel), Cell(*loop), each.aim, *ours < each.aim ? "below" : "");
  std::fflush(stdout);
  return true;
}

int Main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  if (!arrow::compute::Initialize().ok()) return 1;
  const Columns columns;
  fmt::print("| {:<52} | {:>8} | {:>7} | {:>7} | {:>5} |       |\n|{:-<54}|{:->10}|{:->9}|{:->9}|{:->7}|{:->7}|\n",
             "M rows per CPU-second", "Millrace", "Arrow", "loop", "aim", "", ":", ":", ":", ":", "");
  int failed = 0;
  for (const auto& make : {TextCases, PatternCases, CastCases, TimeCases, JsonAndHashCases}) {
    for (const Case& each : make()) {
      if (each.sql.find(only) != std::string::npos && !Report(each, columns)) ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) { return millrace::bench::Main(argc, argv); }
