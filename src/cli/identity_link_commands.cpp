#include "cli/identity_link_commands.hpp"

#include <fstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/log.hpp"
#include "base/progress.hpp"
#include "catalog/identities.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "identity/internal_issuer.hpp"

namespace bulkhead::cli {

using runtime::Workspace;

namespace {

boost::json::object identity_json(const catalog::IdentityRecord& identity) {
  return {{"issuer", identity.issuer},
          {"subject", identity.subject},
          {"user_id", identity.user.text()},
          {"user_name", identity.user_name},
          {"user_status", identity.user_status}};
}

/// All identities that the filter asks for, a page at a time.
template <class F>
Result<void> each_identity(pg::Blocking& admin, catalog::IdentityFilter filter, F f) {
  // Pages go by subject, which is an order of one issuer.
  filter.limit = filter.issuer.empty() ? 1'000'000 : 1000;
  for (;;) {
    BULKHEAD_TRY(const auto page, catalog::list_identities(admin, filter));
    for (const auto& identity : page) f(identity);
    if (page.size() < filter.limit || filter.issuer.empty()) return {};
    filter.after_subject = page.back().subject;
  }
}

std::string some_of(const std::vector<std::string>& subjects, std::uint64_t all) {
  std::string out;
  for (const auto& subject : subjects) out += (out.empty() ? "" : ", ") + subject;
  if (all > subjects.size()) out += ", …";
  return out;
}

boost::json::array array_of(const std::vector<std::string>& texts) {
  boost::json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

/// A mapping file, read in pieces with a bar on a terminal.
class MappingFile {
 public:
  explicit MappingFile(const std::filesystem::path& path) : path_(path), in_(path, std::ios::binary) {}

  Result<void> check() {
    std::error_code unreadable;
    const auto size = std::filesystem::file_size(path_, unreadable);
    if (!in_ || unreadable)
      return Error(Errc::import_failed, "cannot read " + path_.string())
          .hint("a CSV file of lines from_subject,to_subject");
    progress_.emplace("identities", "bytes", size);
    return {};
  }
  Result<bool> next(std::string& piece) {
    piece.resize(64 * 1024);
    in_.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    piece.resize(static_cast<std::size_t>(in_.gcount()));
    if (in_.bad()) return Error(Errc::import_failed, "cannot read " + path_.string());
    read_ += piece.size();
    progress_->update(read_);
    return !piece.empty();
  }
  void finish() { progress_->finish(); }

 private:
  std::filesystem::path path_;
  std::ifstream in_;
  std::uint64_t read_ = 0;
  std::optional<Progress> progress_;
};

}  // namespace

IdentityLinkCommands::IdentityLinkCommands(CLI::App& identity) {
  list_ = identity.add_subcommand("list", "who is known, and how");
  database_options(*list_, database_);
  list_->add_option("--user", user_, "only this user's, by id");
  list_->add_option("--issuer", issuer_, "only of this issuer");
  list_->add_flag("--json", json_, "a JSON object a line");

  link_ = identity.add_subcommand("link", "let a user be known by another identity, too");
  database_options(*link_, database_);
  link_->add_option("subject", subject_, "the new identity's `sub`")->required();
  link_->add_option("--issuer", issuer_, "the new identity's `iss`")->required();
  auto* user = link_->add_option("--user", user_, "whose it is, by id");
  auto* same = link_->add_option("--same-as", same_as_, "or: whose it is, by a `sub` that is known");
  link_->add_option("--same-as-issuer", same_as_issuer_, "the `iss` of that one")->needs(same);
  user->excludes(same);

  unlink_ = identity.add_subcommand("unlink", "take an identity away from its user");
  database_options(*unlink_, database_);
  unlink_->add_option("subject", subject_, "its `sub`")->required();
  unlink_->add_option("--issuer", issuer_, "its `iss`")->required();

  import_ = identity.add_subcommand("import", "link many: a CSV file of from_subject,to_subject");
  database_options(*import_, database_);
  import_->add_option("file", file_, "the mapping, without a header")->required();
  import_->add_option("--from", from_, "`iss` of the identities that are known")->required();
  import_->add_option("--to", to_, "`iss` of the new ones")->required();
  import_->add_flag("--dry-run", dry_run_, "say what would be done");
  import_->add_flag("--json", json_, "print a JSON object");

  retire_ =
      identity.add_subcommand("retire", "take an issuer's identities away from those who have another one");
  database_options(*retire_, database_);
  retire_->add_option("--issuer", issuer_, "the `iss`")->required();
  retire_->add_flag("--all", all_, "also from those who then cannot come in");
  retire_->add_flag("--dry-run", dry_run_, "say what would be done");
  retire_->add_flag("--json", json_, "print a JSON object");

  merge_ = identity.add_subcommand("merge", "make two users one: what the first was is the second's");
  database_options(*merge_, database_);
  merge_->add_option("from", from_, "the id of the user who goes")->required();
  merge_->add_option("into", to_, "the id of the user who stays")->required();
  merge_->add_flag("--dry-run", dry_run_, "say what would be done");
  merge_->add_flag("--json", json_, "print a JSON object");

  rotate_ = identity.add_subcommand("rotate", "sign internal tokens with a new key from now on");
  database_options(*rotate_, database_);
  rotate_->add_flag("--withdraw", withdraw_, "and believe no former one any more: a key has leaked");
}

std::optional<Result<void>> IdentityLinkCommands::run() {
  using Work = Result<void> (IdentityLinkCommands::*)() const;
  const std::pair<const CLI::App*, Work> commands[] = {
      {list_, &IdentityLinkCommands::list},     {link_, &IdentityLinkCommands::link},
      {unlink_, &IdentityLinkCommands::unlink}, {import_, &IdentityLinkCommands::import},
      {retire_, &IdentityLinkCommands::retire}, {merge_, &IdentityLinkCommands::merge},
      {rotate_, &IdentityLinkCommands::rotate}};
  for (const auto& [command, work] : commands) {
    if (!command->parsed()) continue;
    complete(database_);
    return (this->*work)();
  }
  return std::nullopt;
}

Result<void> IdentityLinkCommands::list() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  catalog::IdentityFilter filter;
  filter.issuer = issuer_;
  if (!user_.empty()) {
    const auto id = Uuid::parse(user_);
    if (!id) return Error(Errc::usage, "\"" + user_ + "\" is not a user's id");
    filter.user = UserId(*id);
  }
  return each_identity(admin, filter, [this](const catalog::IdentityRecord& identity) {
    print(json_ ? boost::json::serialize(identity_json(identity)) + "\n"
                : fmt::format("{}  {:<24}  {:<32}  {}\n", identity.user.text(), identity.user_name,
                              identity.subject, identity.issuer));
  });
}

Result<void> IdentityLinkCommands::link() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  std::optional<UserId> user;
  if (!user_.empty()) {
    const auto id = Uuid::parse(user_);
    if (!id) return Error(Errc::usage, "\"" + user_ + "\" is not a user's id");
    user = UserId(*id);
  } else if (!same_as_.empty() && !same_as_issuer_.empty()) {
    BULKHEAD_TRY(const auto known, catalog::find_identity(admin, same_as_issuer_, same_as_));
    user = known.user;
  } else {
    return Error(Errc::usage, "whose identity is it?")
        .hint("--user ID, or --same-as SUBJECT with --same-as-issuer ISSUER");
  }
  const audit::Action action{
      "identity.link", subject_, std::nullopt, {{"issuer", issuer_}, {"user_id", user->text()}}};
  return audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
    return catalog::link_identity(admin, *user, issuer_, subject_);
  });
}

