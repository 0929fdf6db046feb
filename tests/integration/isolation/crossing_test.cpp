#include <atomic>
#include <cctype>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "catalog/cells.hpp"
#include "checkout.hpp"
#include "support/models.hpp"
#include "world.hpp"

namespace bulkhead::test {
namespace {

/// One random request, and its twin: the same with an id that exists nowhere in place of one that only the
/// other tenant has. Both must be answered alike.
struct Pair {
  Call call;
  std::optional<Call> twin;
  std::string id, twin_id;
};

class Generator {
 public:
  Generator(const Shop& shop, std::string token, std::string other_token, std::uint64_t seed)
      : shop_(shop), token_(std::move(token)), other_token_(std::move(other_token)), random_(seed) {}

  Pair next() {
    bool foreign = pick(3) == 0;
    std::string id = std::to_string(foreign ? shop_.foreign_from + pick(100) : 1 + pick(100));
    std::string absent = std::to_string(901 + pick(99));
    // The twin is made from the same choices.
    std::uint64_t seed = random_();
    Pair pair;
    pair.id = id;
    pair.call = make(id, seed);
    if (foreign) {
      pair.twin_id = absent;
      pair.twin = make(absent, seed);
      if (pair.twin->target == pair.call.target && pair.twin->body == pair.call.body) pair.twin.reset();
    }
    return pair;
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint64_t>(below)); }

  Call make(const std::string& id, std::uint64_t seed) {
    std::mt19937_64 r(seed);
    auto choose = [&r](const std::vector<std::string>& from) { return from[r() % from.size()]; };
    Call call;
    address(call, r);
    std::string prefix = call.target;
    switch (r() % 12) {
      case 0:
        call.target += "/rest/v1/artist?artist_id=eq." + id;
        break;
      case 1:
        call.target +=
            "/rest/v1/artist?select=name,album(title,album_id)&artist_id=in.(" + id + ",999)&order=name.desc";
        call.headers.emplace_back("Prefer", "count=exact");
        break;
      case 2:
        call.target +=
            "/rest/v1/track?select=*,album(title),genre(name)&or=(track_id.eq." + id + ",track_id.eq.3)";
        break;
      case 3:
        call.target += "/rest/v1/" +
                       choose({"track", "album", "customer", "employee", "invoice", "playlist"}) +
                       "?limit=20&offset=" + std::to_string(r() % 150) + "&select=*";
        call.headers.emplace_back("Prefer", "count=exact");
        break;
      case 4:
        call.target += "/rest/v1/customer?customer_id=eq." + id;
        call.headers.emplace_back("Accept", "application/vnd.pgrst.object+json");
        break;
      case 5:
        call.method = "PATCH";
        call.target += "/rest/v1/artist?artist_id=eq." + id;
        call.headers.emplace_back("Prefer", choose({"return=representation", "return=minimal"}));
        call.body = R"({"name":")" + shop_.mark + R"( renamed"})";
        break;
      case 6:
        call.method = "DELETE";
        call.target += "/rest/v1/playlist_track?playlist_id=eq." + id;
        call.headers.emplace_back("Prefer", "return=representation");
        break;
      case 7:
        call.method = "POST";
        call.target += "/rest/v1/album";
        call.headers.emplace_back("Prefer", "return=representation");
        call.body = R"({"title":")" + shop_.mark + R"( new","artist_id":)" + id + "}";
        break;
      case 8:
        call.method = "POST";
        call.target += "/v1/checkout";
        call.body = R"({"customer_id":)" + id + R"(,"lines":[{"track_id":)" + id + R"(,"quantity":1}]})";
        break;
      case 9:
        call.target += "/rest/v1/artist?name=like.*" + shop_.other_mark + "*";
        call.headers.emplace_back("Prefer", "count=exact");
        break;
      case 10:
        hostile(call, r, id);
        break;
      default:
        call.method = "PATCH";
        call.target += "/rest/v1/customer?customer_id=eq." + id;
        call.body = R"({"support_rep_id":)" + id + "}";
        break;
    }
    if (call.method != "GET") call.headers.emplace_back("Content-Type", "application/json");
    return call;
  }

