#include "runtime/console_page.hpp"

#include <gtest/gtest.h>

namespace bulkhead::runtime {
namespace {

constexpr std::string_view operation = "/console/operations/0d4c2f0e-8a11-4a6e-9c1f-3c1f8a6f0b11";

std::optional<Response> ask(std::string_view path, Method method = Method::get) {
  static const ConsolePage page;
  Request request;
  request.method = method;
  request.path = path;
  return page.answer(request);
}

std::string header(const Response& response, std::string_view name) {
  for (const auto& [known, value] : response.headers)
    if (known == name) return value;
  return {};
}

TEST(ConsolePage, HasAPageForEveryOperationAndItsFiles) {
  const auto page = ask(operation);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->status, 200U);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(ask("/console/operation.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(ask("/console/console.css")->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(ask(operation, Method::post)->status, 405U);
}

TEST(ConsolePage, RunsNothingButItsOwnScript) {
  const auto page = ask(operation);
  const std::string policy = header(*page, "Content-Security-Policy");
  for (const char* part : {"default-src 'none'", "script-src 'self';", "style-src 'self';",
                           "form-action 'none'", "frame-ancestors 'none'"})
    EXPECT_NE(policy.find(part), std::string::npos) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos) << policy;
  EXPECT_EQ(header(*page, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(*page, "Referrer-Policy"), "same-origin");
  // The policy would stop them, and nobody would see more than an empty page.
  EXPECT_EQ(page->body.find("<style"), std::string::npos);
  EXPECT_EQ(page->body.find("<script>"), std::string::npos);
  EXPECT_EQ(page->body.find(" style="), std::string::npos);
}

TEST(ConsolePage, LeavesOtherPathsToTheApp) {
  for (const std::string_view path :
       {"/", "/console", "/console/", "/console/operations", "/console/operations/",
        "/console/operations/acme", "/console/nosuch.js", "/console/../operation.html",
        "/consoles/operation.js", "/operation.js"})
    EXPECT_FALSE(ask(path).has_value()) << path;
}

TEST(ConsolePage, IsSmall) {
  std::size_t bytes = 0;
  for (const WebPage::Source& file : console_files()) bytes += file.content.size();
  EXPECT_EQ(console_files().size(), 3U);
  EXPECT_LT(bytes, 20'000U);
}

}  // namespace
}  // namespace bulkhead::runtime
