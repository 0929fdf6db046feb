#include "lifecycle/operations.hpp"

#include <array>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <boost/json/serialize.hpp>

#include <unistd.h>

#include "base/failpoint.hpp"
#include "base/json.hpp"
#include "lifecycle/lock.hpp"

namespace bulkhead::lifecycle {
namespace {

/// Who has not renewed it so long may be taken for dead.
constexpr std::chrono::seconds lease{30};

constexpr std::string_view columns =
    "id, kind, tenant_id, subject, input, progress, result, state, step, steps_done, steps_total, error, "
    "lease_owner, "
    "catalog.rfc3339(lease_until), catalog.rfc3339(due), actor, catalog.rfc3339(made_at), "
    "catalog.rfc3339(updated_at)";

Result<boost::json::object> object_of(std::string_view text) {
  BULKHEAD_TRY(const boost::json::value value, parse_json(text));
  if (!value.is_object())
    return Error(Errc::internal, "the catalog holds an operation that is not understood");
  return value.get_object();
}

std::int32_t number_of(std::string_view text) {
  std::int32_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Result<Operation> operation_of(const Rows& rows, std::size_t row) {
  const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
  Operation out;
  const auto id = Uuid::parse(rows.text(row, 0));
  const auto state = parse_operation_state(rows.text(row, 7));
  if (!id || !state)
    return Error(Errc::internal, "the catalog holds an operation that this version does not understand");
  out.id = *id;
  out.kind = text(1);
  if (const auto tenant = Uuid::parse(rows.text(row, 2))) out.tenant = TenantId(*tenant);
  out.subject = text(3);
  BULKHEAD_TRY(out.input, object_of(rows.text(row, 4)));
  BULKHEAD_TRY(out.progress, object_of(rows.text(row, 5)));
  BULKHEAD_TRY(out.result, object_of(rows.text(row, 6)));
  out.state = *state;
  out.step = text(8);
  out.steps_done = number_of(rows.text(row, 9));
  out.steps_total = number_of(rows.text(row, 10));
  out.error = text(11);
  out.lease_owner = text(12);
  out.lease_until = text(13);
  out.due = text(14);
  out.actor = text(15);
  out.made_at = text(16);
  out.updated_at = text(17);
  return out;
}

Result<std::vector<Operation>> operations_of(const Rows& rows) {
  std::vector<Operation> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto operation, operation_of(rows, row));
    out.push_back(std::move(operation));
  }
  return out;
}

std::string select_operations(std::string_view rest) {
  return "select " + std::string(columns) + " from catalog.operation " + std::string(rest);
}

Error busy(const Operation& operation) {
  return Error(Errc::conflict, "operation " + operation.id.text() + " (" + operation.kind + " of \"" +
                                   operation.subject + "\") is " +
                                   std::string(operation_state_name(operation.state)))
      .hint("wait for its end: `bulkhead operation show " + operation.id.text() + "`");
}

/// The unfinished operation that stands in the way of a new one.
Error in_the_way(pg::Blocking& catalog, const NewOperation& wanted) {
  auto rows = catalog.query(
      select_operations(
          "where state in ('pending', 'running') and (tenant_id = $1::uuid and (kind = "
          "'export') = ($2 = 'export') or (kind = 'create' and $2 = 'create' and subject = $3))"),
      {wanted.tenant ? std::optional(wanted.tenant->text()) : std::nullopt, wanted.kind, wanted.subject});
  if (rows.has_error()) return rows.error();
  if (rows->empty())
    return Error(Errc::conflict, "another operation of \"" + wanted.subject + "\" has just ended")
        .hint("try again");
  auto operation = operation_of(*rows, 0);
  return operation.has_error() ? operation.error() : busy(*operation);
}

/// Where an operation runs, and a part that no other attempt has.
std::string new_owner() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + ":" + std::to_string(getpid()) + ":" + Uuid::random().text().substr(0, 8);
}