Result<void> IdentityLinkCommands::unlink() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  const audit::Action action{"identity.unlink", subject_, std::nullopt, {{"issuer", issuer_}}};
  return audit::recorded(admin, audit::Actor::os_user(), action,
                         [&](audit::Action&) { return catalog::unlink_identity(admin, issuer_, subject_); });
}

Result<void> IdentityLinkCommands::import() const {
  MappingFile file(file_);
  BULKHEAD_CHECK(file.check());
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  const auto link = [&] {
    return catalog::link_mapping(
        admin, from_, to_, [&file](std::string& piece) { return file.next(piece); }, dry_run_);
  };
  catalog::MappingReport report;
  if (dry_run_) {
    BULKHEAD_TRY(report, link());
  } else {
    audit::Action action{"identity.import", to_, std::nullopt, {{"from", from_}}};
    BULKHEAD_TRY(report, audit::recorded(admin, audit::Actor::os_user(), std::move(action),
                                         [&](audit::Action& done) -> Result<catalog::MappingReport> {
                                           BULKHEAD_TRY(auto linked, link());
                                           done.details["linked"] = linked.linked;
                                           return linked;
                                         }));
  }
  file.finish();
  if (json_) {
    print(boost::json::serialize(boost::json::object{{"lines", report.lines},
                                                     {"linked", report.linked},
                                                     {"already", report.already},
                                                     {"unknown", report.unknown},
                                                     {"taken", report.taken},
                                                     {"unknown_subjects", array_of(report.unknown_subjects)},
                                                     {"taken_subjects", array_of(report.taken_subjects)},
                                                     {"dry_run", dry_run_}}) +
          "\n");
  } else {
    print(fmt::format("{} lines: {} {}, {} were linked before\n", report.lines, report.linked,
                      dry_run_ ? "to be linked" : "linked", report.already));
  }
  if (report.unknown == 0 && report.taken == 0) return {};
  std::string what;
  if (report.unknown != 0)
    what += fmt::format("{} subjects are nobody's here: {}", report.unknown,
                        some_of(report.unknown_subjects, report.unknown));
  if (report.taken != 0)
    what += fmt::format("{}{} belong to other users already: {}", what.empty() ? "" : "; ", report.taken,
                        some_of(report.taken_subjects, report.taken));
  return Error(Errc::incomplete, what).hint("the other lines are done; correct these and import them again");
}

