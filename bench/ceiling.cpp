// What the data plane could do at best: the same units that Bulkhead sends (reset, [writes: lock,] bind,
// statement, Sync; prepared), over libpq's pipeline mode, from one thread that does nothing else. No HTTP, no
// token, no JSON.
//
//   bench_ceiling --conninfo C --tenants FILE --op point|list|insert|update --connections N --depth M
//                 --rows R --warm SECONDS
//
// FILE has a line a tenant: uuid TAB epoch TAB context. It connects, prepares, warms up and prints "ready".
// Then each line on standard input, a number of seconds, is a run that ends with one JSON line; the
// connections stay open between runs, as a server's do, so that no run pays for a fresh backend's page
// faults.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(std::string_view what) {
  fmt::print(stderr, "bench_ceiling: {}\n", what);
  std::exit(1);
}

struct Tenant {
  std::string id, epoch, context;
};

struct Options {
  std::string conninfo, tenants, op = "point";
  int connections = 4, depth = 8;
  std::uint64_t rows = 1000;
  double warm = 1;
};

struct Statement {
  const char* name;
  const char* sql;
  int parameters;
};

constexpr Statement reset{"reset", "reset all", 0};
constexpr Statement lock{"lock", "select bulkhead.lock_tenant($1::uuid)", 1};
constexpr Statement bind_read{"bind_read",
                              "select set_config('bulkhead.context', $1, true), set_config('role', $2, true) "
                              "where bulkhead.resides($3::uuid, $4::bigint, false, $5, $6::integer)",
                              6};
constexpr Statement bind_write{
    "bind_write",
    "select set_config('bulkhead.context', $1, true), set_config('role', $2, true) "
    "where bulkhead.resides($3::uuid, $4::bigint, true, $5, $6::integer)",
    6};
constexpr Statement point{
    "point",
    "select tenant_id, id, project_id, title, status, priority, due, created_at from app.tasks "
    "where tenant_id = $1::uuid and id = $2::uuid",
    2};
constexpr Statement list{
    "list",
    "select tenant_id, id, project_id, title, status, priority, due, created_at from app.tasks "
    "where tenant_id = $1::uuid and status = $2 order by created_at desc, id desc limit 20",
    2};
constexpr Statement insert{"insert",
                           "insert into app.tasks (tenant_id, project_id, title, status, priority, due) "
                           "values ($1::uuid, $2::uuid, $3, $4, $5::integer, $6::timestamptz) "
                           "returning tenant_id, id, project_id, title, status, priority, due, created_at, "
                           "case when tenant_id <> $1 then ('bulkhead-tenant:' || tenant_id)::integer end",
                           6};
constexpr Statement update{"update",
                           "update app.tasks set priority = $3::integer, due = $4::timestamptz "
                           "where tenant_id = $1::uuid and id = $2::uuid "
                           "returning tenant_id, id, project_id, title, status, priority, due, created_at, "
                           "case when tenant_id <> $1 then ('bulkhead-tenant:' || tenant_id)::integer end",
                           4};

/// The same numbering as bench/lib/data.py: row r of tenant t is t * rows + r.
std::string row_id(std::uint64_t number) {
  return fmt::format("00000000-0000-4000-8000-{:012x}", number);
}
std::string project_id(std::uint64_t number) {
  return fmt::format("10000000-0000-4000-8000-{:012x}", number);
}

/// Walks tenants and rows in the same order as bench/tasks.lua: one tenant after another, rows scattered.
class Walk {
 public:
  Walk(const std::vector<Tenant>& tenants, const Options& options) : tenants_(tenants), options_(options) {}

  struct Request {
    const Tenant* tenant;
    std::vector<std::string> parameters;
  };