/// Renews the lease while the work lasts, over a connection of its own, which it opens when it is first needed.
class LeaseKeeper {
 public:
  LeaseKeeper(std::string conninfo, Uuid id, std::string owner)
      : conninfo_(std::move(conninfo)), id_(id), owner_(std::move(owner)), thread_([this] { keep(); }) {}
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;
  ~LeaseKeeper() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  void keep() {
    std::optional<pg::Blocking> connection;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, lease / 3, [this] { return ended_; })) {
      lock.unlock();
      renew(connection);
      lock.lock();
    }
  }
  /// What fails is tried again in the next round; a lease that ran out is found by the worker when it stores its step.
  void renew(std::optional<pg::Blocking>& connection) const {
    if (!connection) {
      auto opened = pg::Blocking::connect(conninfo_);
      if (opened.has_error()) return;
      connection.emplace(std::move(*opened));
    }
    const auto renewed = connection->query(
        "update catalog.operation set lease_until = now() + make_interval(secs => $3) where id = $1::uuid "
        "and "
        "lease_owner = $2 and state = 'running'",
        {id_.text(), owner_, std::to_string(lease.count())});
    if (renewed.has_error()) connection.reset();
  }

  std::string conninfo_;
  Uuid id_;
  std::string owner_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread thread_;
};

std::string lock_name(const Uuid& id) {
  return "bulkhead operation " + id.text();
}

/// The session that holds the lock of an operation whose lease has run out hangs: it is ended, so that it does nothing
/// more to the catalog.
Result<void> end_hanging(pg::Blocking& catalog, const Uuid& id) {
  BULKHEAD_TRY(
      auto ended,
      catalog.query(
          "select pg_terminate_backend(l.pid, 5000) from pg_locks l, catalog.operation o, "
          "hashtextextended($2, 0) h where o.id = $1::uuid and o.lease_until < now() and "
          "l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.database = (select oid from "
          "pg_database where datname = current_database()) and l.classid::bigint = (h >> 32) & 4294967295 "
          "and l.objid::bigint = h & 4294967295",
          {id.text(), lock_name(id)}));
  return {};
}

/// Works on one operation; the session's lock is held.
class Worker {
 public:
  Worker(pg::Blocking& catalog, const std::vector<OperationStep>& steps,
         const std::function<void(const Operation&)>& told)
      : catalog_(catalog), steps_(steps), told_(told) {}

  /// False: it is finished or not due.
  Result<bool> claim(const Uuid& id) {
    BULKHEAD_TRY(auto rows,
                 catalog_.query(
                     "update catalog.operation set state = 'running', lease_owner = $2, lease_until = "
                     "now() + make_interval(secs => $3), steps_total = $4, updated_at = now() where id = "
                     "$1::uuid and state in ('pending', 'running') returning " +
                         std::string(columns),
                     {id.text(), new_owner(), std::to_string(lease.count()), std::to_string(steps_.size())}));
    if (rows.empty()) return false;
    BULKHEAD_TRY(operation_, operation_of(rows, 0));
    return true;
  }

  Result<Operation> work() {
    BULKHEAD_TRY(std::string conninfo, catalog_.conninfo());
    const LeaseKeeper keeper(std::move(conninfo), operation_.id, operation_.lease_owner);
    OperationRun run{catalog_, operation_, told_};
    for (auto at = static_cast<std::size_t>(operation_.steps_done); at < steps_.size(); ++at) {
      const OperationStep& step = steps_[at];
      operation_.step = step.name;
      if (told_) told_(operation_);
      auto done = step.work(run);
      failpoint("operation." + operation_.kind + "." + std::string(step.name));
      if (done.has_value()) {
        operation_.steps_done = static_cast<std::int32_t>(at) + 1;
        operation_.step = at + 1 < steps_.size() ? std::string(steps_[at + 1].name) : std::string();
        operation_.error.clear();
        if (at + 1 == steps_.size()) operation_.state = OperationState::done;
        done = run.save();
      }
      if (done.has_error()) return keep(done.error());
      failpoint("operation." + operation_.kind + "." + std::string(step.name) + ".saved");
    }
    return find_operation(catalog_, operation_.id);
  }

