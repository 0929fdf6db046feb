#include "runtime/workspace.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "migrate/bootstrap.hpp"
#include "pg/conninfo.hpp"
#include "runtime/embedded_postgres.hpp"
#include "runtime/postgres_binaries.hpp"

namespace bulkhead::runtime {

namespace {

/// The same server and database under another login.
Result<std::string> with_login(const std::string& conninfo, const std::string& user,
                               const std::string& password) {
  BULKHEAD_TRY(pg::Conninfo parts, pg::Conninfo::parse(conninfo));
  parts.set("user", user);
  parts.set("password", password);
  return parts.text();
}

}  // namespace

Workspace::Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;
Workspace::~Workspace() = default;

Result<Workspace> Workspace::open(const DatabaseChoice& choice, Use use) {
  if (choice.data_dir.empty() && choice.url.empty())
    return Error(Errc::usage,
                 "which database? Neither --data nor --database is given, and there is no .bulkhead here")
        .hint("name the data folder (--data DIR) or a database (--database URL)");
  Workspace workspace;
  if (!choice.url.empty()) {
    workspace.admin_ = choice.url;
  } else {
    if (use == Use::command && !std::filesystem::exists(choice.data_dir))
      return Error(Errc::not_found, fmt::format("there is no data folder {}", choice.data_dir.string()))
          .hint("`bulkhead dev APP` makes one at its first start");
    auto embedded = use == Use::server ? EmbeddedPostgres::start(choice.data_dir)
                                       : EmbeddedPostgres::attach(choice.data_dir);
    if (embedded.has_error()) return embedded.error();
    workspace.embedded_ = std::move(*embedded);
    workspace.admin_ = workspace.embedded_->conninfo();
  }
  // A wrong URL is told now, not at the first statement.
  BULKHEAD_TRY(pg::Blocking probe, workspace.admin());
  return workspace;
}

Result<void> Workspace::prepare(bool binding_signed) {
  BULKHEAD_TRY(pg::Blocking connection, admin());
  migrate::BootstrapOptions options;
  options.binding = binding_signed ? migrate::BindingMode::signed_context : migrate::BindingMode::plain;
  auto credentials = migrate::bootstrap(connection, options);
  if (credentials.has_error()) return credentials.error();
  return log_in();
}

Result<void> Workspace::log_in_mended() {
  BULKHEAD_TRY(pg::Blocking connection, admin());
  BULKHEAD_TRY(auto mended, migrate::mend_logins(connection));
  return log_in();
}

Result<void> Workspace::log_in() {
  BULKHEAD_TRY(pg::Blocking connection, admin());
  BULKHEAD_TRY(migrate::Credentials credentials, migrate::read_credentials(connection));
  BULKHEAD_TRY(login_, with_login(admin_, "bulkhead_login", credentials.login_password));
  BULKHEAD_TRY(catalog_, with_login(admin_, "bulkhead_catalog", credentials.catalog_password));
  key_.id = credentials.binding_key_id;
  key_.secret = credentials.binding_secret;
  return {};
}

Result<std::string> Workspace::known_defect() const {
  BULKHEAD_TRY(pg::Blocking connection, admin());
  BULKHEAD_TRY(auto rows, connection.query("show server_version_num"));
  return bulkhead::known_defect(std::atoi(std::string(rows.text(0, 0)).c_str()));
}

Result<pg::Blocking> Workspace::admin() const {
  return pg::Blocking::connect(admin_);
}

Result<data::BindingKey> Workspace::read_binding_key() const {
  BULKHEAD_TRY(pg::Blocking connection, admin());
  BULKHEAD_TRY(migrate::Credentials credentials, migrate::read_credentials(connection));
  data::BindingKey key;
  key.id = credentials.binding_key_id;
  key.secret = credentials.binding_secret;
  return key;
}

Result<bool> Workspace::revive(const std::function<bool()>& give_up) {
  if (!embedded_) return false;
  return embedded_->revive(give_up);
}

Result<void> Workspace::stop(std::chrono::milliseconds patience) {
  if (!embedded_) return {};
  return embedded_->stop(patience);
}

}  // namespace bulkhead::runtime
