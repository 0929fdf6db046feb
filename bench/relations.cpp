// How long the relations of a schema take to load: `bench/run api`.
#include "sql/relations.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "pg/blocking.hpp"

using namespace bulkhead;

namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "bench_relations: %s\n", std::string(error.message()).c_str());
  return 1;
}

double seconds(std::clock_t ticks) {
  return static_cast<double>(ticks) / CLOCKS_PER_SEC;
}

}  // namespace

int main(int argc, char** argv) {
  std::string conninfo, schema = "app";
  int times = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--conninfo") conninfo = argv[i + 1];
    if (name == "--schema") schema = argv[i + 1];
    if (name == "--times") times = std::max(1, std::atoi(argv[i + 1]));
  }
  auto connection = pg::Blocking::connect(conninfo);
  if (connection.has_error()) return fail(connection.error());
  std::vector<double> took, used;
  std::size_t relations = 0, foreign_keys = 0;
  for (int i = 0; i < times; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    auto loaded = sql::Relations::load(*connection, schema);
    used.push_back(seconds(std::clock() - cpu));
    took.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    if (loaded.has_error()) return fail(loaded.error());
    relations = (*loaded)->all().size();
    foreign_keys = (*loaded)->foreign_keys().size();
  }
  std::sort(took.begin(), took.end());
  std::sort(used.begin(), used.end());
  std::printf(
      R"({"relations": %zu, "foreign_keys": %zu, "seconds": %.4f, "slowest": %.4f, "cpu_seconds": %.4f})"
      "\n",
      relations, foreign_keys, took[took.size() / 2], took.back(), used[used.size() / 2]);
  return 0;
}