 private:
  /// What failed is kept with the operation. When the catalog itself is away, it stays as it is, and whoever comes next
  /// takes it up.
  Error keep(const Error& error) {
    const bool passes = error_info(error.code()).retryable && error.code() != Errc::conflict;
    std::string why(error.message());
    if (!error.hint().empty()) why += " → " + std::string(error.hint());
    [[maybe_unused]] const auto kept = catalog_.query(
        "update catalog.operation set state = $3, error = $4, step = $5, due = case when $3 = 'pending' then "
        "now() + interval "
        "'30 s' else due end, updated_at = now(), lease_until = null where id = $1::uuid and lease_owner = "
        "$2 and state = 'running'",
        {operation_.id.text(), operation_.lease_owner, std::string(passes ? "pending" : "failed"), why,
         operation_.step});
    return error;
  }

  pg::Blocking& catalog_;
  const std::vector<OperationStep>& steps_;
  const std::function<void(const Operation&)>& told_;
  Operation operation_;
};

}  // namespace

std::string_view operation_state_name(OperationState state) noexcept {
  static constexpr std::array<std::string_view, 5> names{"pending", "running", "done", "failed", "cancelled"};
  return names[static_cast<std::size_t>(state)];
}

std::optional<OperationState> parse_operation_state(std::string_view name) noexcept {
  for (const auto state : {OperationState::pending, OperationState::running, OperationState::done,
                           OperationState::failed, OperationState::cancelled})
    if (operation_state_name(state) == name) return state;
  return std::nullopt;
}

Result<Operation> start_operation(pg::Blocking& catalog, const NewOperation& wanted) {
  auto made = catalog.query(
      "insert into catalog.operation(kind, tenant_id, subject, input, actor, due) values ($1, $2::uuid, $3, "
      "$4::jsonb, $5, now() + make_interval(secs => $6)) on conflict do nothing returning " +
          std::string(columns),
      {wanted.kind, wanted.tenant ? std::optional(wanted.tenant->text()) : std::nullopt, wanted.subject,
       boost::json::serialize(wanted.input), wanted.actor, std::to_string(wanted.delay.count())});
  if (made.has_error()) return made.error();
  if (made->empty()) return in_the_way(catalog, wanted);
  return operation_of(*made, 0);
}

Result<Operation> find_operation(pg::Blocking& catalog, const Uuid& id) {
  BULKHEAD_TRY(auto rows, catalog.query(select_operations("where id = $1::uuid"), {id.text()}));
  if (rows.empty())
    return Error(Errc::not_found, "there is no operation " + id.text())
        .hint("`bulkhead operation list` shows the latest");
  return operation_of(rows, 0);
}

Result<std::vector<Operation>> list_operations(pg::Blocking& catalog, const OperationFilter& filter) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          select_operations("where ($1 = '' or state = $1) and ($2::uuid is null or tenant_id = $2::uuid) "
                            "and ($3 = '' or kind = $3) and ($5::uuid is null or exists (select from "
                            "catalog.operation b where b.id = $5::uuid and (operation.made_at < b.made_at or "
                            "(operation.made_at = b.made_at and operation.id > b.id)))) "
                            "order by made_at desc, id limit $4"),
          {filter.state ? std::string(operation_state_name(*filter.state)) : std::string(),
           filter.tenant ? std::optional(filter.tenant->text()) : std::nullopt, filter.kind,
           std::to_string(filter.limit),
           filter.before ? std::optional(filter.before->text()) : std::nullopt}));
  return operations_of(rows);
}

