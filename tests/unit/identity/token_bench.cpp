// What a token costs a request: `known` on every request, `verify` once a token.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <benchmark/benchmark.h>

#include "identity/key_source.hpp"
#include "unit/identity/support.hpp"

namespace bulkhead::identity {
namespace {

using namespace testing;

const SigningKey& issuer_of(std::int64_t which) {
  return which == 0 ? rsa() : which == 1 ? p256() : ed25519();
}

void whole_check(benchmark::State& state) {
  const SigningKey& issuer = issuer_of(state.range(0));
  std::string token = issuer.mint(request()).value();
  IssuerSettings with = settings();
  SignatureChecker checker;
  for (auto _ : state) {
    auto claims = verify_token(token, with, all_keys(), checker, now);
    benchmark::DoNotOptimize(claims);
  }
  state.SetLabel(std::string(algorithm_name(issuer.algorithm())) + ", " + std::to_string(token.size()) +
                 " bytes");
}
BENCHMARK(whole_check)->Arg(0)->Arg(1)->Arg(2);

void signature_alone(benchmark::State& state) {
  const SigningKey& issuer = issuer_of(state.range(0));
  std::string token = issuer.mint(request()).value();
  UnverifiedToken parsed = parse_token(token).value();
  PublicKeyRef key = all_keys().find(issuer.algorithm(), issuer.kid());
  SignatureChecker checker;
  for (auto _ : state) benchmark::DoNotOptimize(checker.valid(key, parsed.signed_part, parsed.signature));
}
BENCHMARK(signature_alone)->Arg(0)->Arg(1)->Arg(2);

/// Tokens of many users in turn, as a server meets them.
void known_token(benchmark::State& state) {
  boost::asio::io_context io{1};
  IssuerSettings with = settings();
  with.static_jwks = rsa().jwks();
  Verifier verifier(io.get_executor(), {with});
  std::vector<std::string> tokens;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    MintRequest asked = request();
    asked.subject = "user" + std::to_string(i);
    tokens.push_back(rsa().mint(asked).value());
    auto check = [&]() -> Task<void> {
      benchmark::DoNotOptimize(co_await verifier.verify(tokens.back(), now));
    };
    boost::asio::co_spawn(io, check, boost::asio::detached);
    io.restart();
    io.run();
  }
  std::size_t at = 0;
  for (auto _ : state) {
    ClaimsRef claims = verifier.known(tokens[at], now);
    if (!claims) state.SkipWithError("a token was not known");
    benchmark::DoNotOptimize(claims);
    if (++at == tokens.size()) at = 0;
  }
}
BENCHMARK(known_token)->Arg(1)->Arg(1000);

}  // namespace
}  // namespace bulkhead::identity
