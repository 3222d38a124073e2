// Status and Result: how every fallible function of Millrace reports. They are Arrow's own types,
// so each Arrow call already speaks them. We never throw.
#pragma once

#include <arrow/result.h>
#include <arrow/status.h>
#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace millrace {

using arrow::Result;
using arrow::Status;

// Invalid: the user's mistake (script, option, argument); IOError: the outside world's.
template <typename... Args>
Status UserError(fmt::format_string<Args...> format, Args&&... args) {
  return Status::Invalid(fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
Status ExternalError(fmt::format_string<Args...> format, Args&&... args) {
  return Status::IOError(fmt::format(format, std::forward<Args>(args)...));
}

// Returns `status` with "`context`: " before its message; OK stays OK.
inline Status Annotate(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return status.WithMessage(context, ": ", status.message());
}

// Aborts with the place of a broken invariant: for our own mistakes, unreachable by any input.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace millrace

#define MILL_CHECK(condition)                                             \
  do {                                                                    \
    if (!(condition)) ::millrace::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// Short names for Arrow's propagation macros.
#define MILL_RETURN(expression) ARROW_RETURN_NOT_OK(expression)
#define MILL_ASSIGN(declaration, expression) ARROW_ASSIGN_OR_RAISE(declaration, expression)
