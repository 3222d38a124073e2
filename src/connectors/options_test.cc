#include <gtest/gtest.h>

#include "connectors/builtin.h"

namespace millrace {
namespace {

std::string Check(const Options& options) {
  TableInfo table;
  table.name = "t";
  table.options = options;
  return CheckOptions(FilesystemConnector(), table).message();
}

TEST(CheckOptions, NamesTheNearestOption) {
  const Options good{{"connector", "filesystem"},
                     {"path", "/x"},
                     {"format", "json"},
                     {"json.ignore-parse-errors", "true"},
                     {"scan.watermark.alignment.group", "g"}};
  EXPECT_EQ(Check(good), "");
  Options typo = good;
  typo["pth"] = "/y";
  EXPECT_EQ(Check(typo),
            "unknown option 'pth' of table 't' ('connector' = 'filesystem'). did you mean 'path'?");
  EXPECT_NE(Check({{"format", "json"}}).find("missing option 'path'"), std::string::npos);
  EXPECT_NE(Check({{"path", "/x"}}).find("missing option 'format'"), std::string::npos);
  Options wrong = good;
  wrong["source.monitor-interval"] = "often";
  EXPECT_NE(Check(wrong).find("'often'"), std::string::npos);
}

}  // namespace
}  // namespace millrace
