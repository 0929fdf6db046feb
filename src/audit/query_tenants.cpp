#include "audit/query_tenants.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>

#include <boost/json/array.hpp>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"

namespace bulkhead::audit {
namespace {

using catalog::Placement;
using catalog::TenantRecord;

/// Rows fetched at a time: they are in memory once a thread.
constexpr std::string_view fetch = "fetch 1000 from bulkhead_rows";
constexpr std::size_t most_parallel = 64;

Result<std::vector<TenantRecord>> named_tenants(pg::Blocking& catalog,
                                                const std::vector<std::string>& names) {
  std::vector<TenantRecord> out;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    BULKHEAD_TRY(TenantRecord tenant, catalog::find_tenant(catalog, name));
    if (tenant.status == catalog::TenantStatus::deleting)
      return Error(Errc::conflict, "tenant \"" + tenant.slug + "\" is being deleted");
    if (seen.insert(tenant.slug).second) out.push_back(std::move(tenant));
  }
  return out;
}

Result<std::vector<TenantRecord>> chosen_tenants(pg::Blocking& catalog, const TenantChoice& choice) {
  if (choice.kind == TenantChoice::Kind::named) return named_tenants(catalog, choice.names);
  BULKHEAD_TRY(auto tenants, catalog::list_tenants(catalog));
  std::erase_if(tenants, [&](const TenantRecord& tenant) {
    return tenant.status == catalog::TenantStatus::deleting ||
           (choice.kind == TenantChoice::Kind::plan && tenant.plan != choice.names.front());
  });
  return tenants;
}

/// DECLARE CURSOR takes nothing but a statement that reads, and the protocol nothing but one statement.
bool is_no_reader(const Error& error) {
  return error.sqlstate() == "42601" || error.sqlstate().starts_with("0A");
}

Error no_reader(const Error& error) {
  return Error(Errc::usage, "this is not one statement that reads: " + std::string(error.message()))
      .hint("one SELECT (WITH … SELECT, VALUES and TABLE as well), without parameters")
      .internal(std::string(error.internal()))
      .sqlstate(std::string(error.sqlstate()));
}

Result<void> declare(pg::Blocking& connection, const std::string& statement) {
  auto declared = connection.query("declare bulkhead_rows no scroll cursor for " + statement);
  if (declared.has_error()) return declared.error();
  return {};
}

/// Finds most of what is no statement that reads before anybody is asked. Nothing runs; names of tables mean something only
/// where the tenants are.
Result<void> check_statement(pg::Blocking& catalog, const std::string& statement) {
  BULKHEAD_CHECK(catalog.execute("begin read only"));
  BULKHEAD_CHECK(catalog.execute("set local role app_viewer"));
  auto declared = declare(catalog, statement);
  BULKHEAD_CHECK(catalog.execute("rollback"));
  if (declared.has_value()) return {};
  if (is_no_reader(declared.error())) return no_reader(declared.error());
  if (declared.error().sqlstate().empty()) return declared.error();
  return {};
}

/// A database with tenants, and two connections to it: the operator's signs, the server's login asks. What code of the
/// app does in the statement, it does with no more rights than it has at run time.
struct Home {
  std::string cell, database;
  pg::Blocking signer, asker;
};

Result<Home> open_home(pg::Blocking& catalog, const Placement& placement) {
  BULKHEAD_TRY(auto login, catalog::login_of(catalog, placement));
  BULKHEAD_TRY(pg::Blocking signer, catalog::connect_to(catalog, placement.cell, placement.database));
  BULKHEAD_TRY(pg::Blocking asker, signer.another({{"user", login.name}, {"password", login.password}}));
  return Home{placement.cell, placement.database, std::move(signer), std::move(asker)};
}

/// Binds the tenant to the transaction as the server does: if it lives there, and in its schema's names.
Result<void> bind(Home& home, const TenantRecord& tenant, const QueryOptions& options) {
  const std::string role = catalog::bound_role(tenant.placement, options.role);
  // The context need only outlive the statement.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.timeout).count() * 2 + 60;
  BULKHEAD_TRY(Rows signed_context, home.signer.query("select bulkhead.sign_context($1::uuid, $2, $3)",
                                                      {tenant.id.text(), role, std::to_string(seconds)}));
  BULKHEAD_CHECK(home.asker.execute("begin isolation level repeatable read, read only"));
  BULKHEAD_TRY(
      Rows bound,
      home.asker.query(
          "select set_config('statement_timeout', $1, true), set_config('search_path', $2, "
          "true), set_config('bulkhead.context', $3, true), set_config('role', $4, true) where "
          "bulkhead.resides($5::uuid, $6, false, $7, bulkhead.target_version($7))",
          {std::to_string(options.timeout.count()), home.asker.quote_identifier(tenant.placement.schema),
           std::string(signed_context.text(0, 0)), role, tenant.id.text(),
           std::to_string(tenant.placement.epoch), tenant.placement.schema}));
  if (!bound.empty()) return {};
  return Error(Errc::placement_stale, "the tenant has just moved, or is being migrated").hint("ask again");
}

/// Ends the transaction and forgets all that the session knows.
bool is_clean(pg::Blocking& asker) {
  return asker.execute("rollback").has_value() && asker.execute("discard all").has_value();
}

/// One query over its tenants: what the threads share.
class Run {
 public:
  Run(std::vector<TenantRecord> tenants, const std::string& statement, const QueryOptions& options,
      const RowSink& sink)
      : tenants_(std::move(tenants)), statement_(statement), options_(options), sink_(sink) {
    // Neighbours share a connection.
    std::sort(tenants_.begin(), tenants_.end(), [](const TenantRecord& a, const TenantRecord& b) {
      return std::tie(a.placement.cell, a.placement.database, a.slug) <
             std::tie(b.placement.cell, b.placement.database, b.slug);
    });
  }

