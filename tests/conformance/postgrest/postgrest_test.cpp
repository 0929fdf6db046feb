#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <bulkhead/json.hpp>

#include "conformance/postgrest/agency.hpp"
#include "integration/server/shops.hpp"
#include "support/npm.hpp"

/// The data API against the dialect it speaks: each file of `cases` is a list of requests to a real server over the schema in
/// `app`, for two tenants (alpha, bravo) that have the same ids and other rows (those of bravo are marked). A case holds
///   get, head, post, patch, put, delete, options   the request's target, behind /rest/v1
///   headers, send, text  of the request: an object, a body as JSON, a body as it stands
///   as, role             the tenant (alpha) and the caller's role in it (owner)
///   server               default, small (answers of 3 rows), aggregates (they are on), choosing (tx=) or unfiltered (writes)
///   status               of the answer (200)
///   json, body           the answer's body: as JSON, byte by byte
///   has                  headers of the answer: name and value; null is a header that is not there
///   then                 a list of cases that are sent next, before the rows are put back
/// After each case that may have written the rows are those of `app/seed` again. What is told to alpha must not hold a mark of
/// bravo's, an id of a tenant or the name of the tenant column, whatever the case is about, unless the case itself does.
///
/// BULKHEAD_SHOW=1 in the environment prints each answer as a case, for whoever writes new ones.
namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;
using boost::json::object;

const fs::path folder = BULKHEAD_SOURCE_DIR "/tests/conformance/postgrest";
constexpr std::array methods{"get", "head", "post", "patch", "put", "delete", "options"};

std::vector<std::string> case_files() {
  std::vector<std::string> names;
  for (const fs::path& file : files_in(folder / "cases", ".json")) names.push_back(file.stem().string());
  return names;
}

std::string text_of(const object& one, std::string_view name, std::string otherwise = "") {
  const auto* value = one.if_contains(name);
  return value == nullptr ? otherwise : std::string(value->as_string());
}

