#include <string>

#include <gtest/gtest.h>

#include "probes.hpp"

namespace {

class Toolchain : public testing::TestWithParam<probes::Probe> {};

// The compiler that builds the server compiles ordinary co_await statements right.
TEST_P(Toolchain, CompilesRight) {
  EXPECT_TRUE(GetParam().run());
}

INSTANTIATE_TEST_SUITE_P(Coroutines, Toolchain, testing::ValuesIn(probes::all()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
