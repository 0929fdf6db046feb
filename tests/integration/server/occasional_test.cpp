#include "runtime/occasional.hpp"

#include <future>
#include <mutex>
#include <vector>

#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

namespace bulkhead::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Occasional, IsDoneOnceHoweverOftenItIsAskedFor) {
  boost::asio::thread_pool pool(1);
  std::promise<void> busy;
  boost::asio::post(pool, [&, wait = busy.get_future().share()] { wait.wait(); });
  std::atomic<int> done = 0;
  std::promise<void> ended;
  Occasional work(pool, 0ms, [&] {
    ++done;
    ended.set_value();
  });
  for (int i = 0; i < 1000; ++i) work.ask();
  busy.set_value();
  ended.get_future().wait();
  pool.join();
  EXPECT_EQ(done, 1);
}

TEST(Occasional, WhatIsAskedForMeanwhileIsDoneOnceMoreAfterAPause) {
  boost::asio::thread_pool pool(1);
  std::vector<std::chrono::steady_clock::time_point> begun;
  Occasional* again = nullptr;
  std::promise<void> ended;
  Occasional work(pool, 200ms, [&] {
    begun.push_back(std::chrono::steady_clock::now());
    if (begun.size() == 2) return ended.set_value();
    for (int i = 0; i < 1000; ++i) again->ask();
  });
  again = &work;
  work.ask();
  ended.get_future().wait();
  pool.join();
  ASSERT_EQ(begun.size(), 2U);
  EXPECT_GE(begun[1] - begun[0], 200ms);
}

TEST(Occasional, IsNotDoneOnceThePoolWasStopped) {
  boost::asio::thread_pool pool(1);
  std::atomic<int> done = 0;
  std::promise<void> first;
  Occasional work(pool, 3600s, [&] {
    if (++done == 1) first.set_value();
  });
  work.ask();
  first.get_future().wait();
  work.ask();
  pool.stop();
  pool.join();
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace bulkhead::runtime
