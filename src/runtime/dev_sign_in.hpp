#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "identity/signing_key.hpp"
#include "pg/blocking.hpp"
#include "runtime/dev_identity.hpp"

/// Signing in at the development issuer, without a password: OpenID Connect's authorization code flow (Core 1.0 section
/// 3.1) with PKCE (RFC 7636), so that a page uses a client library of the field and later another provider by
/// configuration alone. `bulkhead dev` has it and `bulkhead serve` has not; docs/decisions/0011-web-page.md says why this
/// gives nobody more than who is at the machine has already.
namespace bulkhead::runtime {

/// The one client: pages of this machine. Tokens for the client (`id_token`) have it as their audience, so the API does
/// not take them.
inline constexpr std::string_view dev_client = "bulkhead-dev-page";

/// Which tenant a Host header of this machine names: `acme` for acme.localhost:8080, "" for localhost, 127.0.0.1 and
/// [::1]. nullopt for every other host, so that no name that somebody else points here (DNS rebinding) is answered.
[[nodiscard]] std::optional<std::string> tenant_of_local_host(std::string_view host);

/// The origin of an address on this machine that a code may be sent to: `http://localhost:5173` of
/// `http://localhost:5173/auth-callback`. nullopt for all else.
[[nodiscard]] std::optional<std::string> local_origin(std::string_view uri);

/// RFC 7636 section 4.6, method S256.
[[nodiscard]] bool verifier_fits(std::string_view verifier, std::string_view challenge);

/// What a code stands for.
struct DevGrant {
  std::string redirect_uri, challenge, nonce, scope;
  std::string tenant, subject, name;
  std::chrono::steady_clock::time_point expires;
};

/// Codes that were given out and not yet redeemed. Thread-safe.
class DevCodes {
 public:
  static constexpr std::chrono::seconds lifetime{60};
  static constexpr std::size_t most = 1000;

  /// A new code, 256 bits of chance, good once and for a minute. Sets `expires`. When there are too many, the one that
  /// would go first goes.
  [[nodiscard]] std::string add(DevGrant grant, std::chrono::steady_clock::time_point now);
  /// Takes the code out, whatever becomes of it then. nullopt: never given out, redeemed already, or expired.
  [[nodiscard]] std::optional<DevGrant> take(std::string_view code,
                                             std::chrono::steady_clock::time_point now);

 private:
  std::mutex mutex_;
  std::map<std::string, DevGrant, std::less<>> grants_;
};

/// A member who can sign in.
struct DevMember {
  std::string tenant_id, tenant, tenant_name, subject, name, role;
};

/// The endpoints. Thread-safe; the key outlives it.
class DevSignIn {
 public:
  using Connect = std::function<Result<pg::Blocking>()>;
  /// `connect`: to the catalog, with the operator's rights; called on a thread of its own.
  DevSignIn(const identity::SigningKey& issuer, std::string issuer_url, Connect connect);
  ~DevSignIn();
  DevSignIn(const DevSignIn&) = delete;
  DevSignIn& operator=(const DevSignIn&) = delete;

  /// Discovery (with the endpoints at the host that was asked, so that a page stays on its own origin), authorization
  /// and token endpoint, for loopback clients. They live no longer than this.
  [[nodiscard]] std::vector<OpenRoute> routes();
  /// Finishes what is being answered. Before the loops that wait for answers end. Idempotent.
  void stop();

 private:
  struct Asked;
  [[nodiscard]] Response discovery(const Request& request) const;
  [[nodiscard]] Task<Response> authorize(const Request& request);
  [[nodiscard]] static std::optional<Response> read(const Request& request, Asked& asked);
  [[nodiscard]] static std::optional<Response> read_choice(const Request& request, Asked& asked);
  [[nodiscard]] Response token(const Request& request);
  [[nodiscard]] Response issue(const DevGrant& grant) const;
  [[nodiscard]] Response choose(const Asked& asked);
  [[nodiscard]] Result<Response> show(const Asked& asked);
  [[nodiscard]] Result<Response> sign_in(const Asked& asked);
  [[nodiscard]] Result<std::vector<DevMember>> members(pg::Blocking& admin, const std::string& tenant,
                                                       const std::string& subject) const;

  static constexpr std::size_t most_waiting = 16;
  const identity::SigningKey& issuer_;
  std::string issuer_url_;
  Connect connect_;
  DevCodes codes_;
  std::atomic<std::size_t> waiting_{0};
  boost::asio::thread_pool pool_{1};
};

}  // namespace bulkhead::runtime
