#include "cli/output.hpp"

#include <array>
#include <cstdio>
#include <string_view>

#include <unistd.h>

namespace bulkhead::cli {

using runtime::Workspace;

Result<Workspace> open_workspace(const runtime::DatabaseChoice& choice) {
  BULKHEAD_TRY(Workspace workspace, Workspace::open(choice, Workspace::Use::command));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  BULKHEAD_TRY(Rows found, admin.query("select to_regclass('catalog.tenant') is not null and "
                                       "to_regclass('bulkhead.migration') is not null, "
                                       "to_regclass('bulkhead.target') is not null and "
                                       "to_regclass('catalog.audit_entry') is not null"));
  const std::string sets_up =
      choice.url.empty() ? "`bulkhead dev APP`" : "`bulkhead migrate APP --database URL`";
  if (found.text(0, 0) != "t")
    return Error(Errc::not_found, "this database is not set up for Bulkhead").hint(sets_up + " sets it up");
  if (found.text(0, 1) != "t")
    return Error(Errc::config_invalid, "this database was set up by an earlier Bulkhead")
        .hint(sets_up + " brings it up to date");
  return workspace;
}

Result<void> confirm_slug(const std::string& slug, const std::string& question) {
  if (isatty(0) == 0)
    return Error(Errc::usage, "nobody is there to confirm it, so nothing was done to tenant \"" + slug + "\"")
        .hint("--yes");
  print(question + " Type its slug: ");
  std::array<char, 80> line{};
  if (std::fgets(line.data(), line.size(), stdin) != nullptr && std::string_view(line.data()) == slug + "\n")
    return {};
  return Error(Errc::usage, "not confirmed; nothing was done");
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace bulkhead::cli
