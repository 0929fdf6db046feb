#pragma once

#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <bulkhead/task.hpp>

namespace bulkhead::testing {

/// Runs the context until the task is done; its result.
template <class T>
T run(boost::asio::io_context& io, Task<T> task) {
  std::optional<T> result;
  auto body = [&]() -> Task<void> {
    auto value = co_await std::move(task);
    result.emplace(std::move(value));
  };
  boost::asio::co_spawn(io, body, boost::asio::detached);
  io.restart();
  io.run();
  return std::move(*result);
}

inline void run(boost::asio::io_context& io, Task<void> task) {
  boost::asio::co_spawn(io, std::move(task), boost::asio::detached);
  io.restart();
  io.run();
}

}  // namespace bulkhead::testing
