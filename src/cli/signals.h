// Ctrl-C and SIGTERM, counted: the first drains what runs, the second stops it.
#pragma once

namespace millrace {

// From now on both signals only count, and a closed pipe or a file that may not grow is an error of
// the write instead of a signal.
void CatchSignals();
// How often the user or the system has asked to end.
int Interrupts();

}  // namespace millrace
