// What the entry costs a request, from the parsed request to the RequestContext: with a token that is known, and with one that
// is seen for the first time.
//
//   bench_entry [--tenants N] [--users N] [--rounds N]     prints one JSON object: CPU µs of the thread, medians of the rounds
//
// A real PostgreSQL holds the catalog, and a real View is filled from it; then everything is in memory, as on a server that has
// been up for a minute. The tokens are those of many users of many tenants in turn, so that caches are as cold as they would be.
#include "entry/entry.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include "catalog/store.hpp"
#include "identity/signing_key.hpp"
#include "support/postgres.hpp"

namespace {

using namespace bulkhead;
using identity::Algorithm;
using identity::SigningKey;
using test::must;

constexpr const char* issuer_url = "https://issuer.example";

struct Options {
  std::size_t tenants = 100, users = 10, rounds = 15;
};

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::size_t value = std::max(1UL, std::strtoul(argv[i + 1], nullptr, 10));
    if (name == "--tenants") options.tenants = value;
    if (name == "--users") options.users = value;
    if (name == "--rounds") options.rounds = value;
  }
  return options;
}

double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// A parsed request and what its views point into.
struct Call {
  std::string host, authorization, tenant;
  std::vector<HeaderView> headers;
  Request request;

  void finish(bool by_host) {
    headers = {{"host", host},
               {"user-agent", "bench"},
               {"accept", "application/json"},
               {"authorization", authorization}};
    if (!by_host) headers.push_back({"x-tenant-id", tenant});
    request.method = Method::get;
    request.path = "/rest/v1/task";
    request.host = by_host ? std::string_view(host) : std::string_view("localhost");
    request.headers = headers;
  }
};

/// The catalog, the keys, and everybody's requests.
class World {
 public:
  explicit World(const Options& options)
      : database_(test::Postgres::shared().make_database()),
        keys_{must(SigningKey::generate(Algorithm::rs256)), must(SigningKey::generate(Algorithm::es256)),
              must(SigningKey::generate(Algorithm::eddsa))},
        lanes_(io_.get_executor(), database_.catalog, pg::LaneSettings()),
        view_(io_.get_executor(), lanes_, database_.catalog, catalog::ViewSettings()),
        verifier_(io_.get_executor(), {issuer()}),
        entry_(entry::EntrySettings(), view_, verifier_) {
    pg::Blocking admin = database_.connect_admin();
    for (std::size_t i = 0; i < options.tenants; ++i) {
      const std::string slug = fmt::format("tenant-{}", i);
      const auto tenant = must(catalog::create_tenant(admin, slug, slug));
      for (std::size_t j = 0; j < options.users; ++j) {
        const std::string user = fmt::format("user-{}-{}", i, j);
        must(catalog::ensure_membership(admin, tenant.id, issuer_url, user, user, Role::member));
        callers_.emplace_back(slug, user);
      }
    }
  }

  /// Requests of all callers with tokens of the algorithm.
  [[nodiscard]] std::vector<Call> calls(Algorithm algorithm, bool by_host) const {
    std::vector<Call> made(callers_.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
      identity::MintRequest mint;
      mint.issuer = issuer_url;
      mint.audience = "bench";
      mint.subject = callers_[i].second;
      mint.tenant = callers_[i].first;
      mint.name = callers_[i].second;
      mint.issued_at = std::chrono::system_clock::now();
      made[i].host = callers_[i].first + ".localhost:8080";
      made[i].tenant = callers_[i].first;
      made[i].authorization = "Bearer " + must(keys_[static_cast<std::size_t>(algorithm)].mint(mint));
      made[i].finish(by_host);
    }
    return made;
  }

  /// One after the other, each to its end; CPU µs a request.
  double admit(const std::vector<Call>& calls) {
    double took = 0;
    run(admit_all(calls, took));
    return took / static_cast<double>(calls.size());
  }
  /// The way of a request whose token is known.
  double admit_known(const std::vector<Call>& calls) {
    const double begun = cpu_us();
    for (const Call& call : calls) {
      TraceContext trace;
      auto admitted = entry_.admit_known(call.request, std::nullopt, trace, entry::Requirement());
      if (!admitted) throw std::runtime_error("a token or its tenant was not known");
      expect(*admitted);
    }
    return (cpu_us() - begun) / static_cast<double>(calls.size());
  }
  void forget() { verifier_.forget(); }

 private:
  [[nodiscard]] identity::IssuerSettings issuer() const {
    boost::json::array keys;
    for (const SigningKey& key : keys_) keys.push_back(key.jwk());
    identity::IssuerSettings settings;
    settings.name = "bench";
    settings.issuer = issuer_url;
    settings.audiences = {"bench"};
    settings.static_jwks = boost::json::serialize(boost::json::object{{"keys", std::move(keys)}});
    return settings;
  }
  static void expect(const Result<RequestContext>& admitted) {
    if (admitted.has_error())
      throw std::runtime_error("a request was refused: " + std::string(admitted.error().message()));
  }
  Task<void> admit_all(const std::vector<Call>& calls, double& took) {
    const double begun = cpu_us();
    for (const Call& call : calls) {
      auto admitted = co_await entry_.admit(call.request, std::nullopt, trace_, entry::Requirement());
      expect(admitted);
    }
    took = cpu_us() - begun;
  }
  void run(Task<void> task) {
    bool done = false;
    std::exception_ptr thrown;
    boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr error) {
      thrown = error;
      done = true;
    });
    while (!done) io_.run_one();
    if (thrown) std::rethrow_exception(thrown);
  }

  test::Database database_;
  SigningKey keys_[3];
  boost::asio::io_context io_{1};
  pg::Lanes lanes_;
  catalog::View view_;
  identity::Verifier verifier_;
  entry::Entry entry_;
  TraceContext trace_;
  std::vector<std::pair<std::string, std::string>> callers_;
};

double median(const Options& options, const std::function<double()>& once) {
  std::vector<double> took(options.rounds);
  for (double& one : took) one = once();
  std::nth_element(took.begin(), took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2), took.end());
  return took[took.size() / 2];
}

std::string measure(const Options& options) {
  World world(options);
  std::string out;
  const auto add = [&](const char* name, double us) {
    out += fmt::format("{}\"{}\": {:.3f}", out.empty() ? "" : ", ", name, us);
  };
  for (const bool by_host : {true, false}) {
    const std::vector<Call> calls = world.calls(Algorithm::rs256, by_host);
    world.admit(calls);  // fills view and cache
    const char* name = by_host ? "cached_subdomain_us" : "cached_header_us";
    add(name, median(options, [&] { return world.admit_known(calls); }));
  }
  for (const auto& [name, algorithm] :
       {std::pair{"uncached_rs256_us", Algorithm::rs256}, std::pair{"uncached_es256_us", Algorithm::es256},
        std::pair{"uncached_eddsa_us", Algorithm::eddsa}}) {
    const std::vector<Call> calls = world.calls(algorithm, true);
    add(name, median(options, [&] {
          world.forget();
          return world.admit(calls);
        }));
  }
  return "{" + out + "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::fputs(measure(options_of(argc, argv)).c_str(), stdout);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_entry: {}\n", error.what());
    return 1;
  }
}
