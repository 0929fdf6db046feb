#include "runtime/descriptors.hpp"

#include <algorithm>

#include <sys/resource.h>

namespace bulkhead::runtime {

namespace {

/// Of the process: logs, pipes, key fetches, cancel requests, connections of its background work.
constexpr std::uint64_t for_process = 64;
/// Of an io thread, beside the connections of its lanes that are configured: the other lanes', the catalog's and
/// the listeners', of which libpq holds two each at times, and the loop's own.
constexpr std::uint64_t for_thread = 32;

}  // namespace

std::uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

std::size_t connections_within(std::uint64_t descriptors, const AppConfig& config,
                               std::size_t threads) noexcept {
  const std::uint64_t kept = for_process +
                             threads * (for_thread + config.read_connections + config.write_connections) +
                             config.other_connections;
  const std::uint64_t left = descriptors > kept ? (descriptors - kept) / threads : 0;
  return std::clamp<std::uint64_t>(left, 1, config.connections);
}

}  // namespace bulkhead::runtime
