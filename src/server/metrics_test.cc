#include "server/metrics.h"

#include <gtest/gtest.h>

#include "server/metrics_endpoint.h"

namespace millrace {
namespace {

using std::chrono::microseconds;

JobCounts SomeCounts() {
  JobCounts counts;
  JobCounts::SourceCount source;
  source.table = "events";
  source.split = "a \"b\"\\c\n";
  source.rows = 12;
  source.watermark = 1500;
  counts.sources = {source};
  JobCounts::OperatorCount op;
  op.id = "group#1";
  op.name = "GroupAggregate(k)";
  op.late = 3;
  counts.operators = {op};
  counts.sinks = {{"out", 7, 2, {3, 1}}, {"out", 8, 2, {}}};
  counts.checkpoints.completed = 2;
  counts.checkpoints.last.epoch = 2;
  counts.checkpoints.last.duration = microseconds(12500);
  counts.checkpoints.last.operators = {
      {"group#1", microseconds(1000), microseconds(2000), microseconds(3000), 400}};
  return counts;
}

// The lines of the page that begin with `name`.
std::string Family(const std::string& page, const std::string& name) {
  std::string lines;
  for (size_t start = 0; start < page.size();) {
    const size_t end = page.find('\n', start);
    const std::string line = page.substr(start, end - start);
    if (line.starts_with(name)) lines += line + "\n";
    start = end + 1;
  }
  return lines;
}

TEST(Metrics, CountersOfAJob) {
  const std::string page = MetricsPage({{"j", SomeCounts()}});
  EXPECT_EQ(Family(page, "millrace_source_rows_total"),
            "millrace_source_rows_total{job=\"j\",table=\"events\",split=\"a \\\"b\\\"\\\\c\\n\"} 12\n");
  EXPECT_EQ(Family(page, "millrace_source_watermark_seconds"),
            "millrace_source_watermark_seconds{job=\"j\",table=\"events\",split=\"a \\\"b\\\"\\\\c\\n\"} "
            "1.500\n");
  EXPECT_EQ(Family(page, "millrace_operator_late_rows_total"),
            "millrace_operator_late_rows_total{job=\"j\",operator=\"group#1\",what=\"GroupAggregate(k)\"} "
            "3\n");
  EXPECT_EQ(Family(page, "millrace_operator_watermark_seconds"), "");  // there is none yet
  EXPECT_EQ(Family(page, "millrace_sink_rows_total"),
            "millrace_sink_rows_total{job=\"j\",table=\"out\",sink=\"0\"} 7\n"
            "millrace_sink_rows_total{job=\"j\",table=\"out\",sink=\"1\"} 8\n");
  EXPECT_EQ(Family(page, "millrace_sink_retries_total"),
            "millrace_sink_retries_total{job=\"j\",table=\"out\",sink=\"0\"} 3\n"
            "millrace_sink_retries_total{job=\"j\",table=\"out\",sink=\"1\"} 0\n");
  EXPECT_TRUE(Family(page, "millrace_sink_refused_rows_total")
                  .starts_with("millrace_sink_refused_rows_total{job=\"j\",table=\"out\",sink=\"0\"} 1\n"));
}

TEST(Metrics, TheLastCheckpointAndWhatItCostAnOperator) {
  const std::string page = MetricsPage({{"j", SomeCounts()}});
  EXPECT_EQ(Family(page, "millrace_checkpoint_duration_seconds"),
            "millrace_checkpoint_duration_seconds{job=\"j\"} 0.0125\n");
  EXPECT_EQ(Family(page, "millrace_checkpoint_operator_alignment_seconds"),
            "millrace_checkpoint_operator_alignment_seconds{job=\"j\",operator=\"group#1\"} 0.001\n");
  EXPECT_EQ(Family(page, "millrace_checkpoint_operator_bytes"),
            "millrace_checkpoint_operator_bytes{job=\"j\",operator=\"group#1\"} 400\n");
  JobCounts none;
  EXPECT_EQ(Family(MetricsPage({{"j", none}}), "millrace_checkpoint_"), "");
}

// The format wants the samples of a name together, below one HELP and one TYPE.
TEST(Metrics, JobsShareFamilies) {
  const std::string page = MetricsPage({{"a", SomeCounts()}, {"b", SomeCounts()}});
  const std::string head = "# TYPE millrace_checkpoints_completed_total counter\n";
  const size_t at = page.find(head);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(page.find(head, at + 1), std::string::npos);
  EXPECT_TRUE(page.substr(at + head.size())
                  .starts_with("millrace_checkpoints_completed_total{job=\"a\"} 2\n"
                               "millrace_checkpoints_completed_total{job=\"b\"} 2\n# HELP"));
}

TEST(Metrics, RangesOfPorts) {
  const auto range = ParsePortRange("9250-9260");
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->first, 9250);
  EXPECT_EQ(range->last, 9260);
  for (const char* wrong : {"", "x", "70000", "-1", "9260-9250", "9249 ", "1-"}) {
    EXPECT_FALSE(ParsePortRange(wrong).ok()) << wrong;
  }
}

TEST(Metrics, ATakenPortIsAnErrorOrTheNextOne) {
  const auto first = MetricsEndpoint::Start({0, 0});
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  const int port = (*first)->port();
  const auto second = MetricsEndpoint::Start({port, port});
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(std::to_string(port)), std::string::npos);
  const auto third = MetricsEndpoint::Start({port, port + 20});
  ASSERT_TRUE(third.ok()) << third.status().ToString();
  EXPECT_GT((*third)->port(), port);
}

}  // namespace
}  // namespace millrace