  Result<QueryReport> run(pg::Blocking& catalog) {
    const std::size_t count =
        std::min(tenants_.size(), std::clamp<std::size_t>(options_.parallel, 1, most_parallel));
    std::vector<pg::Blocking> catalogs;
    for (std::size_t i = 0; i < count; ++i) {
      BULKHEAD_TRY(pg::Blocking connection, catalog.another({}));
      catalogs.push_back(std::move(connection));
    }
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (pg::Blocking& connection : catalogs) threads.emplace_back([this, &connection] { work(connection); });
    for (std::thread& thread : threads) thread.join();
    if (ended_) return *ended_;
    report_.tenants = tenants_.size();
    std::sort(report_.failures.begin(), report_.failures.end(),
              [](const QueryFailure& a, const QueryFailure& b) { return a.tenant.slug < b.tenant.slug; });
    return std::move(report_);
  }

 private:
  /// A thread takes some neighbours at a time.
  static constexpr std::size_t share = 8;

  std::pair<std::size_t, std::size_t> take() {
    const std::lock_guard lock(mutex_);
    if (ended_) return {0, 0};
    const std::size_t first = next_;
    next_ = std::min(tenants_.size(), next_ + std::min(share, 1 + (tenants_.size() - next_) / most_parallel));
    return {first, next_};
  }

  void work(pg::Blocking& catalog) {
    std::optional<Home> home;
    for (auto [at, end] = take(); at != end; std::tie(at, end) = take()) {
      for (; at != end; ++at) {
        Result<void> asked = ask(catalog, home, tenants_[at]);
        // Whatever the statement left behind, and if the connection itself is broken: not for the next tenant.
        if (home && !is_clean(home->asker)) home.reset();
        if (ended()) return;
        done(tenants_[at], asked);
      }
    }
  }

  Result<void> ask(pg::Blocking& catalog, std::optional<Home>& home, const TenantRecord& tenant) {
    const Placement& placement = tenant.placement;
    if (!home || home->cell != placement.cell || home->database != placement.database) {
      home.reset();
      BULKHEAD_CHECK(still_up(placement.cell));
      Result<Home> opened = open_home(catalog, placement);
      if (opened.has_error()) return unreachable(catalog, placement.cell, opened.error());
      home.emplace(std::move(*opened));
    }
    BULKHEAD_CHECK(bind(*home, tenant, options_));
    auto declared = declare(home->asker, statement_);
    // It would be no other in the next tenant.
    if (declared.has_error() && is_no_reader(declared.error())) end(no_reader(declared.error()));
    if (declared.has_error()) return declared.error();
    for (bool more = true; more;) {
      BULKHEAD_TRY(Rows rows, home->asker.query(fetch));
      BULKHEAD_CHECK(give(tenant, rows));
      more = !rows.empty();
    }
    return {};
  }

