#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include <bulkhead/context.hpp>
#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

/// The audit log: what operators did, in the catalog, append-only and chained by hash (migrate/sql/12_audit.sql).
/// `catalog` is always a connection with the operator's rights, with no transaction open: the end of the chain is locked
/// until the entry is committed.
namespace bulkhead::audit {

/// Who acts. There is no default and no way to make one from text, so that no action goes without.
class Actor {
 public:
  /// The user of this machine who runs the command: "os:NAME".
  [[nodiscard]] static Actor os_user();
  /// The caller of the control API, by a verified token: "operator:SUBJECT@ISSUER".
  [[nodiscard]] static Actor principal(std::string_view issuer, std::string_view subject);
  /// Bulkhead itself, in a process of this kind: "bulkhead:dev".
  [[nodiscard]] static Actor program(std::string_view command);
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  explicit Actor(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// What is done. Never a secret: the log is kept for ever.
struct Action {
  std::string name;     ///< "tenant.create"
  std::string subject;  ///< What it is done to: a slug, an operation's id, a folder.
  std::optional<TenantId> tenant;
  boost::json::object details;
};

/// A line of the log.
struct Entry {
  std::int64_t seq = 0;
  std::string at;  ///< ISO 8601, UTC.
  std::string actor, action, subject;
  std::string tenant_id;  ///< Empty: of no tenant.
  std::string details;    ///< JSON
  std::string previous, hash;
};

/// Writes one entry; its place in the chain. Error: `usage` for text that is not UTF-8.
[[nodiscard]] Result<std::int64_t> append(pg::Blocking& catalog, const Actor& actor, const Action& action);

struct ListOptions {
  ListOptions() = default;
  std::string since;                   ///< A time as PostgreSQL reads it; empty: from the beginning.
  std::optional<std::int64_t> before;  ///< Only entries before this place.
  std::size_t limit = 100;
};
/// The newest first. Error: `usage` for a `since` that is no time.
[[nodiscard]] Result<std::vector<Entry>> list(pg::Blocking& catalog, const ListOptions& options = {});

/// What is wrong with the chain, at its first entry that does not fit.
struct Fault {
  enum class Kind : std::uint8_t {
    changed,     ///< The fields are not those that the hash was made of.
    missing,     ///< There is no entry at this place.
    reordered,   ///< The entry stood at another place.
    unexpected,  ///< The hash that was kept outside is nowhere in the chain: it was written anew or cut.
  };
  Kind kind = Kind::changed;
  std::int64_t seq = 0;
  std::string message;
};
[[nodiscard]] std::string_view fault_name(Fault::Kind kind) noexcept;

struct Verdict {
  std::int64_t entries = 0;  ///< That were read.
  std::string head;          ///< Hash of the last one; to be kept outside.
  std::optional<Fault> fault;
};
/// Reads the whole chain in one snapshot, computes every hash itself and compares its end with the head that the database
/// keeps. `expected`: a head's hash that was kept outside, or empty. A broken chain is an answer, no error.
[[nodiscard]] Result<Verdict> verify(pg::Blocking& catalog, std::string_view expected = {});

namespace detail {
[[nodiscard]] Action begun(const Action& action);
[[nodiscard]] Action ended(const Action& action, std::int64_t begun, const Error* error);
}  // namespace detail

/// Does `act` with an entry before it, without which it is not done, and one after it that says how it ended and names the
/// first one. A begin without an end: the process or the database died in between. `act(Action&)` returns a Result and
/// may add to the action what it learns (the tenant's id, counts), for the second entry.
template <class F>
[[nodiscard]] std::invoke_result_t<F, Action&> recorded(pg::Blocking& catalog, const Actor& actor,
                                                        Action action, F&& act) {
  Result<std::int64_t> place = append(catalog, actor, detail::begun(action));
  if (place.has_error()) return place.error();
  auto result = std::forward<F>(act)(action);
  std::optional<Error> error;
  if (result.has_error()) error = result.error();
  // What was done is done: it is not made a failure because the log's second entry cannot be written.
  static_cast<void>(append(catalog, actor, detail::ended(action, *place, error ? &*error : nullptr)));
  return result;
}

}  // namespace bulkhead::audit
