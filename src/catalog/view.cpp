#include "catalog/view.hpp"

#include <algorithm>
#include <functional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "catalog/lru.hpp"
#include "catalog/store.hpp"
#include "pg/listener.hpp"

namespace bulkhead::catalog {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLoadDeadline{5};
/// How long what is known is served without asking again after the catalog failed to answer.
constexpr std::chrono::milliseconds kDownPause{1000};
/// Between two times that news for everyone take effect.
constexpr std::chrono::milliseconds kNewsPause{100};

/// Before the id of a grant, in a subject of our own issuer.
constexpr std::string_view act_as_prefix = "act:";

/// Something that is being read from the catalog; whoever asks for the same thing meanwhile waits for the
/// same answer.
struct Flight {
  std::vector<asio::steady_timer*> waiting;
  bool landed = false;
  std::optional<Error> error;

  void land() {
    landed = true;
    for (auto* timer : waiting) timer->cancel();
  }
};
using FlightRef = std::shared_ptr<Flight>;

/// The place of one waiter in a flight, given up on the way out, whatever that is.
class Seat {
 public:
  Seat(FlightRef flight, asio::steady_timer& timer) : flight_(std::move(flight)), timer_(timer) {
    flight_->waiting.push_back(&timer_);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { flight_->waiting.erase(std::find(flight_->waiting.begin(), flight_->waiting.end(), &timer_)); }

 private:
  FlightRef flight_;
  asio::steady_timer& timer_;
};

/// What is known of one tenant.
struct KnownTenant {
  TenantRef record;
  Clock::time_point loaded;
  bool valid = false;  ///< Nothing has said since that it may have changed.
  bool told = false;   ///< It was told to have changed: served only after it was read again.
};

/// What had been told when something was read. Memberships are many; instead of looking for those that
/// changed, each remembers this.
struct Generation {
  std::uint64_t heard_again = 0;  ///< How often the listener came back, having missed who knows what.
  std::uint64_t everyone = 0;     ///< Of news that concern any membership.
  std::uint64_t tenant = 0;       ///< The latest news of the tenant.
};

struct KnownMembership {
  std::optional<Membership> membership;
  TenantId tenant;
  Generation generation;
  Clock::time_point loaded;
};

/// Who a caller is and where it belongs.
struct KnownCaller {
  OwnTenantsRef tenants;
  std::vector<Uuid> about;  ///< The user and the tenants: news of one of them put this out of date.
  std::uint64_t news = 0;   ///< Number of the latest when it was read.
  Generation generation;    ///< `tenant` is left 0.
  Clock::time_point loaded;
};

struct KnownDomain {
  std::string tenant;  ///< Its id; empty: the host is nobody's.
  Uuid id;
  std::uint64_t news = 0, of_domains = 0;
  Generation generation;
  Clock::time_point loaded;
};

/// The hosts that wait to be verified, with their tokens.
struct KnownChallenges {
  std::unordered_map<std::string, std::string> tokens;
  std::uint64_t of_domains = 0;
  Generation generation;
  Clock::time_point loaded;
  bool read = false;
};

/// Who waits for the catalog gets 503, whatever was wrong with it.
Error catalog_failed(const Error& error) {
  return Error(Errc::database_unavailable, "the catalog cannot be read")
      .internal(std::string(error.message()) + ": " + std::string(error.internal()))
      .sqlstate(std::string(error.sqlstate()));
}

pg::Unit one_step(const pg::ShapeRef& shape, std::initializer_list<std::string_view> values) {
  pg::Unit unit;
  pg::Step step;
  step.shape = shape;
  for (const auto value : values) step.params.add(value);
  unit.steps.push_back(std::move(step));
  return unit;
}

std::string tenant_query(std::string_view condition) {
  return "select " + std::string(tenant_columns()) +
         " from catalog.tenant t join catalog.placement p on p.tenant_id = t.id where " +
         std::string(condition);
}

std::string membership_key(const TenantId& tenant, std::string_view issuer, std::string_view subject) {
  const auto& bytes = tenant.uuid().bytes();
  std::string key(bytes.begin(), bytes.end());
  key.append(issuer);
  key += '\0';  // Issuers and subjects hold none: they were verified as JSON strings and must be storable as
                // text.
  key.append(subject);
  return key;
}

std::string caller_key(std::string_view issuer, std::string_view subject) {
  std::string key(issuer);
  key += '\0';
  key.append(subject);
  return key;
}

}  // namespace

struct View::Impl : std::enable_shared_from_this<View::Impl> {
  Impl(asio::any_io_executor on, pg::Lanes& from, ViewSettings with)
      : executor(std::move(on)),
        lanes(from),
        settings(with),
        tenants(with.tenants_max),
        ids_by_slug(with.tenants_max),
        unknown_tenants(10'000),
        memberships(with.memberships_max),
        refused_joins(10'000),
        callers(with.callers_max),
        domains(with.domains_max) {}

  // --- tenants

  KnownTenant* tenant_entry(std::string_view slug_or_id) {
    if (const auto uuid = Uuid::parse(slug_or_id)) return tenants.find(*uuid);
    const Uuid* id = ids_by_slug.find(std::string(slug_or_id));
    if (id == nullptr) return nullptr;
    auto* entry = tenants.find(*id);
    // A renamed tenant's old slug may have been given to another.
    return entry != nullptr && entry->record->slug == slug_or_id ? entry : nullptr;
  }

  std::optional<TenantRef> known_tenant(std::string_view slug_or_id) {
    const auto now = Clock::now();
    if (news_waits && now >= news_due) take_news();
    if (auto* entry = tenant_entry(slug_or_id); entry != nullptr && entry->valid) {
      if (now - entry->loaded > settings.fresh_ttl) {
        entry->loaded = now;  // One refresh at a time.
        fly_tenant(std::string(slug_or_id));
      }
      return entry->record;
    }
    if (const auto* until = unknown_tenants.find(std::string(slug_or_id)); until != nullptr && now < *until)
      return TenantRef();
    return std::nullopt;
  }

  FlightRef fly_tenant(std::string slug_or_id) {
    return fly("t" + slug_or_id, [this, slug_or_id]() { return load_tenant(slug_or_id); });
  }

  Task<std::optional<Error>> load_tenant(std::string slug_or_id) {
    auto error = co_await read_tenant(slug_or_id);
    if (!error) co_return std::nullopt;
    if (auto* entry = tenant_entry(slug_or_id)) entry->loaded = due_soon();
    co_return catalog_failed(*error);
  }

  Task<std::optional<Error>> read_tenant(std::string slug_or_id) {
    const auto seen = generation;
    const auto seen_news = news, seen_forgotten = forgotten;
    const bool by_id = Uuid::parse(slug_or_id).has_value();
    auto unit = one_step(by_id ? by_id_shape : by_slug_shape, {slug_or_id});
    auto outcome = co_await lanes.run(pg::Lane::read, std::move(unit), Clock::now() + kLoadDeadline);
    if (outcome.has_error()) co_return outcome.error();
    if (outcome->error) co_return *outcome->error;
    const Rows& rows = outcome->rows.at(0);
    if (rows.empty()) {
      if (auto* entry = tenant_entry(slug_or_id)) tenants.erase(entry->record->id.uuid());
      unknown_tenants.put(slug_or_id, Clock::now() + settings.unknown_ttl);
      co_return std::nullopt;
    }
    auto record = record_of(rows, 0);
    if (record.has_error()) co_return record.error();
    const auto made = std::make_shared<const TenantRecord>(std::move(*record));
    ids_by_slug.put(made->slug, made->id.uuid());
    unknown_tenants.erase(slug_or_id);
    KnownTenant entry;
    entry.record = made;
    entry.loaded = Clock::now();
    // Told of a change while reading: what was read may be from before it.
    entry.told = generation.everyone != seen.everyone || latest_news(made->id) > seen_news;
    entry.valid = !entry.told && generation.heard_again == seen.heard_again && forgotten == seen_forgotten;
    tenants.put(made->id.uuid(), std::move(entry));
    co_return std::nullopt;
  }

  /// What is answered when the catalog cannot be read: what is known, but never what was told to have changed,
  /// which may be that the tenant was suspended.
  Result<TenantRef> tenant_without_catalog(std::string_view slug_or_id, Error error) {
    if (news_waits) take_news();
    auto* entry = tenant_entry(slug_or_id);
    if (entry == nullptr || entry->told) return error;
    entry->valid = true;
    entry->loaded = due_soon();
    return entry->record;
  }

  // --- memberships

  std::optional<std::optional<Membership>> known_membership(const TenantId& tenant, std::string_view issuer,
                                                            std::string_view subject) {
    const auto now = Clock::now();
    if (news_waits && now >= news_due) take_news();
    auto* entry = memberships.find(membership_key(tenant, issuer, subject));
    if (entry == nullptr || was_told(*entry) || entry->generation.heard_again != generation.heard_again)
      return std::nullopt;
    if (!entry->membership && now - entry->loaded > settings.unknown_ttl) return std::nullopt;
    if (now - entry->loaded > settings.fresh_ttl) {
      entry->loaded = now;
      fly_membership(tenant, std::string(issuer), std::string(subject));
    }
    return entry->membership;
  }

  FlightRef fly_membership(TenantId tenant, std::string issuer, std::string subject) {
    return fly("m" + membership_key(tenant, issuer, subject),
               [this, tenant, issuer, subject]() { return load_membership(tenant, issuer, subject); });
  }

  Task<std::optional<Error>> load_membership(TenantId tenant, std::string issuer, std::string subject) {
    auto error = co_await read_membership(tenant, issuer, subject);
    if (!error) co_return std::nullopt;
    if (auto* entry = memberships.find(membership_key(tenant, issuer, subject))) entry->loaded = due_soon();
    co_return catalog_failed(*error);
  }

  Task<std::optional<Error>> read_membership(TenantId tenant, std::string issuer, std::string subject) {
    // Written down before reading: what is told meanwhile makes what was read out of date.
    KnownMembership entry;
    entry.tenant = tenant;
    entry.generation = generation_of(tenant);
    auto unit = membership_unit(tenant, issuer, subject);
    if (unit) {
      auto outcome = co_await lanes.run(pg::Lane::read, std::move(*unit), Clock::now() + kLoadDeadline);
      if (outcome.has_error()) co_return outcome.error();
      if (outcome->error) co_return *outcome->error;
      auto membership = membership_of(outcome->rows.at(0));
      if (membership.has_error()) co_return membership.error();
      entry.membership = std::move(*membership);
    }
    entry.loaded = Clock::now();
    memberships.put(membership_key(tenant, issuer, subject), std::move(entry));
    co_return std::nullopt;
  }

  /// How the membership is read; nullopt where nobody can have this name. Of our own issuer the subject is a user's id or a
  /// grant's, and never what stands in catalog.identity.
  [[nodiscard]] std::optional<pg::Unit> membership_unit(const TenantId& tenant, std::string_view issuer,
                                                        std::string_view subject) const {
    if (settings.internal_issuer.empty() || issuer != settings.internal_issuer)
      return one_step(membership_shape, {tenant.text(), issuer, subject});
    const bool granted = subject.starts_with(act_as_prefix);
    const auto id = Uuid::parse(granted ? subject.substr(act_as_prefix.size()) : subject);
    if (!id) return std::nullopt;
    return one_step(granted ? grant_shape : user_shape, {tenant.text(), id->text()});
  }

  static Result<std::optional<Membership>> membership_of(const Rows& rows) {
    if (rows.empty()) return std::optional<Membership>();
    const auto user = Uuid::parse(rows.text(0, 0));
    const auto role = parse_role(rows.text(0, 2));
    if (!user || !role)
      return Error(Errc::internal, "the catalog holds a membership that this version does not understand");
    Membership membership;
    membership.user = UserId(*user);
    membership.user_name = rows.text(0, 1);
    membership.role = *role;
    if (rows.text(0, 3) == "service") membership.kind = PrincipalKind::service;
    if (rows.text(0, 3) == "operator") membership.kind = PrincipalKind::operator_alone;
    if (const auto grant = Uuid::parse(rows.text(0, 4))) {
      ActingOperator acting;
      acting.grant = *grant;
      acting.actor = rows.text(0, 5);
      acting.reason = rows.text(0, 6);
      membership.acting = std::make_shared<const ActingOperator>(std::move(acting));
    }
    return std::optional<Membership>(std::move(membership));
  }

  // --- callers who are not known without the catalog being told

  Task<Result<bool>> record_access(OperatorAccess access, Deadline deadline) {
    auto unit = one_step(access_shape, {access.grant.text(), access.tenant.text(), access.method, access.path,
                                        access.trace_id});
    auto outcome = co_await lanes.run(pg::Lane::write, std::move(unit), deadline);
    if (outcome.has_error()) co_return catalog_failed(outcome.error());
    if (outcome->error) co_return catalog_failed(*outcome->error);
    co_return outcome->rows.at(0).text(0, 0) == "t";
  }

  Task<Result<bool>> join(TenantId tenant, std::string issuer, std::string subject, std::string name,
                          Role role, Deadline deadline) {
    const std::string key = membership_key(tenant, issuer, subject);
    const auto* until = refused_joins.find(key);
    if (until != nullptr && Clock::now() < *until) co_return false;
    // A name is the provider's word for people to read; PostgreSQL's text holds no NUL.
    if (name.find('\0') != std::string::npos) name.clear();
    auto unit = one_step(join_shape, {tenant.text(), issuer, subject, name, role_name(role)});
    auto outcome = co_await lanes.run(pg::Lane::write, std::move(unit), deadline);
    if (outcome.has_error()) co_return catalog_failed(outcome.error());
    if (outcome->error) co_return catalog_failed(*outcome->error);
    const bool joined = outcome->rows.at(0).text(0, 0) == "t";
    if (!joined) refused_joins.put(key, Clock::now() + settings.unknown_ttl);
    // What was known is out of date, and so is what is being read just now, before the news of it comes; another thread may have
    // been the first, too.
    tell(tenant.uuid());
    co_return joined;
  }

  /// As for tenants. Whoever is not known as a member gets the error: "not a member" may be out of date, too.
  Result<std::optional<Membership>> membership_without_catalog(const std::string& key, Error error) {
    if (news_waits) take_news();
    auto* entry = memberships.find(key);
    if (entry == nullptr || !entry->membership || was_told(*entry)) return error;
    entry->generation = generation_of(entry->tenant);
    entry->loaded = due_soon();
    return entry->membership;
  }

  // --- a caller's tenants

  std::optional<OwnTenantsRef> known_tenants_of(std::string_view issuer, std::string_view subject) {
    const auto now = Clock::now();
    if (news_waits && now >= news_due) take_news();
    auto* entry = callers.find(caller_key(issuer, subject));
    if (entry == nullptr || was_told(*entry) || entry->generation.heard_again != generation.heard_again)
      return std::nullopt;
    if (entry->tenants->empty() && now - entry->loaded > settings.unknown_ttl) return std::nullopt;
    if (now - entry->loaded > settings.fresh_ttl) {
      entry->loaded = now;
      fly_caller(std::string(issuer), std::string(subject));
    }
    return entry->tenants;
  }

  FlightRef fly_caller(std::string issuer, std::string subject) {
    return fly("c" + caller_key(issuer, subject),
               [this, issuer, subject]() { return load_caller(issuer, subject); });
  }

  Task<std::optional<Error>> load_caller(std::string issuer, std::string subject) {
    auto error = co_await read_caller(issuer, subject);
    if (!error) co_return std::nullopt;
    if (auto* entry = callers.find(caller_key(issuer, subject))) entry->loaded = due_soon();
    co_return catalog_failed(*error);
  }

  Task<std::optional<Error>> read_caller(std::string issuer, std::string subject) {
    KnownCaller entry;
    entry.generation = generation;
    entry.news = news;
    auto unit = one_step(caller_shape, {issuer, subject});
    auto outcome = co_await lanes.run(pg::Lane::read, std::move(unit), Clock::now() + kLoadDeadline);
    if (outcome.has_error()) co_return outcome.error();
    if (outcome->error) co_return *outcome->error;
    const Rows& rows = outcome->rows.at(0);
    std::vector<OwnTenant> own;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (row == 0) entry.about.push_back(Uuid::parse(rows.text(row, 0)).value_or(Uuid()));
      const auto tenant = Uuid::parse(rows.text(row, 1));
      if (!tenant) continue;  // A user without a tenant is one row without it.
      entry.about.push_back(*tenant);
      own.push_back(
          OwnTenant{tenant->text(), std::string(rows.text(row, 2)), std::string(rows.text(row, 3))});
    }
    entry.tenants = std::make_shared<const std::vector<OwnTenant>>(std::move(own));
    entry.loaded = Clock::now();
    callers.put(caller_key(issuer, subject), std::move(entry));
    co_return std::nullopt;
  }

  Result<OwnTenantsRef> caller_without_catalog(const std::string& key, Error error) {
    if (news_waits) take_news();
    auto* entry = callers.find(key);
    if (entry == nullptr || entry->tenants->empty() || was_told(*entry)) return error;
    entry->generation = generation;
    entry->loaded = due_soon();
    return entry->tenants;
  }

  [[nodiscard]] bool was_told(const KnownCaller& entry) const {
    return entry.generation.everyone != generation.everyone ||
           std::any_of(entry.about.begin(), entry.about.end(),
                       [&](const Uuid& id) { return latest_news(id) > entry.news; });
  }

  // --- domains

  std::optional<std::string> known_domain(const std::string& host) {
    const auto now = Clock::now();
    if (news_waits && now >= news_due) take_news();
    auto* entry = domains.find(host);
    if (entry == nullptr || was_told(*entry) || entry->generation.heard_again != generation.heard_again)
      return std::nullopt;
    // That a host became somebody's is told, so what is not known to be old is served while it is read again.
    if (now - entry->loaded > (entry->tenant.empty() ? settings.unknown_ttl : settings.fresh_ttl)) {
      entry->loaded = now;
      fly_domain(host);
    }
    return entry->tenant;
  }

  FlightRef fly_domain(std::string host) {
    return fly("d" + host, [this, host]() { return load_domain(host); });
  }

  Task<std::optional<Error>> load_domain(std::string host) {
    auto error = co_await read_domain(host);
    if (!error) co_return std::nullopt;
    if (auto* entry = domains.find(host)) entry->loaded = due_soon();
    co_return catalog_failed(*error);
  }

  Task<std::optional<Error>> read_domain(std::string host) {
    KnownDomain entry;
    entry.generation = generation;
    entry.news = news;
    entry.of_domains = news_of_domains;
    auto unit = one_step(domain_shape, {host});
    auto outcome = co_await lanes.run(pg::Lane::read, std::move(unit), Clock::now() + kLoadDeadline);
    if (outcome.has_error()) co_return outcome.error();
    if (outcome->error) co_return *outcome->error;
    const Rows& rows = outcome->rows.at(0);
    if (!rows.empty()) {
      const auto id = Uuid::parse(rows.text(0, 0));
      if (!id) co_return Error(Errc::internal, "the catalog holds a domain without a tenant");
      entry.id = *id;
      entry.tenant = id->text();
    }
    entry.loaded = Clock::now();
    domains.put(host, std::move(entry));
    co_return std::nullopt;
  }

  Result<std::string> domain_without_catalog(const std::string& host, Error error) {
    if (news_waits) take_news();
    auto* entry = domains.find(host);
    if (entry == nullptr || was_told(*entry)) return error;
    entry->generation = generation;
    entry->loaded = due_soon();
    return entry->tenant;
  }

  [[nodiscard]] bool was_told(const KnownDomain& entry) const {
    if (entry.generation.everyone != generation.everyone) return true;
    return entry.tenant.empty() ? entry.of_domains != news_of_domains : latest_news(entry.id) > entry.news;
  }

  [[nodiscard]] bool challenges_hold() const {
    return challenges.read && challenges.of_domains == news_of_domains &&
           challenges.generation.everyone == generation.everyone &&
           challenges.generation.heard_again == generation.heard_again &&
           Clock::now() - challenges.loaded <= settings.fresh_ttl;
  }

  FlightRef fly_challenges() {
    return fly("h", [this]() { return read_challenges(); });
  }

  Task<std::optional<Error>> read_challenges() {
    KnownChallenges now;
    now.of_domains = news_of_domains;
    now.generation = generation;
    auto unit = one_step(challenges_shape, {});
    auto outcome = co_await lanes.run(pg::Lane::read, std::move(unit), Clock::now() + kLoadDeadline);
    if (outcome.has_error()) co_return catalog_failed(outcome.error());
    if (outcome->error) co_return catalog_failed(*outcome->error);
    const Rows& rows = outcome->rows.at(0);
    for (std::size_t row = 0; row < rows.size(); ++row)
      now.tokens.emplace(std::string(rows.text(row, 0)), std::string(rows.text(row, 1)));
    now.loaded = Clock::now();
    now.read = true;
    challenges = std::move(now);
    co_return std::nullopt;
  }

  // --- flights

  /// Joins the flight for `key` or starts one.
  FlightRef fly(const std::string& key, std::function<Task<std::optional<Error>>()> load) {
    if (const auto there = flights.find(key); there != flights.end()) return there->second;
    auto flight = std::make_shared<Flight>();
    flights.emplace(key, flight);
    asio::co_spawn(executor, pilot(shared_from_this(), key, flight, std::move(load)), asio::detached);
    return flight;
  }

  /// Static: a coroutine that was started when the view was still there must hold it itself.
  static Task<void> pilot(std::shared_ptr<Impl> self, std::string key, FlightRef flight,
                          std::function<Task<std::optional<Error>>()> load) {
    auto work = load();
    flight->error = co_await std::move(work);
    self->flights.erase(key);
    flight->land();
  }

  /// Waits for the flight until the deadline. Its error, if any.
  Task<std::optional<Error>> arrive(FlightRef flight, Deadline deadline) {
    asio::steady_timer timer(executor, deadline);
    Seat seat(flight, timer);
    if (!flight->landed) [[maybe_unused]]
      auto ended = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!flight->landed) co_return Error(Errc::deadline_exceeded, "the catalog did not answer in time");
    co_return flight->error;
  }

