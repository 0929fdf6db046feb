#include "data/homes.hpp"

#include <charconv>
#include <unordered_map>
#include <utility>

#include "base/hex.hpp"
#include "pg/conninfo.hpp"

namespace bulkhead::data {

namespace {

constexpr std::size_t versions_max = 10'000;

/// A row of catalog.home.
struct Found {
  std::string login, password, data_url;
  BindingKey key;
  bool pooler = false;
};

constexpr std::string_view columns = "login, password, key_id, key_secret, data_url, pooler";
constexpr std::size_t column_count = 6;

/// The whole row, to be compared.
std::string row_text(const Rows& rows, std::size_t row) {
  std::string text;
  for (std::size_t column = 0; column < column_count; ++column)
    text.append(rows.text(row, column)).push_back('\n');
  return text;
}

Found found_in(const Rows& rows) {
  Found found;
  found.login = rows.text(0, 0);
  found.password = rows.text(0, 1);
  const std::string_view id = rows.text(0, 2);
  std::from_chars(id.data(), id.data() + id.size(), found.key.id);
  found.key.secret = from_hex(rows.text(0, 3)).value_or("");
  found.data_url = rows.text(0, 4);
  found.pooler = rows.text(0, 5) == "t";
  return found;
}

Error not_there(const catalog::Placement& placement) {
  return Error(Errc::placement_stale, "the tenant is moving to another place")
      .hint("Try again in a moment.")
      .internal("catalog.home has no database \"" + placement.database + "\" in cell \"" + placement.cell +
                "\"");
}

}  // namespace

Home::Home(boost::asio::any_io_executor executor, std::string conninfo_in, pg::LaneSettings lane_settings,
           pg::ConnectionBudget* budget, Signer signer_in)
    : conninfo(std::move(conninfo_in)),
      lanes(std::move(executor), conninfo, lane_settings, budget),
      signer(std::move(signer_in)),
      versions(versions_max) {}

struct Homes::Impl {
  Impl(boost::asio::any_io_executor on, HomesSettings with, pg::Lanes& from)
      : executor(std::move(on)),
        settings(std::move(with)),
        catalog(from),
        budget(settings.connections_max),
        others(settings.homes_max),
        own(std::make_shared<Home>(executor, settings.own_conninfo, settings.own_lanes, nullptr,
                                   Signer(settings.binding, settings.own_key))) {}

  [[nodiscard]] bool is_own(const catalog::Placement& placement) const {
    return placement.database == settings.own_database && placement.cell == "default";
  }
  static std::string key_of(const catalog::Placement& placement) {
    return placement.cell + "/" + placement.database;
  }

  /// The same server as the own one where `data_url` is empty.
  [[nodiscard]] Result<std::string> conninfo_of(const catalog::Placement& placement,
                                                const Found& found) const {
    const std::string& base = found.data_url.empty() ? settings.own_server : found.data_url;
    BULKHEAD_TRY(pg::Conninfo info, pg::Conninfo::parse(base));
    info.set("dbname", placement.database);
    info.set("user", found.login);
    info.set("password", found.password);
    return info.text();
  }

  [[nodiscard]] Result<HomeRef> make(const catalog::Placement& placement, const Found& found) {
    if (settings.binding == Binding::signed_context && found.key.secret.size() != 32)
      return Error(Errc::database_unavailable, "the database cannot be reached")
          .internal("catalog.home holds no signing key for \"" + placement.database + "\"");
    BULKHEAD_TRY(std::string conninfo, conninfo_of(placement, found));
    pg::LaneSettings lanes = settings.other_lanes;
    if (found.pooler) lanes.statements_per_connection = 0;
    return std::make_shared<Home>(executor, std::move(conninfo), lanes, &budget,
                                  Signer(settings.binding, found.key));
  }

  template <class F>
  void for_each(F f) {
    f(*own);
    others.for_each([&f](HomeRef& home) { f(*home); });
  }