  /// Names the tenant in one of the ways that are allowed, or in ways that disagree.
  void address(Call& call, std::mt19937_64& r) {
    std::string token = token_;
    switch (r() % 8) {
      case 0:
        call.headers.emplace_back("Host", shop_.slug + ".localhost");
        break;
      case 1:
        call.headers.emplace_back("X-Tenant-ID", shop_.slug);
        break;
      case 2:
        call.headers.emplace_back("X-Tenant-ID", shop_.id);
        break;
      case 3:
        call.target = "/tenants/" + shop_.slug;
        break;
      case 4:
        call.headers.emplace_back("X-Tenant-ID", shop_.other);
        break;  // disagrees with the token: 400
      case 5:
        call.headers.emplace_back("Host", shop_.other + ".localhost");
        break;  // the same
      case 6:
        // A stranger's token with this tenant's host: refused, whatever it asks for.
        if (r() % 4 == 0) {
          token = other_token_;
          call.headers.emplace_back("X-Tenant-ID", shop_.slug);
        }
        break;
      default:
        break;  // the token's claim alone
    }
    call.headers.emplace_back("Authorization", "Bearer " + token);
  }

  /// The tenant's column and the other's id in every place a client can write to.
  void hostile(Call& call, std::mt19937_64& r, const std::string& id) {
    switch (r() % 7) {
      case 0:
        call.target += "/rest/v1/artist?name=eq." + shop_.other_id;
        break;
      case 1:
        call.target += "/rest/v1/artist?limit=1&name=not.is.null&order=artist_id.desc,name";
        break;
      case 2:
        call.method = "POST";
        call.target += "/rest/v1/artist";
        call.body = R"([{"name":")" + shop_.mark + R"( a"},{"name":")" + shop_.mark + R"( b"}])";
        call.headers.emplace_back("Prefer", "return=representation");
        break;
      case 3:
        call.target += "/rest/v1/track?name=eq.x'%20or%20'1'='1&album_id=eq." + id;
        break;
      case 4:
        call.target += "/rest/v1/album?select=title,artist!inner(name)&artist_id=eq." + id;
        break;
      case 5:
        call.target += "/rest/v1/nosuch?id=eq." + id;
        break;
      default:
        call.target += "/rest/v1/playlist?select=name,track(name)&playlist_id=eq." + id;
        break;
    }
  }