  // --- changes

  void heard(std::string_view payload) {
    const auto id_after = [&](std::string_view word) -> std::optional<Uuid> {
      if (payload.rfind(word, 0) != 0) return std::nullopt;
      return Uuid::parse(payload.substr(word.size()));
    };
    if (const auto tenant = id_after("tenant ")) {
      tell(*tenant);
      if (auto* entry = tenants.find(*tenant)) {
        entry->valid = false;
        entry->told = true;
      }
      unknown_tenants.clear();
    } else if (payload.starts_with("membership ")) {
      tell_membership(payload.substr(std::string_view("membership ").size()));
    } else if (const auto owner = id_after("domain ")) {
      tell(*owner);
      ++news_of_domains;
    } else if (payload != "key" && !payload.starts_with("home ")) {
      tell_everyone(payload != "user");
    }
  }

  /// `about` is a tenant or a user.
  void tell(const Uuid& about) {
    if (latest.size() >= 100'000) {
      latest.clear();
      ++generation.everyone;
    }
    latest[about] = ++news;
  }

  /// "<tenant> <user>".
  void tell_membership(std::string_view whose) {
    constexpr std::size_t id_length = 36;
    const auto tenant = Uuid::parse(whose.substr(0, id_length));
    const auto user = whose.size() > id_length ? Uuid::parse(whose.substr(id_length + 1)) : std::nullopt;
    if (!tenant || !user) return tell_everyone(false);
    tell(*tenant);
    tell(*user);
  }

