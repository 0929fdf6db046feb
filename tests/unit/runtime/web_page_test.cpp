#include "runtime/web_page.hpp"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "runtime/api_page.hpp"

namespace bulkhead::runtime {
namespace {

namespace fs = std::filesystem;

class WebPageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bulkhead-page-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    dir = root / "dist";
    write(dir / "index.html", "<p>shop</p>");
    write(dir / "favicon.svg", "<svg/>");
    write(dir / "assets" / "index-BmQ3x9Za.js", "run()");
    write(root / "secret.txt", "secret");
  }
  void TearDown() override { fs::remove_all(root); }

  static void write(const fs::path& file, const std::string& content) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }

  [[nodiscard]] WebPage page(bool single_page = false) const {
    WebPageSettings settings;
    settings.single_page = single_page;
    auto loaded = WebPage::load(dir, settings);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message();
    return loaded.has_value() ? std::move(*loaded) : WebPage();
  }

  static std::optional<Response> ask(const WebPage& page, std::string_view path, Method method = Method::get,
                                     std::vector<HeaderView> headers = {}) {
    Request request;
    request.method = method;
    request.path = path;
    request.headers = headers;
    return page.answer(request);
  }

  static std::string header(const Response& response, std::string_view name) {
    for (const auto& [known, value] : response.headers)
      if (known == name) return value;
    return {};
  }

  fs::path root, dir;
};

TEST_F(WebPageTest, ServesItsFilesByTheirPaths) {
  const WebPage served = page();
  EXPECT_EQ(served.size(), 3u);
  const auto index = ask(served, "/");
  ASSERT_TRUE(index);
  EXPECT_EQ(index->status, 200u);
  EXPECT_EQ(index->body, "<p>shop</p>");
  EXPECT_EQ(index->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(ask(served, "/index.html")->body, index->body);
  EXPECT_EQ(ask(served, "/favicon.svg")->content_type, "image/svg+xml");
  EXPECT_EQ(ask(served, "/assets/index-BmQ3x9Za.js")->body, "run()");
}

TEST_F(WebPageTest, NoPathLeadsElsewhere) {
  fs::create_symlink(root / "secret.txt", dir / "link.txt");
  fs::create_directory_symlink(root, dir / "up");
  write(dir / ".env", "secret");
  write(dir / ".git" / "config", "secret");
  for (bool single : {false, true}) {
    const WebPage served = page(single);
    for (const char* path :
         {"/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt",
          "//secret.txt", "/link.txt", "/up/secret.txt", "/.env", "/.git/config", "/assets", "/assets/",
          "/INDEX.HTML", "/index.html/", "/./index.html", "", "/assets\\..\\index.html"})
      EXPECT_FALSE(ask(served, path)) << path;
  }
}

TEST_F(WebPageTest, ChangedAfterTheStartIsNotSeen) {
  const WebPage served = page();
  write(dir / "later.txt", "later");
  fs::remove(dir / "favicon.svg");
  EXPECT_FALSE(ask(served, "/later.txt"));
  EXPECT_EQ(ask(served, "/favicon.svg")->body, "<svg/>");
}

TEST_F(WebPageTest, EveryAnswerCarriesThePolicy) {
  WebPageSettings settings;
  settings.connect = {"https://login.example"};
  const auto loaded = WebPage::load(dir, settings);
  ASSERT_TRUE(loaded.has_value());
  const auto index = ask(*loaded, "/");
  const std::string policy = header(*index, "Content-Security-Policy");
  EXPECT_NE(policy.find("script-src 'self';"), std::string::npos) << policy;
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos) << policy;
  EXPECT_NE(policy.find("connect-src 'self' https://login.example;"), std::string::npos) << policy;
  EXPECT_EQ(header(*index, "X-Content-Type-Options"), "nosniff");
}

TEST_F(WebPageTest, WhatIsNamedByItsContentIsKeptAndTheRestAskedFor) {
  const WebPage served = page();
  EXPECT_EQ(header(*ask(served, "/assets/index-BmQ3x9Za.js"), "Cache-Control"),
            "public, max-age=31536000, immutable");
  for (const char* path : {"/", "/favicon.svg"})
    EXPECT_EQ(header(*ask(served, path), "Cache-Control"), "no-cache") << path;
}

