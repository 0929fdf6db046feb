#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace bulkhead {

/// What went wrong, as a stable identity. Families follow the way of a request (DESIGN section 2): a hundred
/// each. `error_info()` gives the public name, HTTP status and title; docs/reference/errors.md is generated
/// from it.
enum class Errc : std::uint16_t {
  internal = 0,  ///< A bug or an unforeseen failure. The client sees no detail.

  // 1xx http: the request as such
  malformed_request = 100,
  header_too_large = 101,
  body_too_large = 102,
  method_not_allowed = 103,
  route_not_found = 104,
  unsupported_media_type = 105,
  not_acceptable = 106,
  malformed_json = 107,
  request_timeout = 108,
  client_gone = 109,  ///< While its answer was being written; nobody reads this.

  // 2xx entry: which tenant
  tenant_not_found = 200,  ///< No source names a tenant, or the named one does not exist. Lists nothing.
  tenant_conflict = 201,   ///< Two sources name two tenants.
  tenant_malformed = 202,  ///< A source is present and is neither a slug nor an id.
  tenant_suspended = 203,
  tenant_ambiguous = 204,  ///< No source names a tenant, and the caller belongs to several, which are listed.

  // 3xx identity: who calls
  token_missing = 300,
  token_malformed = 301,
  token_algorithm = 302,
  token_signature = 303,
  token_issuer = 304,
  token_audience = 305,
  token_time = 306,
  token_key_unknown = 307,
  identity_unavailable = 308,  ///< The issuer's keys cannot be had and none are cached.

  // 4xx permission
  not_a_member = 400,
  permission_denied = 401,

  // 5xx data: the statement
  relation_unknown = 500,
  column_unknown = 501,
  filter_malformed = 502,
  filter_required = 503,
  relationship_unknown = 504,
  relationship_ambiguous = 505,
  not_singular = 506,
  range_not_satisfiable = 507,
  payload_invalid = 508,
  statement_failed = 509,   ///< PostgreSQL refused it; `sqlstate()` says why.
  statement_refused = 510,  ///< Raw SQL that is not tenant-safe.
  tenant_mismatch = 511,    ///< The check on the way out: a row of another tenant. The leak alarm.

  // 6xx upstream: PostgreSQL and others
  database_unavailable = 600,
  deadline_exceeded = 601,
  overloaded = 602,
  placement_stale = 603,  ///< The tenant does not live where the view of the catalog said; retried once.
  upstream_failed = 604,

  // 7xx operator's commands and configuration
  config_invalid = 700,
  usage = 701,
  already_exists = 702,
  not_found = 703,
  environment = 704,  ///< A program, file or permission is missing on this machine.
  migration_failed = 705,
  lint_failed = 706,
  import_failed = 707,
  conflict = 708,    ///< Somebody else works on the same thing, or its state does not allow it.
  incomplete = 710,  ///< Done for some of what was asked for; the message says what is missing.
  log_broken = 711,  ///< The audit log's chain does not hold.
};

/// Static facts of an `Errc`.
struct ErrorInfo {
  std::string_view name;   ///< Stable public code, for example "BLK201".
  std::string_view title;  ///< A few words, for a problem document's `title`.
  unsigned http_status;    ///< The status a client gets.
  bool retryable;          ///< The same request may succeed later.
};

/// Thread-safe, does not throw.
[[nodiscard]] const ErrorInfo& error_info(Errc code) noexcept;

/// Every error as the Markdown table of docs/reference/errors.md.
[[nodiscard]] std::string describe_errors();

/// An expected failure, as a value. What the public may read (`message`, `hint`) and what only the log may
/// hold
/// (`internal`) are different fields: a database's own message may carry someone's data.
///
/// Cheap to copy (one shared pointer), immutable once built, safe to read from any thread.
class [[nodiscard]] Error {
 public:
  /// The error "internal" without any detail.
  Error() = default;
  Error(Errc code, std::string message) : code_(code), detail_(std::make_shared<Detail>()) {
    detail_->message = std::move(message);
  }

  /// What to do about it; public.
  Error hint(std::string text) && {
    edit().hint = std::move(text);
    return std::move(*this);
  }
  /// For the log alone; never sent to a client.
  Error internal(std::string text) && {
    edit().internal = std::move(text);
    return std::move(*this);
  }
  /// PostgreSQL's five characters.
  Error sqlstate(std::string text) && {
    edit().sqlstate = std::move(text);
    return std::move(*this);
  }
  /// More of what happened; public (PostgREST's `details`).
  Error details(std::string text) && {
    edit().details = std::move(text);
    return std::move(*this);
  }

  /// More members of the problem document, as JSON: `"tenants":[…]`; public.
  Error members(std::string json) && {
    edit().members = std::move(json);
    return std::move(*this);
  }

  [[nodiscard]] Errc code() const noexcept { return code_; }
  [[nodiscard]] std::string_view message() const noexcept {
    return detail_ ? std::string_view(detail_->message) : "internal error";
  }
  [[nodiscard]] std::string_view hint() const noexcept {
    return detail_ ? std::string_view(detail_->hint) : "";
  }
  [[nodiscard]] std::string_view details() const noexcept {
    return detail_ ? std::string_view(detail_->details) : "";
  }
  [[nodiscard]] std::string_view members() const noexcept {
    return detail_ ? std::string_view(detail_->members) : "";
  }
  [[nodiscard]] std::string_view internal() const noexcept {
    return detail_ ? std::string_view(detail_->internal) : "";
  }
  [[nodiscard]] std::string_view sqlstate() const noexcept {
    return detail_ ? std::string_view(detail_->sqlstate) : "";
  }

 private:
  struct Detail {
    std::string message, hint, details, members, internal, sqlstate;
  };
  /// Copy on write: another Error may share the detail.
  Detail& edit() {
    if (!detail_) detail_ = std::make_shared<Detail>();
    if (detail_.use_count() > 1) detail_ = std::make_shared<Detail>(*detail_);
    return *detail_;
  }

  Errc code_ = Errc::internal;
  std::shared_ptr<Detail> detail_;
};

}  // namespace bulkhead
