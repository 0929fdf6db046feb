#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include "pg/blocking.hpp"
#include "pg/lanes.hpp"
#include "support/postgres.hpp"

namespace bulkhead::pg::testing {

using namespace std::chrono_literals;

inline ShapeRef shape(std::string sql) {
  return std::make_shared<Shape>(std::move(sql));
}

inline Step step(ShapeRef shape, const std::vector<std::string>& values = {}) {
  Step out{std::move(shape), Params()};
  for (const std::string& value : values) out.params.add(value);
  return out;
}

inline Unit unit(std::vector<Step> steps) {
  Unit out;
  out.steps = std::move(steps);
  return out;
}

inline Unit unit(std::string sql) {
  return unit({step(shape(std::move(sql)))});
}

inline Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

/// One io thread (the test's own) and lanes to a fresh database.
class LanesTest : public ::testing::Test {
 protected:
  LanesTest()
      : database_(test::Postgres::shared().make_empty_database()),
        conninfo_(test::Postgres::shared().admin(database_)),
        admin_(std::make_unique<Blocking>(test::must(Blocking::connect(conninfo_)))) {}

  /// Replaces the lanes. Not while tasks run.
  void open(LaneSettings settings) {
    lanes_.reset();
    lanes_ = std::make_unique<Lanes>(io_.get_executor(), conninfo_, settings);
  }

  Lanes& lanes() {
    if (!lanes_) open(LaneSettings());
    return *lanes_;
  }

  /// Runs the coroutines to their ends, together. A failure to end within a minute is a failure of the test.
  void run(std::vector<Task<void>> tasks) {
    std::size_t left = tasks.size();
    for (Task<void>& task : tasks) {
      boost::asio::co_spawn(io_, std::move(task), [&left](std::exception_ptr error) {
        if (error) {
          try {
            std::rethrow_exception(error);
          } catch (const std::exception& e) {
            ADD_FAILURE() << "a task threw: " << e.what();
          }
        }
        --left;
      });
    }
    const Deadline limit = in(60s);
    io_.restart();
    while (left > 0 && std::chrono::steady_clock::now() < limit) io_.run_one_until(limit);
    ASSERT_EQ(left, 0U) << "tasks did not end";
  }

  void run(Task<void> task) {
    std::vector<Task<void>> tasks;
    tasks.push_back(std::move(task));
    run(std::move(tasks));
  }

  /// Lets the io thread work until `done` or a minute has passed.
  template <class Done>
  [[nodiscard]] bool run_until(Done done) {
    const Deadline limit = in(60s);
    io_.restart();
    while (!done() && std::chrono::steady_clock::now() < limit) io_.run_one_for(10ms);
    return done();
  }

  std::string admin_text(std::string_view sql) {
    const Rows rows = test::must(admin_->query(sql));
    return rows.empty() ? std::string() : std::string(rows.text(0, 0));
  }

  /// A statement of the tests is under way that sleeps.
  bool sleeps() {
    return admin_text(
               "select count(*) > 0 from pg_stat_activity where datname = current_database() and state = "
               "'active' and "
               "query like 'select pg\\_sleep%'") == "t";
  }

  /// Waits until a query of the administrator says 't'.
  [[nodiscard]] bool admin_sees(std::string_view sql) {
    const Deadline limit = in(30s);
    while (std::chrono::steady_clock::now() < limit) {
      if (admin_text(sql) == "t") return true;
    }
    return false;
  }

  std::string database_, conninfo_;
  std::unique_ptr<Blocking> admin_;
  boost::asio::io_context io_{1};
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace bulkhead::pg::testing