  /// News for everyone come seldom, and make everything be read again. But whoever can run SQL can NOTIFY, so a
  /// flood of them takes effect ten times a second.
  void tell_everyone(bool tenants_too) {
    news_waits = true;
    news_of_tenants = news_of_tenants || tenants_too;
    if (Clock::now() >= news_due) take_news();
  }

  void take_news() {
    news_waits = false;
    news_due = Clock::now() + kNewsPause;
    ++generation.everyone;
    if (!std::exchange(news_of_tenants, false)) return;
    tenants.for_each([](KnownTenant& entry) {
      entry.valid = false;
      entry.told = true;
    });
    unknown_tenants.clear();
  }

  void forget(const TenantId& tenant) {
    ++forgotten;
    if (auto* entry = tenants.find(tenant.uuid())) entry->valid = false;
    unknown_tenants.clear();
  }

  /// What was sent while nobody listened has been missed. The values stay, to be served if the catalog does not
  /// answer: nothing says that they changed.
  void listening_again() {
    ++generation.heard_again;
    tenants.for_each([](KnownTenant& entry) { entry.valid = false; });
    unknown_tenants.clear();
  }

  [[nodiscard]] std::uint64_t latest_news(const TenantId& tenant) const { return latest_news(tenant.uuid()); }
  [[nodiscard]] std::uint64_t latest_news(const Uuid& about) const {
    const auto at = latest.find(about);
    return at == latest.end() ? 0 : at->second;
  }
  [[nodiscard]] Generation generation_of(const TenantId& tenant) const {
    Generation now = generation;
    now.tenant = latest_news(tenant);
    return now;
  }
  [[nodiscard]] bool was_told(const KnownMembership& entry) const {
    return entry.generation.everyone != generation.everyone ||
           entry.generation.tenant != latest_news(entry.tenant);
  }
  /// When something must have been read for it to be refreshed again in a moment.
  [[nodiscard]] Clock::time_point due_soon() const { return Clock::now() - settings.fresh_ttl + kDownPause; }