  Request next() {
    std::uint64_t turn = turn_++;
    std::uint64_t t = turn % tenants_.size();
    std::uint64_t r = (turn * 7919) % options_.rows;
    const Tenant& tenant = tenants_[t];
    std::string id = row_id(t * options_.rows + r);
    if (options_.op == "point") return {&tenant, {tenant.id, std::move(id)}};
    if (options_.op == "list") return {&tenant, {tenant.id, turn % 2 == 0 ? "open" : "done"}};
    std::string priority = std::to_string(turn % 5);
    std::string due = fmt::format("2027-01-{:02}T12:00:00Z", turn % 28 + 1);
    if (options_.op == "update")
      return {&tenant, {tenant.id, std::move(id), std::move(priority), std::move(due)}};
    return {&tenant,
            {tenant.id, project_id(t * 10 + turn % 10), fmt::format("Order {} more sleeves", turn), "open",
             std::move(priority), std::move(due)}};
  }

 private:
  const std::vector<Tenant>& tenants_;
  const Options& options_;
  std::uint64_t turn_ = 0;
};

struct Tally {
  std::vector<std::uint32_t> latencies_us;
  std::uint64_t rows = 0;
};

/// One connection with up to `depth` units under way.
class Lane {
 public:
  Lane(const Options& options, std::span<const Statement* const> unit)
      : unit_(unit), connection_(PQconnectdb(options.conninfo.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail(PQerrorMessage(connection_.get()));
    // Names are resolved when a statement is prepared, and only the app's roles see the schema.
    execute("begin");
    for (const Statement* statement : unit_) {
      if (statement != &reset && statement != &lock && statement != &bind_read && statement != &bind_write)
        execute("set local role app_member");
      check(PQprepare(connection_.get(), statement->name, statement->sql, statement->parameters, nullptr));
    }
    execute("commit");
    if (PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1)
      fail(PQerrorMessage(connection_.get()));
  }

  void send(const Walk::Request& request) {
    static constexpr const char* role = "app_member";
    const Tenant& tenant = *request.tenant;
    for (const Statement* statement : unit_) {
      std::array<const char*, 8> values{};
      if (statement == &reset) {
        // no parameters
      } else if (statement == &lock) {
        values[0] = tenant.id.c_str();
      } else if (statement == &bind_read || statement == &bind_write) {
        values = {tenant.context.c_str(), role, tenant.id.c_str(), tenant.epoch.c_str(), "app", "1"};
      } else {
        std::transform(request.parameters.begin(), request.parameters.end(), values.begin(),
                       [](const std::string& value) { return value.c_str(); });
      }
      if (PQsendQueryPrepared(connection_.get(), statement->name, statement->parameters, values.data(),
                              nullptr, nullptr, 0) != 1)
        fail(PQerrorMessage(connection_.get()));
    }
    if (PQpipelineSync(connection_.get()) != 1) fail(PQerrorMessage(connection_.get()));
    under_way_.push_back(Clock::now());
  }

  /// Writes what is pending and takes in what has come; counts the units that ended.
  void pump(bool readable, Tally& tally) {
    if (readable && PQconsumeInput(connection_.get()) != 1) fail(PQerrorMessage(connection_.get()));
    flush();
    while (!under_way_.empty() && PQisBusy(connection_.get()) == 0) {
      std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQgetResult(connection_.get()), &PQclear);
      if (!result) continue;  // The NULL that ends each statement.
      switch (PQresultStatus(result.get())) {
        case PGRES_PIPELINE_SYNC: {
          auto took = Clock::now() - under_way_.front();
          under_way_.pop_front();
          auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
          tally.latencies_us.push_back(static_cast<std::uint32_t>(micros));
          break;
        }
        case PGRES_COMMAND_OK:
          break;  // the reset
        case PGRES_TUPLES_OK:
          // Every other statement of a unit gives rows; a bind without a row would be a stale placement, which the
          // set-up excludes.
          if (PQntuples(result.get()) == 0)
            fail("a statement gave no row: wrong set-up, or a row is missing");
          tally.rows += static_cast<std::uint64_t>(PQntuples(result.get()));
          break;
        default:
          fail(PQresultErrorMessage(result.get()));
      }
    }
  }

  void flush() { pending_ = PQflush(connection_.get()) == 1; }

  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }
  [[nodiscard]] pollfd waiting() const {
    return {PQsocket(connection_.get()), static_cast<short>(pending_ ? POLLIN | POLLOUT : POLLIN), 0};
  }

 private:
  void execute(const char* sql) { check(PQexec(connection_.get(), sql)); }
  void check(PGresult* made) {
    std::unique_ptr<PGresult, void (*)(PGresult*)> result(made, &PQclear);
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) fail(PQerrorMessage(connection_.get()));
  }

  std::span<const Statement* const> unit_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::deque<Clock::time_point> under_way_;
  bool pending_ = false;
};

