// libFuzzer's entry: the environment variable FUZZ_TARGET names the target. See tools/fuzz.sh.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "targets.h"

namespace {

const millrace::FuzzTarget* target = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* wanted = std::getenv("FUZZ_TARGET");
  for (const millrace::FuzzTarget& known : millrace::FuzzTargets()) {
    if (wanted != nullptr && std::string(wanted) == known.name) target = &known;
  }
  if (target != nullptr) return 0;
  std::fputs("FUZZ_TARGET must be sql, json, csv, regex, raw, cast or parquet\n", stderr);
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