  const Shop& shop_;
  std::string token_, other_token_;
  std::mt19937_64 random_;
};

/// Replaces `what` where it stands alone: 235 is not in 23503.
void replace_token(std::string& text, const std::string& what, const std::string& with) {
  auto inside = [&text](std::size_t at) {
    return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
  };
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;) {
    if ((at > 0 && inside(at - 1)) || inside(at + what.size())) {
      ++at;
      continue;
    }
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

/// A reply without what differs from call to call for good reasons: the date, the trace, and the id that was asked for.
/// Both ids have three digits, so that the lengths must be the same.
std::string normal_form(const Reply& reply, const std::string& id) {
  std::string text = std::to_string(reply.status) + " " + reply.reason + "\n";
  for (const auto& [name, value] : reply.headers)
    if (name != "date") text += name + ": " + value + "\n";
  std::string body = reply.body;
  if (auto at = body.find("\"trace_id\":\""); at != std::string::npos) body.erase(at + 12, 32);
  replace_token(body, id, "<id>");
  return text + body;
}

class Findings {
 public:
  void add(const std::string& text) {
    std::lock_guard lock(mutex_);
    if (texts_.size() < 20) texts_.push_back(text);
    ++count_;
  }
  [[nodiscard]] std::string text() const {
    std::string all = fmt::format("{} findings\n", count_);
    for (const std::string& one : texts_) all += one + "\n";
    return all;
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::mutex mutex_;
  std::vector<std::string> texts_;
  std::size_t count_ = 0;
};

std::string describe(const Call& call, const Reply& reply) {
  return fmt::format("{} {} {}\n  → {} {}", call.method, call.target, call.body, reply.status,
                     reply.body.substr(0, 400));
}

using catalog::Model;

/// Over all pairs of models. Each tenant's own neighbour in the shared tables is the hardest, so that pair gets most.
class Crossing : public ::testing::TestWithParam<std::pair<Model, Model>> {
 protected:
  static int requests() {
    if (const char* wanted = std::getenv("BULKHEAD_REQUESTS")) return std::atoi(wanted);
    return GetParam() == std::pair(Model::row, Model::row) ? 20'000 : 4'000;
  }
};

INSTANTIATE_TEST_SUITE_P(
    Models, Crossing,
    ::testing::Values(std::pair(Model::row, Model::row), std::pair(Model::row, Model::schema),
                      std::pair(Model::row, Model::silo), std::pair(Model::schema, Model::row),
                      std::pair(Model::schema, Model::schema), std::pair(Model::schema, Model::silo),
                      std::pair(Model::silo, Model::row), std::pair(Model::silo, Model::schema),
                      std::pair(Model::silo, Model::silo)),
    [](const auto& info) {
      return std::string(catalog::model_name(info.param.first)) + "_" +
             std::string(catalog::model_name(info.param.second));
    });

TEST_P(Crossing, RandomRequestsFromThirtyTwoConnections) {
  World world = make_world(GetParam().first, GetParam().second);
  TestServerSettings settings;
  settings.routes = {Route{Method::post, "/v1/checkout", Role::member, recordshop::checkout}};
  TestServer server(world.database, settings);
  std::string tokens[] = {server.token("acme", "ann", "admin"), server.token("globex", "gus", "admin")};
  const Shop* shops[] = {&world.acme, &world.globex};
  constexpr int connections = 32;
  const int each = requests() / connections;
  std::uint64_t seed = std::random_device()();
  if (const char* fixed = std::getenv("BULKHEAD_SEED")) seed = std::strtoull(fixed, nullptr, 10);
  std::printf("seed %llu (BULKHEAD_SEED repeats it)\n", static_cast<unsigned long long>(seed));

  Findings findings;
  std::atomic<int> statuses[600]{};
  std::vector<std::thread> threads;
  for (int n = 0; n < connections; ++n) {
    threads.emplace_back([&, n] {
      const Shop& shop = *shops[n % 2];
      Generator generator(shop, tokens[n % 2], tokens[1 - n % 2], seed + static_cast<std::uint64_t>(n));
      HttpClient client = server.client();
      for (int i = 0; i < each; ++i) {
        Pair pair = generator.next();
        Reply reply = client.send(pair.call);
        ++statuses[reply.status];
        if (std::string leak = leak_in(reply, shop); !leak.empty())
          findings.add("leak of " + leak + ": " + describe(pair.call, reply));
        if (reply.status >= 500) findings.add("server error: " + describe(pair.call, reply));
        if (!pair.twin) continue;
        Reply twin = client.send(*pair.twin);
        if (normal_form(reply, pair.id) != normal_form(twin, pair.twin_id))
          findings.add("another tenant's id is told apart from an absent one:\n" +
                       describe(pair.call, reply) + "\n" + describe(*pair.twin, twin));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(findings.count(), 0u) << findings.text();
  EXPECT_EQ(server.server().mismatches(), 0u);
  // The test must have reached the data, the refusals and the conflicts, or it shows nothing.
  for (int status : {200, 201, 204, 206, 400, 404, 406, 409})
    EXPECT_GT(statuses[status].load(), requests() / 400) << status;

  // Nothing of either tenant changed hands, and each kept what only the other's requests named.
  for (const Shop* shop : shops) {
    TenantHome home(world.database, shop->slug);
    EXPECT_EQ(home.query_one("select count(*) from app.artist where tenant_id = '" + shop->id +
                             "' and name like '%" + shop->other_mark + "%'"),
              "0");
    EXPECT_EQ(home.query_one("select count(*) from app.artist where tenant_id = '" + shop->id +
                             "' and artist_id between 101 and 300 and name like '%renamed'"),
              "0")
        << shop->slug;
    // A tenant with tables of its own is alone in them.
    if (home.schema() != "app") {
      EXPECT_EQ(home.query_one("select count(*) from app.artist where tenant_id <> '" + shop->id + "'"), "0");
    }
  }
}

}  // namespace
}  // namespace bulkhead::test
