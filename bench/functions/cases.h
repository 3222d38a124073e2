// What is measured: an expression, Arrow's kernel for the same where there is one, and a plain loop that
// a programmer would write for just this task.
#pragma once

#include <arrow/compute/api.h>

#include <functional>
#include <string>
#include <vector>

#include "columns.h"

namespace millrace::bench {

struct Case {
  std::string sql;
  double aim;  // millions of rows a second and core
  // Each does the work for all rows once.
  std::function<arrow::Result<arrow::Datum>(const Columns&)> kernel = {};
  std::function<size_t(const Columns&)> loop = {};
};

std::vector<Case> TextCases();
std::vector<Case> PatternCases();
std::vector<Case> CastCases();
std::vector<Case> TimeCases();
std::vector<Case> JsonAndHashCases();

}  // namespace millrace::bench