  boost::asio::any_io_executor executor;
  HomesSettings settings;
  pg::Lanes& catalog;
  pg::ConnectionBudget budget;
  catalog::Lru<std::string, HomeRef> others;
  HomeRef own;
  pg::ShapeRef query = std::make_shared<const pg::Shape>("select " + std::string(columns) +
                                                         " from catalog.home where cell = $1 and name = $2");
  pg::ShapeRef query_all = std::make_shared<const pg::Shape>("select " + std::string(columns) +
                                                             ", cell || '/' || name from catalog.home");
};

Homes::Homes(boost::asio::any_io_executor executor, HomesSettings settings, pg::Lanes& catalog)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(settings), catalog)) {}
Homes::~Homes() = default;

const HomeRef& Homes::own() const noexcept {
  return impl_->own;
}

HomeRef Homes::known(const catalog::Placement& placement) {
  if (impl_->is_own(placement)) return impl_->own;
  const HomeRef* found = impl_->others.find(Impl::key_of(placement));
  return found == nullptr ? HomeRef() : *found;
}

Task<Result<HomeRef>> Homes::open(catalog::Placement placement, Deadline deadline) {
  pg::Unit unit;
  unit.steps.push_back({impl_->query, pg::Params()});
  unit.steps.front().params.add(placement.cell);
  unit.steps.front().params.add(placement.database);
  BULKHEAD_CO_TRY(pg::Outcome outcome,
                  co_await impl_->catalog.run(pg::Lane::read, std::move(unit), deadline));
  if (outcome.error)
    co_return Error(Errc::database_unavailable, "the catalog cannot be read")
        .internal(std::string(outcome.error->message()));
  // Another request may have opened it meanwhile.
  if (HomeRef there = known(placement)) co_return there;
  const Rows& rows = outcome.rows.at(0);
  if (rows.empty()) co_return not_there(placement);
  const Found found = found_in(rows);
  BULKHEAD_CO_TRY(HomeRef made, impl_->make(placement, found));
  made->opened_with = row_text(rows, 0);
  impl_->others.put(Impl::key_of(placement), made);
  co_return made;
}

void Homes::rotate_own(BindingKey key) {
  impl_->own->signer.rotate(std::move(key));
}

Task<void> Homes::refresh_others(Deadline deadline) {
  if (impl_->others.size() == 0) co_return;
  pg::Unit unit;
  unit.steps.push_back({impl_->query_all, pg::Params()});
  auto outcome = co_await impl_->catalog.run(pg::Lane::read, std::move(unit), deadline);
  // Who cannot be asked is asked again with the next news; a former key is good for an hour.
  if (outcome.has_error() || outcome->error) co_return;
  const Rows& rows = outcome->rows.at(0);
  std::unordered_map<std::string, std::string> said;
  for (std::size_t row = 0; row < rows.size(); ++row)
    said.emplace(std::string(rows.text(row, column_count)), row_text(rows, row));
  impl_->others.erase_if([&said](const std::string& name, const HomeRef& home) {
    const auto now = said.find(name);
    if (now != said.end() && now->second == home->opened_with) return false;
    ++home->generation;
    return true;
  });
}

void Homes::forget_versions() {
  impl_->for_each([](Home& home) { home.versions.clear(); });
}

void Homes::forget_statements() {
  impl_->for_each([](Home& home) { home.lanes.forget_statements(); });
}

Task<void> Homes::drain(Deadline deadline) {
  std::vector<HomeRef> all{impl_->own};
  impl_->others.for_each([&all](HomeRef& home) { all.push_back(home); });
  for (const HomeRef& home : all) co_await home->lanes.drain(deadline);
}

pg::LaneCounters Homes::counters() const {
  pg::LaneCounters sum;
  impl_->for_each([&sum](Home& home) {
    const pg::LaneCounters one = home.lanes.counters();
    sum.units += one.units;
    sum.failed_units += one.failed_units;
    sum.syncs += one.syncs;
    sum.connects += one.connects;
    sum.disconnects += one.disconnects;
    sum.cancels += one.cancels;
    sum.prepares += one.prepares;
    sum.waiting += one.waiting;
    sum.outstanding += one.outstanding;
    sum.connections += one.connections;
  });
  return sum;
}

std::size_t Homes::size() const noexcept {
  return impl_->others.size() + 1;
}

}  // namespace bulkhead::data
