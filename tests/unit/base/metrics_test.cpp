#include "base/metrics.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

using namespace std::chrono_literals;

bool has(const std::string& text, std::string_view line) {
  return text.find(std::string(line) + "\n") != std::string::npos;
}

TEST(Metrics, ThreadsAreSummed) {
  Metrics metrics;
  RouteId album = metrics.route("/rest/v1/*");
  EXPECT_EQ(metrics.route("/rest/v1/*"), album);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    ThreadMetrics& mine = metrics.thread();
    threads.emplace_back([&mine, album] {
      for (int i = 0; i < 1000; ++i) mine.finished(album, Method::get, 200, 300us);
      mine.finished(album, Method::post, 409, 20s);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string text = metrics.text();
  EXPECT_TRUE(has(text, "# TYPE http_requests_total counter")) << text;
  EXPECT_TRUE(has(text, "http_requests_total{route=\"/rest/v1/*\",method=\"GET\",status=\"2xx\"} 3000"))
      << text;
  EXPECT_TRUE(has(text, "http_requests_total{route=\"/rest/v1/*\",method=\"POST\",status=\"4xx\"} 3"))
      << text;
  EXPECT_TRUE(has(text, "http_request_duration_seconds_count{route=\"/rest/v1/*\"} 3003")) << text;
  EXPECT_TRUE(has(text, "http_request_duration_seconds_bucket{route=\"/rest/v1/*\",le=\"0.00025\"} 0"))
      << text;
  EXPECT_TRUE(has(text, "http_request_duration_seconds_bucket{route=\"/rest/v1/*\",le=\"0.0005\"} 3000"))
      << text;
  EXPECT_TRUE(has(text, "http_request_duration_seconds_bucket{route=\"/rest/v1/*\",le=\"10\"} 3000")) << text;
  EXPECT_TRUE(has(text, "http_request_duration_seconds_bucket{route=\"/rest/v1/*\",le=\"+Inf\"} 3003"))
      << text;
}

TEST(Metrics, ABoundBelongsToItsBucket) {
  Metrics metrics;
  metrics.thread().finished(RouteId::other, Method::get, 200, 100us);
  EXPECT_TRUE(has(metrics.text(), "http_request_duration_seconds_bucket{route=\"other\",le=\"0.0001\"} 1"));
}

TEST(Metrics, StrangeStatusesAndTimesAreCountedSomewhere) {
  Metrics metrics;
  ThreadMetrics& mine = metrics.thread();
  mine.finished(RouteId::other, Method::other, 0, -5us);
  mine.finished(RouteId::other, Method::other, 9999, 5us);
  EXPECT_TRUE(
      has(metrics.text(), "http_requests_total{route=\"other\",method=\"OTHER\",status=\"other\"} 2"));
}

TEST(Metrics, ObservedValuesAreReadAtEachScrape) {
  Metrics metrics;
  double value = 1;
  metrics.observe(Metrics::Kind::counter, "pg_units_total", "Units.", {{"lane", "read"}},
                  [&] { return value; });
  metrics.observe(Metrics::Kind::counter, "pg_units_total", "Units.", {{"lane", "write"}},
                  [&] { return value + 10; });
  metrics.observe(Metrics::Kind::gauge, "connections", "Open.", {}, [&] { return value; });
  EXPECT_TRUE(has(metrics.text(), "pg_units_total{lane=\"read\"} 1"));
  value = 2;
  std::string text = metrics.text();
  EXPECT_TRUE(has(text, "pg_units_total{lane=\"read\"} 2")) << text;
  EXPECT_TRUE(has(text, "pg_units_total{lane=\"write\"} 12")) << text;
  EXPECT_TRUE(has(text, "connections 2")) << text;
  EXPECT_TRUE(text.find("# TYPE pg_units_total counter") == text.rfind("# TYPE pg_units_total counter"));
  EXPECT_NE(text.find("process_start_time_seconds"), std::string::npos);
}

TEST(Metrics, RoutesBeyondTheTableAreOther) {
  Metrics metrics;
  for (std::size_t i = 0; i < ThreadMetrics::max_routes - 1; ++i)
    EXPECT_NE(metrics.route("/" + std::to_string(i)), RouteId::other);
  EXPECT_EQ(metrics.route("/one-too-many"), RouteId::other);
}

}  // namespace
}  // namespace bulkhead