class Postgrest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    agency() = std::make_unique<Agency>();
    servers()["default"] = std::make_unique<TestServer>(agency()->database(), TestServerSettings());
    TestServerSettings small;
    small.configure = [](AppConfig& config) { config.max_rows = 3; };
    TestServerSettings aggregates;
    aggregates.configure = [](AppConfig& config) { config.aggregates = true; };
    servers()["aggregates"] = std::make_unique<TestServer>(agency()->database(), aggregates);
    servers()["small"] = std::make_unique<TestServer>(agency()->database(), small);
    TestServerSettings choosing;
    choosing.configure = [](AppConfig& config) { config.transactions = "commit-allow-override"; };
    TestServerSettings unfiltered;
    unfiltered.configure = [](AppConfig& config) { config.unfiltered_writes = true; };
    servers()["unfiltered"] = std::make_unique<TestServer>(agency()->database(), unfiltered);
    servers()["choosing"] = std::make_unique<TestServer>(agency()->database(), choosing);
  }
  static void TearDownTestSuite() {
    callers().clear();
    servers().clear();
    agency().reset();
  }
  static std::unique_ptr<Agency>& agency() {
    static std::unique_ptr<Agency> one;
    return one;
  }
  static std::map<std::string, std::unique_ptr<TestServer>>& servers() {
    static std::map<std::string, std::unique_ptr<TestServer>> all;
    return all;
  }
  static std::map<std::string, Caller>& callers() {
    static std::map<std::string, Caller> all;
    return all;
  }
  static Caller& caller(const object& one) {
    const std::string server = text_of(one, "server", "default"), tenant = text_of(one, "as", "alpha"),
                      role = text_of(one, "role", "owner"), user = tenant + "-" + role;
    auto found = callers().find(server + " " + user);
    if (found != callers().end()) return found->second;
    TestServer& at = *servers().at(server);
    return callers().emplace(server + " " + user, Caller(at, at.token(tenant, user, role))).first->second;
  }

  static std::string method_of(const object& one) {
    for (const char* method : methods)
      if (one.contains(method)) return method;
    throw std::runtime_error("a case without a method: " + boost::json::serialize(one));
  }
  static Reply answer_to(const object& one) {
    std::string method = method_of(one);
    const std::string target = "/rest/v1" + replaced(text_of(one, method), " ", "%20");
    Headers headers;
    if (const auto* given = one.if_contains("headers"))
      for (const auto& [name, value] : given->as_object())
        headers.emplace_back(std::string(name), std::string(value.as_string()));
    std::string body = text_of(one, "text");
    if (const auto* sent = one.if_contains("send")) body = boost::json::serialize(*sent);
    const bool typed = std::any_of(headers.begin(), headers.end(),
                                   [](const auto& header) { return header.first == "Content-Type"; });
    if (!body.empty() && !typed) headers.emplace_back("Content-Type", "application/json");
    for (char& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return caller(one).send(method, target, body, headers);
  }

  static void expect_nothing_of_another(const object& one, const Reply& reply) {
    const std::string all = comparable(reply), asked = boost::json::serialize(one);
    for (const std::string& secret :
         {std::string(text_of(one, "as", "alpha") == "alpha" ? "BRAVO" : "\"Acorn\""),
          agency()->tenants()[0].id, agency()->tenants()[1].id, std::string("tenant_id")}) {
      EXPECT_TRUE(all.find(secret) == std::string::npos || asked.find(secret) != std::string::npos)
          << secret << " in " << all;
    }
  }
  static void expect_verdict(const object& one, const Reply& reply) {
    const auto* status = one.if_contains("status");
    EXPECT_EQ(reply.status, status == nullptr ? 200U : status->to_number<unsigned>()) << reply.body;
    if (const auto* expected = one.if_contains("body")) {
      EXPECT_EQ(reply.body, std::string(expected->as_string()));
    }
    if (const auto* expected = one.if_contains("json")) {
      const auto got = parse_json(reply.body);
      EXPECT_TRUE(got.has_value() && *got == *expected)
          << "expected " << boost::json::serialize(*expected) << "\n     got " << reply.body;
    }
    if (const auto* headers = one.if_contains("has"))
      for (const auto& [name, value] : headers->as_object()) {
        std::string lower(name);
        for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        EXPECT_EQ(reply.header(lower), value.is_null() ? "" : std::string(value.as_string())) << name;
      }
  }
  static void show(object one, const Reply& reply) {
    one["status"] = reply.status;
    object& headers = one["got"].emplace_object();
    for (const auto& [name, value] : reply.headers) headers[name] = value;
    const auto body = parse_json(reply.body);
    if (body.has_value())
      one["json"] = *body;
    else
      one["body"] = reply.body;
    std::printf("SHOW %s\n", boost::json::serialize(one).c_str());
  }

  /// True if it may have written.
  static bool run(const object& one) {
    const std::string method = method_of(one);
    SCOPED_TRACE(text_of(one, "why") + " " + method + " " + text_of(one, method));
    const Reply reply = answer_to(one);
    if (std::getenv("BULKHEAD_SHOW") != nullptr) show(one, reply);
    expect_verdict(one, reply);
    expect_nothing_of_another(one, reply);
    if (const auto* then = one.if_contains("then"))
      for (const auto& next : then->as_array()) static_cast<void>(run(next.as_object()));
    // What was refused was undone, or the next case will tell.
    return method != "get" && method != "head" && method != "options" && reply.status < 400;
  }
};

TEST_P(Postgrest, AnswersAsTheDialectHasIt) {
  const auto cases = boost::json::parse(read_file(folder / "cases" / (GetParam() + ".json"))).as_array();
  ASSERT_FALSE(cases.empty());
  for (const auto& one : cases)
    if (run(one.as_object())) agency()->put_back();
  std::printf("%s: %zu cases\n", GetParam().c_str(), cases.size());
}

INSTANTIATE_TEST_SUITE_P(Cases, Postgrest, ::testing::ValuesIn(case_files()),
                         [](const auto& file) { return replaced(file.param, "-", "_"); });

}  // namespace
}  // namespace bulkhead::test
