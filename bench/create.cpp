// How long it takes to make a tenant over an open connection of the operator, with a placement that waits and without one.
//
//   bench_create URL COUNT     prints {"pool": {"row": ms, "schema": ms, "silo": ms}, "cold": {…}}: medians of COUNT each
//
// The database is set up and migrated; its tenants and its plan "standard" are changed.
#include "lifecycle/create.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <bulkhead/uuid.hpp>

#include "catalog/cells.hpp"
#include "lifecycle/plans.hpp"
#include "lifecycle/pool.hpp"

namespace {

using namespace bulkhead;
using catalog::Model;

/// Median of the milliseconds that one tenant took.
Result<double> measure(pg::Blocking& catalog, Model model, int count) {
  std::vector<double> took;
  lifecycle::ShardConnection shard;  // as a server has, which makes one after the other
  for (int i = 0; i < count; ++i) {
    lifecycle::CreateRequest request;
    request.slug = "bench-" + Uuid::random().text().substr(24);
    request.model = model;
    const auto begun = std::chrono::steady_clock::now();
    BULKHEAD_TRY(auto made, lifecycle::create_tenant(catalog, request, shard));
    took.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
  }
  std::sort(took.begin(), took.end());
  return took[took.size() / 2];
}

Result<void> set_pool(pg::Blocking& catalog, Model model, int size) {
  lifecycle::Plan plan;
  plan.name = "standard";
  plan.model = model;
  plan.pool = size;
  return lifecycle::set_plan(catalog, plan);
}

Result<std::string> measure_all(const std::string& url, int count) {
  BULKHEAD_TRY(auto catalog, pg::Blocking::connect(url));
  std::string pool, cold;
  for (const Model model : {Model::row, Model::schema, Model::silo}) {
    const auto name = catalog::model_name(model);
    BULKHEAD_CHECK(set_pool(catalog, model, 0));
    // The first of a kind pays for the plans of the session, and for a shard.
    BULKHEAD_TRY([[maybe_unused]] const double first, measure(catalog, model, 1));
    BULKHEAD_TRY(const double without, measure(catalog, model, count));
    BULKHEAD_CHECK(set_pool(catalog, model, count));
    BULKHEAD_TRY(auto filled, lifecycle::fill_pool(catalog));
    if (!filled.errors.empty()) return filled.errors.front();
    BULKHEAD_TRY(const double with, measure(catalog, model, count));
    BULKHEAD_CHECK(set_pool(catalog, Model::row, 0));
    cold += fmt::format("{}\"{}\": {:.2f}", cold.empty() ? "" : ", ", name, without);
    pool += fmt::format("{}\"{}\": {:.2f}", pool.empty() ? "" : ", ", name, with);
  }
  return fmt::format("{{\"pool\": {{{}}}, \"cold\": {{{}}}}}\n", pool, cold);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_create URL COUNT\n", stderr);
    return 2;
  }
  const auto measured = measure_all(argv[1], std::max(1, std::atoi(argv[2])));
  if (measured.has_error()) {
    std::fputs(
        fmt::format("bench_create: {} {}\n", measured.error().message(), measured.error().internal()).c_str(),
        stderr);
    return 1;
  }
  std::fputs(measured->c_str(), stdout);
  return 0;
}
