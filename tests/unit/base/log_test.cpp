#include "base/log.hpp"

#include <csignal>
#include <fstream>
#include <thread>

#include <boost/json/object.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "base/json.hpp"

namespace bulkhead {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() : path_(testing::TempDir() + "bulkhead_log_" + name()) { std::filesystem::remove(path_); }
  ~LogTest() override { std::filesystem::remove(path_); }

  static std::string name() { return testing::UnitTest::GetInstance()->current_test_info()->name(); }
  Logger logger(LogLevel level = LogLevel::info) { return std::move(Logger::to_file(path_, level)).value(); }

  std::vector<boost::json::object> lines() const {
    std::vector<boost::json::object> read;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      JsonLimits limits;
      limits.refuse_nul = false;
      auto value = parse_json(line, limits);
      EXPECT_TRUE(value.has_value()) << line;
      if (value.has_value()) read.push_back(value->as_object());
    }
    return read;
  }

  std::filesystem::path path_;
};

TEST_F(LogTest, LinesAreJsonWithTimeLevelAndFields) {
  logger().info("hello \"you\"", {{"n", 3}, {"ok", true}, {"r", 0.5}, {"s", "a\nb"}});
  auto read = lines();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].at("msg").as_string(), "hello \"you\"");
  EXPECT_EQ(read[0].at("level").as_string(), "info");
  EXPECT_EQ(read[0].at("n").as_int64(), 3);
  EXPECT_EQ(read[0].at("ok").as_bool(), true);
  EXPECT_EQ(read[0].at("r").as_double(), 0.5);
  EXPECT_EQ(read[0].at("s").as_string(), "a\nb");
  std::string ts(read[0].at("ts").as_string());
  ASSERT_EQ(ts.size(), 24U);
  EXPECT_EQ(ts[10], 'T');
  EXPECT_EQ(ts[19], '.');
  EXPECT_EQ(ts[23], 'Z');
}

TEST_F(LogTest, InvalidUtf8IsReplaced) {
  logger().info("a\xff", {{"s", std::string_view("\xc3(\x00", 3)}});
  auto read = lines();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].at("msg").as_string(), "a\xEF\xBF\xBD");
}