Result<void> IdentityLinkCommands::retire() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  catalog::RetireReport report;
  if (dry_run_) {
    BULKHEAD_TRY(report, catalog::retire_issuer(admin, issuer_, all_, true));
  } else {
    audit::Action action{"identity.retire", issuer_, std::nullopt, {{"all", all_}}};
    BULKHEAD_TRY(report, audit::recorded(admin, audit::Actor::os_user(), std::move(action),
                                         [&](audit::Action& done) -> Result<catalog::RetireReport> {
                                           BULKHEAD_TRY(auto retired,
                                                        catalog::retire_issuer(admin, issuer_, all_, false));
                                           done.details["retired"] = retired.retired;
                                           return retired;
                                         }));
  }
  if (json_) {
    print(boost::json::serialize(boost::json::object{{"retired", report.retired},
                                                     {"kept", report.kept},
                                                     {"kept_subjects", array_of(report.kept_subjects)},
                                                     {"dry_run", dry_run_}}) +
          "\n");
    return {};
  }
  print(fmt::format("{} identities {}\n", report.retired, dry_run_ ? "would go" : "have gone"));
  if (report.kept != 0)
    print(fmt::format("{} stay, since their users have no other: {}\n", report.kept,
                      some_of(report.kept_subjects, report.kept)));
  return {};
}

Result<void> IdentityLinkCommands::merge() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  const auto from = Uuid::parse(from_), into = Uuid::parse(to_);
  if (!from || !into)
    return Error(Errc::usage, "\"" + (from ? to_ : from_) + "\" is not a user's id")
        .hint("`bulkhead identity list` shows the ids");
  catalog::MergeReport report;
  if (dry_run_) {
    BULKHEAD_TRY(report, catalog::merge_users(admin, UserId(*from), UserId(*into), true));
  } else {
    audit::Action action{"identity.merge", into->text(), std::nullopt, {{"from", from->text()}}};
    BULKHEAD_TRY(report, audit::recorded(admin, audit::Actor::os_user(), std::move(action),
                                         [&](audit::Action& done) -> Result<catalog::MergeReport> {
                                           BULKHEAD_TRY(auto merged,
                                                        catalog::merge_users(admin, UserId(*from),
                                                                             UserId(*into), false));
                                           done.details["identities"] = merged.identities;
                                           done.details["memberships"] = merged.memberships;
                                           return merged;
                                         }));
  }
  if (json_) {
    print(boost::json::serialize(boost::json::object{{"identities", report.identities},
                                                     {"memberships", report.memberships},
                                                     {"both", report.both},
                                                     {"dry_run", dry_run_}}) +
          "\n");
    return {};
  }
  print(fmt::format(
      "{} identities and {} memberships {}; to {} tenants both belong, and nothing changes there\n",
      report.identities, report.memberships, dry_run_ ? "would move" : "have moved", report.both));
  return {};
}

Result<void> IdentityLinkCommands::rotate() const {
  BULKHEAD_TRY(Workspace workspace, open_workspace(database_));
  BULKHEAD_TRY(pg::Blocking admin, workspace.admin());
  const audit::Action action{"identity.rotate", "internal", std::nullopt, {{"withdraw", withdraw_}}};
  return audit::recorded(admin, audit::Actor::os_user(), action, [&](audit::Action&) {
    return identity::replace_internal_key(admin, std::chrono::system_clock::now(), withdraw_);
  });
}

}  // namespace bulkhead::cli
