#pragma once
// What a format gives to be tried with damaged input: one NAME_fuzz.cpp defines both functions.
// mutation_test.cpp tries a fixed set of mutants in every test run; libfuzzer.cpp searches for a
// bounded time (scripts/fuzz).

#include <string>
#include <vector>

namespace accord::fuzz {

/// Sound inputs to start from.
std::vector<std::string> seeds();

/// Reads `input` as the program would. \throws DataError or UsageError when it refuses it; anything
/// else (another exception, a crash, a sanitizer's finding) is a fault
void read(std::string const& input);

}  // namespace accord::fuzz
