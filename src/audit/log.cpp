#include "audit/log.hpp"

#include <array>
#include <charconv>

#include <boost/json/serialize.hpp>

#include <pwd.h>
#include <unistd.h>

#include "base/utf8.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::audit {
namespace {

constexpr std::string_view columns =
    "seq, to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), actor, action, subject, "
    "coalesce(tenant_id::text, ''), details::text, previous, hash";
/// Read at a time, so that a long log does not have to fit into memory.
constexpr std::size_t batch = 1000;

template <class T>
T number(std::string_view text) {
  T out{};
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Entry entry_of(const Rows& rows, std::size_t row) {
  const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
  Entry out;
  out.seq = number<std::int64_t>(rows.text(row, 0));
  out.at = text(1);
  out.actor = text(2);
  out.action = text(3);
  out.subject = text(4);
  out.tenant_id = text(5);
  out.details = text(6);
  out.previous = text(7);
  out.hash = text(8);
  return out;
}

/// An entry as it stands in the database, with its time as the hash sees it.
struct Link {
  Entry entry;
  std::string microseconds;
};

/// As catalog.audit_hash() does.
std::string hash_of(const Link& link, std::int64_t seq) {
  const Entry& entry = link.entry;
  const std::string place = std::to_string(seq);
  const std::array<std::string_view, 8> fields{place,         link.microseconds, entry.actor,
                                               entry.action,  entry.subject,     entry.tenant_id,
                                               entry.details, entry.previous};
  std::string text;
  for (const std::string_view field : fields)
    text.append(std::to_string(field.size())).append(":").append(field).append(",");
  return migrate::sha256_hex(text);
}

std::string at_place(std::int64_t seq) {
  return "entry " + std::to_string(seq);
}

/// Walks the chain from its beginning and stops at the first entry that does not fit.
class Walk {
 public:
  Walk(std::int64_t entries_of_head, std::string expected)
      : most_(entries_of_head), expected_(std::move(expected)), expected_seen_(expected_.empty()) {}

  /// False: here is the fault.
  bool take(const Link& link) {
    const Entry& entry = link.entry;
    const std::int64_t wanted = entries_ + 1;
    if (entry.seq > wanted) return fail(Fault::Kind::missing, wanted, at_place(wanted) + " is missing");
    if (entry.seq < wanted)
      return fail(Fault::Kind::reordered, entry.seq, at_place(entry.seq) + " is there more than once");
    if (hash_of(link, entry.seq) != entry.hash) return changed_or_moved(link);
    if (entry.previous != head_)
      return fail(Fault::Kind::reordered, entry.seq,
                  at_place(entry.seq) + " does not follow the entry that stands before it");
    entries_ = entry.seq;
    head_ = entry.hash;
    expected_seen_ = expected_seen_ || head_ == expected_;
    return true;
  }

  Verdict finish(std::string_view head_of_database) {
    if (!fault_ && entries_ < most_)
      fail(Fault::Kind::missing, entries_ + 1,
           at_place(entries_ + 1) + " is missing: there were " + std::to_string(most_) + " entries");
    if (!fault_ && (entries_ > most_ || head_ != head_of_database))
      fail(Fault::Kind::changed, entries_,
           "the chain ends with " + at_place(entries_) + ", which is not the end that the database keeps");
    if (!fault_ && !expected_seen_)
      fail(Fault::Kind::unexpected, entries_,
           "no entry has the expected hash: the log was cut, or written anew, since that was its head");
    return Verdict{entries_, head_, std::move(fault_)};
  }

 private:
  bool fail(Fault::Kind kind, std::int64_t seq, std::string message) {
    fault_ = Fault{kind, seq, std::move(message)};
    return false;
  }

  bool changed_or_moved(const Link& link) {
    for (std::int64_t place = 1; place <= most_; ++place) {
      if (hash_of(link, place) != link.entry.hash) continue;
      return fail(Fault::Kind::reordered, link.entry.seq,
                  at_place(link.entry.seq) + " stood at place " + std::to_string(place));
    }
    return fail(Fault::Kind::changed, link.entry.seq,
                at_place(link.entry.seq) + " was changed after it was written");
  }

  std::int64_t most_, entries_ = 0;
  std::string head_ = std::string(64, '0'), expected_;
  bool expected_seen_;
  std::optional<Fault> fault_;
};

Result<Verdict> walk(pg::Blocking& catalog, std::string_view expected) {
  BULKHEAD_TRY(Rows kept, catalog.query("select entries, hash from catalog.audit_head"));
  if (kept.empty()) {
    Verdict verdict;
    verdict.fault = Fault{Fault::Kind::missing, 1, "the row of catalog.audit_head is missing"};
    return verdict;
  }
  Walk walk(number<std::int64_t>(kept.text(0, 0)), std::string(expected));
  BULKHEAD_CHECK(catalog.execute("declare chain no scroll cursor for select " + std::string(columns) +
                                 ", (extract(epoch from at) * 1000000)::bigint from catalog.audit_entry "
                                 "order by seq"));
  for (bool sound = true; sound;) {
    BULKHEAD_TRY(Rows rows, catalog.query("fetch " + std::to_string(batch) + " from chain"));
    for (std::size_t row = 0; sound && row < rows.size(); ++row)
      sound = walk.take(Link{entry_of(rows, row), std::string(rows.text(row, 9))});
    if (rows.size() < batch) break;
  }
  return walk.finish(kept.text(0, 1));
}

}  // namespace

Actor Actor::os_user() {
  const uid_t id = getuid();
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(id, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return Actor("os:" + std::string(found->pw_name));
  return Actor("os:" + std::to_string(id));
}

Actor Actor::principal(std::string_view issuer, std::string_view subject) {
  return Actor("operator:" + std::string(subject) + "@" + std::string(issuer));
}

Actor Actor::program(std::string_view command) {
  return Actor("bulkhead:" + std::string(command));
}

Result<std::int64_t> append(pg::Blocking& catalog, const Actor& actor, const Action& action) {
  const std::string details = boost::json::serialize(action.details);
  for (const std::string_view text : {std::string_view(action.subject), std::string_view(details)})
    if (!valid_utf8(text))
      return Error(Errc::usage, "what " + action.name +
                                    " is about is not UTF-8, so it cannot be written to the audit log");
  std::optional<std::string> tenant;
  if (action.tenant) tenant = action.tenant->text();
  BULKHEAD_TRY(Rows rows, catalog.query("select catalog.append_audit($1, $2, $3, $4::uuid, $5::jsonb)",
                                        {actor.text(), action.name, action.subject, tenant, details}));
  return number<std::int64_t>(rows.text(0, 0));
}

Result<std::vector<Entry>> list(pg::Blocking& catalog, const ListOptions& options) {
  std::optional<std::string> since, before;
  if (!options.since.empty()) since = options.since;
  if (options.before) before = std::to_string(*options.before);
  auto rows = catalog.query("select " + std::string(columns) +
                                " from catalog.audit_entry where ($1::timestamptz is null or at >= $1) and "
                                "($2::bigint is null or seq < $2) order by seq desc limit $3",
                            {since, before, std::to_string(options.limit)});
  if (rows.has_error() && rows.error().sqlstate().starts_with("22"))
    return Error(Errc::usage, "\"" + options.since + "\" is no time").hint("as in 2026-11-26T08:00:00Z");
  if (rows.has_error()) return rows.error();
  std::vector<Entry> out;
  out.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) out.push_back(entry_of(*rows, row));
  return out;
}

std::string_view fault_name(Fault::Kind kind) noexcept {
  switch (kind) {
    case Fault::Kind::changed:
      return "changed";
    case Fault::Kind::missing:
      return "missing";
    case Fault::Kind::reordered:
      return "reordered";
    case Fault::Kind::unexpected:
      return "unexpected";
  }
  return "changed";
}

Result<Verdict> verify(pg::Blocking& catalog, std::string_view expected) {
  // One snapshot: what is appended meanwhile is neither in the entries nor in the head.
  BULKHEAD_CHECK(catalog.execute("begin isolation level repeatable read, read only"));
  auto verdict = walk(catalog, expected);
  auto ended = catalog.execute("rollback");
  if (verdict.has_value() && ended.has_error()) return ended.error();
  return verdict;
}

Action detail::begun(const Action& action) {
  Action out = action;
  out.details["outcome"] = "begun";
  return out;
}

Action detail::ended(const Action& action, std::int64_t begun, const Error* error) {
  Action out = action;
  out.details["begun"] = begun;
  out.details["outcome"] = error == nullptr ? "done" : "failed";
  if (error == nullptr) return out;
  out.details["error"] = error_info(error->code()).name;
  // A database's message may quote bytes that JSON cannot hold.
  if (valid_utf8(error->message())) out.details["message"] = error->message();
  return out;
}

}  // namespace bulkhead::audit
