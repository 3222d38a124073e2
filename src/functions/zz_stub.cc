#include "functions/families.h"
namespace millrace {
#define S(x) __attribute__((weak)) void Register##x(FunctionRegistry&) {}
S(Arithmetic) S(Math) S(Comparison) S(Logic) S(Condition) S(String) S(Pattern) S(Encoding) S(Hash) S(Time) S(TimeText) S(Clock) S(Collection) S(Json) S(Aggregates)
}
