#include "cli/output.hpp"

#include <cstdio>

namespace bulkhead::cli {

using runtime::Workspace;

Result<Workspace> open_workspace(const runtime::DatabaseChoice& choice) {
  BULKHEAD_TRY(Workspace workspace, Workspace::open(choice, Workspace::Use::command));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(Rows found, admin.query("select to_regclass('catalog.tenant') is not null and "
                                       "to_regclass('bulkhead.migration') is not null"));
  if (found.text(0, 0) != "t")
    return Error(Errc::not_found, "this database is not set up for Bulkhead")
        .hint(choice.url.empty() ? "`bulkhead dev APP` sets it up"
                                 : "`bulkhead migrate APP --database URL` sets it up");
  BULKHEAD_TRY(Rows current, admin.query("select to_regclass('bulkhead.target') is not null"));
  if (current.text(0, 0) != "t")
    return Error(Errc::config_invalid, "this database was set up by an earlier Bulkhead")
        .hint("`bulkhead migrate APP` brings it up to date");
  return workspace;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace bulkhead::cli