TEST_F(WebPageTest, AKnownFileIsNotSentAgain) {
  const WebPage served = page();
  const std::string etag = header(*ask(served, "/"), "ETag");
  ASSERT_GT(etag.size(), 10u);
  for (const std::string& known : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const auto answer = ask(served, "/", Method::get, {{"If-None-Match", known}});
    EXPECT_EQ(answer->status, 304u) << known;
    EXPECT_EQ(answer->body, "");
    EXPECT_EQ(header(*answer, "ETag"), etag);
  }
  EXPECT_EQ(ask(served, "/", Method::get, {{"If-None-Match", "\"x\""}})->status, 200u);
  EXPECT_NE(header(*ask(served, "/favicon.svg"), "ETag"), etag);
}

TEST_F(WebPageTest, IsReadAndNotWritten) {
  const WebPage served = page(true);
  EXPECT_EQ(ask(served, "/", Method::head)->status, 200u);
  for (Method method : {Method::post, Method::put, Method::patch, Method::del, Method::options}) {
    const auto answer = ask(served, "/", method);
    EXPECT_EQ(answer->status, 405u);
    EXPECT_EQ(header(*answer, "Allow"), "GET, HEAD");
    EXPECT_EQ(answer->body, "");
  }
}

TEST_F(WebPageTest, ASinglePageAnswersWhereABrowserGoes) {
  const std::vector<HeaderView> browser{{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}};
  EXPECT_FALSE(ask(page(), "/album/7", Method::get, browser));
  const WebPage served = page(true);
  EXPECT_EQ(ask(served, "/album/7", Method::get, browser)->body, "<p>shop</p>");
  EXPECT_FALSE(ask(served, "/album/7"));
  EXPECT_FALSE(ask(served, "/album/7", Method::get, {{"Accept", "*/*"}}));
  EXPECT_FALSE(ask(served, "/album/7", Method::post, browser)) << "a method that the path was never for";
  for (const char* path :
       {"/rest/", "/rest/v2/x", "/control/v1", "/control/v2/x", "/dev/issuer/x", "/.well-known/x"})
    EXPECT_FALSE(ask(served, path, Method::get, browser)) << path;
}

TEST_F(WebPageTest, WhatCannotBeAPageIsSaid) {
  const auto fails = [](const fs::path& folder, WebPageSettings settings, const char* word) {
    const auto loaded = WebPage::load(folder, std::move(settings));
    ASSERT_TRUE(loaded.has_error());
    EXPECT_NE(loaded.error().message().find(word), std::string::npos) << loaded.error().message();
  };
  fails(root / "nowhere", {}, "nowhere");
  fails(dir / "assets", {}, "index.html");
  WebPageSettings few;
  few.most_files = 2;
  fails(dir, few, "more than 2 files");
  WebPageSettings small;
  small.most_bytes = 10;
  fails(dir, small, "MiB");
  write(dir / "a b.txt", "x");
  fails(dir, {}, "a b.txt");
}

TEST_F(WebPageTest, NoPageAnswersNothing) {
  EXPECT_FALSE(ask(WebPage(), "/"));
  EXPECT_FALSE(ask(WebPage(), "/index.html"));
}

TEST_F(WebPageTest, TheApisPageStandsBelowItsPath) {
  const auto loaded = ApiPage::load(dir, {});
  ASSERT_TRUE(loaded.has_value());
  const ApiPage& docs = *loaded;
  EXPECT_TRUE(docs.built());
  const auto at = [&](std::string_view path) {
    Request request;
    request.method = Method::get;
    request.path = path;
    return docs.answer(request);
  };
  EXPECT_EQ(at("/docs")->body, "<p>shop</p>");
  EXPECT_EQ(at("/docs/")->body, "<p>shop</p>");
  EXPECT_EQ(at("/docs/assets/index-BmQ3x9Za.js")->body, "run()");
  EXPECT_FALSE(at("/docs/nosuch"));
  EXPECT_FALSE(at("/docsome"));
  EXPECT_FALSE(at("/"));
}

TEST_F(WebPageTest, TheApisPageSaysWhenItIsNotBuilt) {
  const auto loaded = ApiPage::load(root / "nowhere", {});
  ASSERT_TRUE(loaded.has_value());
  const ApiPage& docs = *loaded;
  EXPECT_FALSE(docs.built());
  Request request;
  request.method = Method::get;
  request.path = "/docs";
  const auto said = docs.answer(request);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->status, 404u);
  EXPECT_NE(said->body.find("tools/build-page"), std::string::npos);
  EXPECT_FALSE(ApiPage().answer(request)) << "where there is none, nothing is said";
}

}  // namespace
}  // namespace bulkhead::runtime