Result<std::vector<Operation>> open_operations(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows, catalog.query(select_operations(
                              "where state in ('pending', 'running') and due <= now() and (state = "
                              "'running' or updated_at < now() - interval '5 s') order by due, id")));
  return operations_of(rows);
}

Result<void> reopen_operation(pg::Blocking& catalog, const Uuid& id) {
  auto set = catalog.query(
      "update catalog.operation set state = 'pending', due = now(), updated_at = now() where id = $1::uuid "
      "and "
      "state = 'failed'",
      {id.text()});
  if (set.has_value()) return {};
  if (set.error().sqlstate() != "23505") return set.error();
  return Error(Errc::conflict, "another operation of the same tenant is unfinished")
      .hint("`bulkhead operation list` shows it");
}

Result<void> end_abandoned(pg::Blocking& catalog, const std::string& kind) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query(select_operations("where state in ('pending', 'running') and kind = $1"), {kind}));
  BULKHEAD_TRY(const auto open, operations_of(rows));
  for (const auto& operation : open) {
    BULKHEAD_TRY(const bool free, try_lock(catalog, lock_name(operation.id)));
    if (!free) continue;
    const SessionLock lock(catalog, lock_name(operation.id));
    BULKHEAD_TRY(
        auto ended,
        catalog.query("update catalog.operation set state = 'failed', error = 'the process that did it has "
                      "ended', updated_at = now() where id = $1::uuid and state in ('pending', 'running')",
                      {operation.id.text()}));
  }
  return {};
}

Result<void> cancel_operation(pg::Blocking& catalog, const Uuid& id) {
  BULKHEAD_TRY(const bool free, try_lock(catalog, lock_name(id)));
  BULKHEAD_TRY(auto operation, find_operation(catalog, id));
  if (!free) return busy(operation);
  const SessionLock lock(catalog, lock_name(id));
  BULKHEAD_TRY(
      auto rows,
      catalog.query("update catalog.operation set state = 'cancelled', updated_at = now() where id = "
                    "$1::uuid and state = 'pending'",
                    {id.text()}));
  if (rows.affected() == 0) return busy(operation);
  return {};
}

Error overtaken(const OperationRun& run) {
  return Error(Errc::conflict,
               "operation " + run.operation.id.text() + " was taken up by another process meanwhile")
      .hint("`bulkhead operation show " + run.operation.id.text() + "` says where it stands");
}

Result<void> OperationRun::save() {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("update catalog.operation set step = $2, steps_done = $3, progress = $4::jsonb, result = "
                    "$5::jsonb, error = $6, state = $7, tenant_id = $8::uuid, updated_at = now() where id = "
                    "$1::uuid and lease_owner = $9 "
                    "and state = 'running'",
                    {operation.id.text(), operation.step, std::to_string(operation.steps_done),
                     boost::json::serialize(operation.progress), boost::json::serialize(operation.result),
                     operation.error, std::string(operation_state_name(operation.state)),
                     operation.tenant ? std::optional(operation.tenant->text()) : std::nullopt,
                     operation.lease_owner}));
  if (rows.affected() == 0) return overtaken(*this);
  if (told) told(operation);
  return {};
}

Result<Operation> run_operation(pg::Blocking& catalog, const Uuid& id,
                                const std::vector<OperationStep>& steps,
                                const std::function<void(const Operation&)>& told) {
  BULKHEAD_TRY(bool free, try_lock(catalog, lock_name(id)));
  if (!free) {
    BULKHEAD_CHECK(end_hanging(catalog, id));
    BULKHEAD_TRY(free, try_lock(catalog, lock_name(id)));
  }
  if (!free) {
    BULKHEAD_TRY(auto operation, find_operation(catalog, id));
    return busy(operation);
  }
  const SessionLock lock(catalog, lock_name(id));
  Worker worker(catalog, steps, told);
  BULKHEAD_TRY(const bool claimed, worker.claim(id));
  if (!claimed) return find_operation(catalog, id);
  return worker.work();
}

}  // namespace bulkhead::lifecycle