  Result<void> give(const TenantRecord& tenant, const Rows& rows) {
    const std::lock_guard lock(mutex_);
    if (ended_) return *ended_;
    report_.rows += rows.size();
    Result<void> given = sink_(tenant, rows);
    // Columns that are not the others' are this tenant's matter; what else the sink says is about everything.
    if (given.has_error() && given.error().code() != Errc::conflict) ended_ = given.error();
    return given;
  }

  void end(Error error) {
    const std::lock_guard lock(mutex_);
    if (!ended_) ended_ = std::move(error);
  }

  bool ended() {
    const std::lock_guard lock(mutex_);
    return ended_.has_value();
  }

  void done(const TenantRecord& tenant, const Result<void>& asked) {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (asked.has_error()) report_.failures.push_back({tenant, asked.error()});
    if (options_.progress) options_.progress(done_, tenants_.size());
  }

  Result<void> still_up(const std::string& cell) {
    const std::lock_guard lock(mutex_);
    const auto down = down_.find(cell);
    if (down == down_.end()) return {};
    return down->second;
  }

  /// Nobody waits again for a cell that does not answer.
  Error unreachable(pg::Blocking& catalog, const std::string& cell, const Error& error) {
    if (error.code() != Errc::database_unavailable) return error;
    auto reached = catalog::connect_to_cell(catalog, cell);
    if (reached.has_value()) return error;
    const std::lock_guard lock(mutex_);
    down_.emplace(cell, reached.error());
    return error;
  }

  std::vector<TenantRecord> tenants_;
  const std::string& statement_;
  const QueryOptions& options_;
  const RowSink& sink_;
  std::mutex mutex_;  ///< Guards all below, and the sink and the progress.
  std::size_t next_ = 0;
  std::uint64_t done_ = 0;
  QueryReport report_;
  std::map<std::string, Error> down_;
  std::optional<Error> ended_;
};

}  // namespace

Result<TenantChoice> parse_tenant_choice(std::string_view text) {
  TenantChoice choice;
  if (text == "all") return choice;
  if (text.starts_with("plan=")) {
    choice.kind = TenantChoice::Kind::plan;
    choice.names.emplace_back(text.substr(5));
  } else {
    choice.kind = TenantChoice::Kind::named;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      choice.names.emplace_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  if (std::any_of(choice.names.begin(), choice.names.end(), [](const auto& name) { return name.empty(); }))
    return Error(Errc::usage, "of which tenants?").hint("--tenants all, plan=NAME or SLUG,SLUG,…");
  return choice;
}

Result<QueryReport> query_tenants(pg::Blocking& catalog, const Actor& actor, const std::string& tenants,
                                  const std::string& statement, const QueryOptions& options,
                                  const RowSink& sink) {
  BULKHEAD_TRY(const TenantChoice choice, parse_tenant_choice(tenants));
  BULKHEAD_CHECK(check_statement(catalog, statement));
  BULKHEAD_TRY(auto chosen, chosen_tenants(catalog, choice));
  Action action{"query", tenants, std::nullopt, {}};
  if (choice.kind == TenantChoice::Kind::named && chosen.size() == 1) action.tenant = chosen.front().id;
  action.details = {{"statement", statement}, {"role", role_name(options.role)}, {"tenants", chosen.size()}};
  return recorded(catalog, actor, std::move(action), [&](Action& done) -> Result<QueryReport> {
    BULKHEAD_TRY(QueryReport report, Run(std::move(chosen), statement, options, sink).run(catalog));
    done.details["rows"] = report.rows;
    boost::json::array failed;
    for (const QueryFailure& failure : report.failures) failed.emplace_back(failure.tenant.slug);
    if (!failed.empty()) done.details["not_asked"] = std::move(failed);
    return report;
  });
}

}  // namespace bulkhead::audit
