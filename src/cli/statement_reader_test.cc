#include "cli/statement_reader.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(StatementReader, EndsAtASemicolonOutsideQuotesAndComments) {
  EXPECT_TRUE(IsComplete("SELECT 1;"));
  EXPECT_TRUE(IsComplete("SELECT 1; \n"));
  EXPECT_TRUE(IsComplete("SELECT 1; -- done"));
  EXPECT_TRUE(IsComplete("SELECT 'it''s';"));
  EXPECT_FALSE(IsComplete(""));
  EXPECT_FALSE(IsComplete("SELECT 1"));
  EXPECT_FALSE(IsComplete("SELECT ';"));
  EXPECT_FALSE(IsComplete("SELECT `a;"));
  EXPECT_FALSE(IsComplete("SELECT 1 -- ;"));
  EXPECT_FALSE(IsComplete("SELECT 1 /* ;"));
  EXPECT_FALSE(IsComplete("-- only a comment"));
}

TEST(StatementReader, AStatementSetEndsBehindItsEnd) {
  EXPECT_FALSE(IsComplete("BEGIN STATEMENT SET;"));
  EXPECT_FALSE(IsComplete("begin statement set; INSERT INTO a SELECT 1;"));
  EXPECT_TRUE(IsComplete("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;"));
  EXPECT_FALSE(IsComplete("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;"));
  EXPECT_TRUE(IsComplete("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;"));
  EXPECT_TRUE(IsComplete("SELECT CASE WHEN a THEN 1 END FROM t;"));
}

}  // namespace
}  // namespace millrace