TEST_F(LogTest, SecretsAreRedacted) {
  logger().warn("x", {{"token", "eyJ"}, {"authorization", "Bearer eyJ"}, {"password", 1234}});
  std::ifstream file(path_);
  std::string all((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(all.find("eyJ"), std::string::npos);
  EXPECT_EQ(all.find("1234"), std::string::npos);
  EXPECT_NE(all.find("[redacted]"), std::string::npos);
}

TEST_F(LogTest, LevelsBelowTheLowestAreDropped) {
  Logger log = logger(LogLevel::warn);
  EXPECT_FALSE(log.enabled(LogLevel::info));
  log.info("no");
  log.debug("no");
  log.warn("yes");
  log.error("yes");
  log.flush();
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(LogTest, WarningsReachTheFileAtOnceAndInfoWithoutBeingAsked) {
  Logger log = logger();
  auto eventually = [&](std::size_t count) {
    auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (lines().size() < count && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    return lines().size() == count;
  };
  log.warn("now");
  EXPECT_TRUE(eventually(1));
  log.info("soon");
  EXPECT_TRUE(eventually(2));
  log.info("at last");
  log.flush();
  EXPECT_EQ(lines().size(), 3U);
}

TEST_F(LogTest, AccessTellsARequest) {
  Error error = Error(Errc::statement_failed, "refused").sqlstate("23505").internal("key (x)=(1)");
  AccessLine access;
  access.tenant_id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  access.tenant = "acme";
  access.principal = "ann";
  access.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  access.span_id = "00f067aa0ba902b7";
  access.method = Method::post;
  access.route = "/rest/v1/album";
  access.status = 409;
  access.duration = std::chrono::microseconds(1234);
  access.db = std::chrono::microseconds(900);
  access.bytes = 77;
  access.error = &error;
  logger().access(access);
  access.status = 500;
  logger().access(access);
  auto read = lines();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].at("level").as_string(), "info");
  EXPECT_EQ(read[1].at("level").as_string(), "error");
  EXPECT_EQ(read[0].at("tenant").as_string(), "acme");
  EXPECT_EQ(read[0].at("method").as_string(), "POST");
  EXPECT_EQ(read[0].at("status").as_int64(), 409);
  EXPECT_EQ(read[0].at("duration_us").as_int64(), 1234);
  EXPECT_EQ(read[0].at("db_us").as_int64(), 900);
  EXPECT_EQ(read[0].at("bytes").as_int64(), 77);
  EXPECT_EQ(read[0].at("error").as_string(), "BLK509");
  EXPECT_EQ(read[0].at("sqlstate").as_string(), "23505");
}

TEST_F(LogTest, LinesOfManyThreadsStayWhole) {
  {
    Logger log = logger();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&log] {
        for (int i = 0; i < 2000; ++i) log.info("line", {{"i", i}});
      });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(lines().size(), 8000U);
}

/// A pipe whose reader does nothing until it is told to.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  [[nodiscard]] int writer() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  /// Reads until `text` has come.
  std::string until(std::string_view text) {
    std::string all;
    std::array<char, 65536> piece{};
    while (all.find(text) == std::string::npos) {
      pollfd waiting{ends_[0], POLLIN, 0};
      if (::poll(&waiting, 1, 20'000) <= 0) return all + " (nothing more came)";
      ssize_t got = ::read(ends_[0], piece.data(), piece.size());
      if (got <= 0) return all + " (the end came)";
      all.append(piece.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

/// How many lines these lines say were lost.
std::uint64_t told_lost(const std::string& lines) {
  static const std::string word = "\"msg\":\"log lines were lost\",\"lines\":";
  std::uint64_t sum = 0;
  for (std::size_t at = 0; (at = lines.find(word, at)) != std::string::npos;) {
    at += word.size();
    if (lines.find('}', at) != std::string::npos) sum += std::stoull(lines.substr(at));
  }
  return sum;
}

TEST(Log, AReaderThatStallsCostsLinesAndNoTime) {
  Pipe pipe;
  Logger log = Logger::to_descriptor(pipe.writer());
  const std::string kilobyte(1000, 'x');
  // Warnings, too: those are to be written at once.
  for (int i = 0; i < 6000; ++i) {
    log.info(kilobyte);
    log.warn(kilobyte);
  }
  std::uint64_t lost = log.lost_lines();
  EXPECT_GT(lost, 6000U) << "12 MB were logged, a pipe and 4 MiB are kept";
  EXPECT_LT(lost, 9000U);
  // It is told once, or in parts where this thread did not get to run for a while.
  std::string read;
  while (told_lost(read) < lost) {
    const std::string more = pipe.until("}\n");
    ASSERT_FALSE(more.ends_with(" came)")) << more;
    read += more;
  }
  EXPECT_EQ(told_lost(read), lost);
  std::size_t kept = 0;
  for (std::size_t at = 0; (at = read.find(kilobyte, at)) != std::string::npos; at += kilobyte.size()) ++kept;
  EXPECT_EQ(kept + lost, 12'000U);
}

TEST(Log, TheEndDoesNotWaitForAReaderThatStalls) {
  Pipe pipe;
  auto begun = std::chrono::steady_clock::now();
  {
    Logger log = Logger::to_descriptor(pipe.writer());
    for (int i = 0; i < 1000; ++i) log.error(std::string(1000, 'x'));
    log.flush();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
}

TEST(Log, AReaderThatIsGoneCostsLines) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.close_reader();
  Logger log = Logger::to_descriptor(pipe.writer());
  log.warn("nobody reads this");
  log.flush();
  EXPECT_EQ(log.lost_lines(), 1U);
}

TEST(Log, NowhereTakesEverything) {
  Logger log = Logger::nowhere();
  EXPECT_FALSE(log.enabled(LogLevel::error));
  log.error("x");
  log.access({});
  log.flush();
}

TEST(Log, AFileThatCannotBeMadeIsAnError) {
  auto log = Logger::to_file("/nonexistent-folder/x.log");
  ASSERT_TRUE(log.has_error());
  EXPECT_EQ(log.error().code(), Errc::environment);
}

}  // namespace
}  // namespace bulkhead