  asio::any_io_executor executor;
  pg::Lanes& lanes;
  ViewSettings settings;
  Lru<Uuid, KnownTenant> tenants;
  Lru<std::string, Uuid> ids_by_slug;
  Lru<std::string, Clock::time_point> unknown_tenants;  ///< Until when "there is none" is believed.
  Lru<std::string, KnownMembership> memberships;
  Lru<std::string, Clock::time_point> refused_joins;  ///< Until when it is not asked again.
  Lru<std::string, KnownCaller> callers;
  Lru<std::string, KnownDomain> domains;
  KnownChallenges challenges;
  std::unordered_map<std::string, FlightRef> flights;
  std::unordered_map<Uuid, std::uint64_t>
      latest;  ///< News of a tenant, its memberships and domains, or of a user's memberships, by number.
  std::uint64_t news = 0;             ///< Number of the latest.
  std::uint64_t news_of_domains = 0;  ///< How many there were.
  Generation generation;              ///< `tenant` is left 0.
  std::uint64_t forgotten = 0;        ///< Calls of `forget`.
  bool news_waits = false, news_of_tenants = false;
  Clock::time_point news_due;  ///< When news for everyone may take effect next.
  std::unique_ptr<pg::Listener> listener;
  pg::ShapeRef by_id_shape = std::make_shared<const pg::Shape>(tenant_query("t.id = $1::uuid"));
  pg::ShapeRef by_slug_shape = std::make_shared<const pg::Shape>(tenant_query("t.slug = $1"));
  pg::ShapeRef membership_shape = std::make_shared<const pg::Shape>(
      "select u.id, u.name, m.role, u.kind, null, null, null from catalog.identity i "
      "join catalog.app_user u on u.id = i.user_id "
      "join catalog.membership m on m.user_id = u.id "
      "where m.tenant_id = $1::uuid and i.issuer = $2 and i.subject = $3 and u.status = 'active' and "
      "m.status = 'active'");
  pg::ShapeRef user_shape = std::make_shared<const pg::Shape>(
      "select u.id, u.name, m.role, u.kind, null, null, null from catalog.app_user u "
      "join catalog.membership m on m.user_id = u.id "
      "where m.tenant_id = $1::uuid and u.id = $2::uuid and u.status = 'active' and m.status = 'active'");
  pg::ShapeRef grant_shape = std::make_shared<const pg::Shape>(
      "select coalesce(u.id, g.id), coalesce(u.name, g.actor), coalesce(m.role, g.role), coalesce(u.kind, "
      "'operator'), g.id, g.actor, g.reason from catalog.act_as g "
      "left join catalog.app_user u on u.id = g.user_id and u.status = 'active' "
      "left join catalog.membership m on m.tenant_id = g.tenant_id and m.user_id = u.id and m.status = "
      "'active' "
      "where g.tenant_id = $1::uuid and g.id = $2::uuid and g.ended_at is null and g.expires_at > now() "
      "and (g.user_id is null or m.user_id is not null)");
  pg::ShapeRef access_shape = std::make_shared<const pg::Shape>(
      "select catalog.record_act_as($1::uuid, $2::uuid, $3::text, $4::text, $5::text)");
  pg::ShapeRef join_shape = std::make_shared<const pg::Shape>(
      "select catalog.join_tenant($1::uuid, $2::text, $3::text, $4::text, $5::text)");
  pg::ShapeRef caller_shape = std::make_shared<const pg::Shape>(
      "select u.id, t.id, t.slug, t.name from catalog.identity i join catalog.app_user u on u.id = i.user_id "
      "left join (catalog.membership m join catalog.tenant t on t.id = m.tenant_id and t.status <> "
      "'deleting') "
      "on m.user_id = u.id and m.status = 'active' "
      "where i.issuer = $1 and i.subject = $2 and u.status = 'active' order by t.slug limit " +
      std::to_string(own_tenants_most));
  pg::ShapeRef domain_shape =
      std::make_shared<const pg::Shape>("select tenant_id from catalog.domain where host = $1 and verified");
  pg::ShapeRef challenges_shape = std::make_shared<const pg::Shape>(
      "select host, token from catalog.domain where not verified order by made_at desc limit 10000");
};

View::View(asio::any_io_executor executor, pg::Lanes& catalog, std::string conninfo, ViewSettings settings)
    : impl_(std::make_shared<Impl>(executor, catalog, settings)) {
  // The listener dies with the view, so its callbacks may hold the plain pointer.
  Impl* impl = impl_.get();
  impl_->listener = std::make_unique<pg::Listener>(
      std::move(executor), std::move(conninfo), std::vector<std::string>{"bulkhead_catalog"},
      [impl](std::string_view, std::string_view payload) { impl->heard(payload); },
      [impl] { impl->listening_again(); });
}

View::~View() {
  impl_->listener.reset();
}

std::optional<TenantRef> View::known_tenant(std::string_view slug_or_id) {
  return impl_->known_tenant(slug_or_id);
}

Task<Result<TenantRef>> View::tenant(std::string slug_or_id, Deadline deadline) {
  const auto impl = impl_;
  // A flight that was joined may have read before what was told since; the second one has not.
  for (int flights = 0; flights < 2; ++flights) {
    if (auto known = impl->known_tenant(slug_or_id)) co_return *known;
    auto flight = impl->fly_tenant(slug_or_id);
    auto error = co_await impl->arrive(flight, deadline);
    if (error && !flight->landed) co_return *error;
    if (error) co_return impl->tenant_without_catalog(slug_or_id, *error);
  }
  auto* entry = impl->tenant_entry(slug_or_id);
  co_return entry != nullptr ? entry->record : TenantRef();
}

std::optional<std::optional<Membership>> View::known_membership(const TenantId& tenant,
                                                                std::string_view issuer,
                                                                std::string_view subject) {
  return impl_->known_membership(tenant, issuer, subject);
}

Task<Result<std::optional<Membership>>> View::membership(TenantId tenant, std::string issuer,
                                                         std::string subject, Deadline deadline) {
  const auto impl = impl_;
  const std::string key = membership_key(tenant, issuer, subject);
  for (int flights = 0; flights < 2; ++flights) {
    if (auto known = impl->known_membership(tenant, issuer, subject)) co_return *known;
    auto flight = impl->fly_membership(tenant, issuer, subject);
    auto error = co_await impl->arrive(flight, deadline);
    if (error && !flight->landed) co_return *error;
    if (error) co_return impl->membership_without_catalog(key, *error);
  }
  auto* entry = impl->memberships.find(key);
  co_return entry != nullptr ? entry->membership : std::optional<Membership>();
}

std::optional<OwnTenantsRef> View::known_tenants_of(std::string_view issuer, std::string_view subject) {
  return impl_->known_tenants_of(issuer, subject);
}

Task<Result<OwnTenantsRef>> View::tenants_of(std::string issuer, std::string subject, Deadline deadline) {
  const auto impl = impl_;
  const std::string key = caller_key(issuer, subject);
  for (int flights = 0; flights < 2; ++flights) {
    if (auto known = impl->known_tenants_of(issuer, subject)) co_return *known;
    auto flight = impl->fly_caller(issuer, subject);
    auto error = co_await impl->arrive(flight, deadline);
    if (error && !flight->landed) co_return *error;
    if (error) co_return impl->caller_without_catalog(key, *error);
  }
  auto* entry = impl->callers.find(key);
  co_return entry != nullptr ? entry->tenants : std::make_shared<const std::vector<OwnTenant>>();
}

std::optional<std::string> View::known_domain(const std::string& host) {
  return impl_->known_domain(host);
}

Task<Result<std::string>> View::domain(std::string host, Deadline deadline) {
  const auto impl = impl_;
  for (int flights = 0; flights < 2; ++flights) {
    if (auto known = impl->known_domain(host)) co_return *known;
    auto flight = impl->fly_domain(host);
    auto error = co_await impl->arrive(flight, deadline);
    if (error && !flight->landed) co_return *error;
    if (error) co_return impl->domain_without_catalog(host, *error);
  }
  auto* entry = impl->domains.find(host);
  co_return entry != nullptr ? entry->tenant : std::string();
}

Task<Result<std::string>> View::challenge(std::string host, Deadline deadline) {
  const auto impl = impl_;
  for (int flights = 0; flights < 2 && !impl->challenges_hold(); ++flights) {
    auto flight = impl->fly_challenges();
    auto error = co_await impl->arrive(flight, deadline);
    if (error) co_return *error;
  }
  const auto at = impl->challenges.tokens.find(host);
  co_return at == impl->challenges.tokens.end() ? std::string() : at->second;
}

Task<Result<bool>> View::record_access(OperatorAccess access, Deadline deadline) {
  const auto impl = impl_;
  co_return co_await impl->record_access(std::move(access), deadline);
}

Task<Result<std::optional<Membership>>> View::join(TenantId tenant, std::string issuer, std::string subject,
                                                   std::string name, Role role, Deadline deadline) {
  const auto impl = impl_;
  Result<bool> joined = co_await impl->join(tenant, issuer, subject, std::move(name), role, deadline);
  if (joined.has_error()) co_return joined.error();
  // Also where nobody joined: somebody else may have made them a member since it was read.
  co_return co_await membership(tenant, std::move(issuer), std::move(subject), deadline);
}

void View::forget(const TenantId& tenant) {
  impl_->forget(tenant);
}

}  // namespace bulkhead::catalog