/// Keeps every lane full for `seconds`, then drains.
Tally run(std::vector<Lane>& lanes, Walk& walk, int depth, double seconds) {
  Tally tally;
  tally.latencies_us.reserve(1 << 18);
  auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::vector<pollfd> waiting(lanes.size());
  bool open = true;
  while (true) {
    open = open && Clock::now() < end;
    std::size_t under_way = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      lanes[i].pump(waiting[i].revents != 0, tally);
      while (open && lanes[i].under_way() < static_cast<std::size_t>(depth)) lanes[i].send(walk.next());
      lanes[i].flush();
      under_way += lanes[i].under_way();
      waiting[i] = lanes[i].waiting();
    }
    if (!open && under_way == 0) return tally;
    int ready = poll(waiting.data(), waiting.size(), 30'000);
    if (ready == 0) fail("PostgreSQL has not answered for 30 s");
    if (ready < 0 && errno != EINTR) fail(std::strerror(errno));
  }
}

double percentile(std::vector<std::uint32_t>& values, double share) {
  if (values.empty()) return 0;
  auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)] / 1000.0;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--conninfo")
      options.conninfo = value;
    else if (name == "--tenants")
      options.tenants = value;
    else if (name == "--op")
      options.op = value;
    else if (name == "--connections")
      options.connections = std::atoi(value);
    else if (name == "--depth")
      options.depth = std::atoi(value);
    else if (name == "--rows")
      options.rows = std::strtoull(value, nullptr, 10);
    else if (name == "--warm")
      options.warm = std::atof(value);
    else
      fail(fmt::format("unknown option {}", name));
  }
  if (options.tenants.empty() || options.connections < 1 || options.depth < 1 || options.rows < 1)
    fail("usage: see the head of bench/ceiling.cpp");
  return options;
}

std::vector<Tenant> read_tenants(const std::string& path) {
  std::ifstream file(path);
  std::vector<Tenant> tenants;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    Tenant tenant;
    if (std::getline(fields, tenant.id, '\t') && std::getline(fields, tenant.epoch, '\t') &&
        std::getline(fields, tenant.context, '\t'))
      tenants.push_back(std::move(tenant));
  }
  if (tenants.empty()) fail(fmt::format("no tenants in {}", path));
  return tenants;
}

std::vector<const Statement*> unit_of(const std::string& op) {
  if (op == "point") return {&reset, &bind_read, &point};
  if (op == "list") return {&reset, &bind_read, &list};
  if (op == "insert") return {&reset, &lock, &bind_write, &insert};
  if (op == "update") return {&reset, &lock, &bind_write, &update};
  fail(fmt::format("unknown operation {}", op));
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse(argc, argv);
  std::vector<Tenant> tenants = read_tenants(options.tenants);
  std::vector<const Statement*> unit = unit_of(options.op);
  std::vector<Lane> lanes;
  lanes.reserve(static_cast<std::size_t>(options.connections));
  for (int i = 0; i < options.connections; ++i) lanes.emplace_back(options, unit);
  Walk walk(tenants, options);
  static_cast<void>(run(lanes, walk, options.depth, options.warm));

  fmt::print("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    auto began = Clock::now();
    Tally tally = run(lanes, walk, options.depth, std::atof(line.c_str()));
    double took = std::chrono::duration<double>(Clock::now() - began).count();
    auto count = tally.latencies_us.size();
    double p50 = percentile(tally.latencies_us, 0.50), p99 = percentile(tally.latencies_us, 0.99);
    fmt::print(
        "{{\"requests\": {}, \"seconds\": {:.4f}, \"p50_ms\": {:.3f}, \"p99_ms\": {:.3f}, \"rows\": {}, "
        "\"bad\": 0}}\n",
        count, took, p50, p99, tally.rows);
    std::fflush(stdout);
  }
  return 0;
}
