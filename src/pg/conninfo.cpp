#include "pg/conninfo.hpp"

#include <memory>
#include <string_view>

#include <libpq-fe.h>

namespace bulkhead::pg {

namespace {

struct Free {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, Free>;

Result<Options> parse(const std::string& conninfo) {
  char* message = nullptr;
  Options options(PQconninfoParse(conninfo.c_str(), &message));
  if (!options) {
    std::string why = message != nullptr ? message : "out of memory";
    PQfreemem(message);
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return Error(Errc::config_invalid, "the database URL cannot be read: " + why)
        .hint("expected: postgresql://user:password@host:port/database");
  }
  return options;
}

void append(std::string& out, std::string_view key, std::string_view value) {
  if (!out.empty()) out.push_back(' ');
  out.append(key).append("='");
  for (char c : value) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('\'');
}

}  // namespace

Result<std::string> with_login(const std::string& conninfo, const std::string& user,
                               const std::string& password) {
  BULKHEAD_TRY(Options options, parse(conninfo));
  std::string out;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    std::string_view key = option->keyword;
    if (option->val == nullptr || key == "user" || key == "password" || key == "passfile") continue;
    append(out, key, option->val);
  }
  append(out, "user", user);
  if (!password.empty()) append(out, "password", password);
  return out;
}

Result<std::string> database_of(const std::string& conninfo) {
  BULKHEAD_TRY(Options options, parse(conninfo));
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option)
    if (std::string_view(option->keyword) == "dbname" && option->val != nullptr)
      return std::string(option->val);
  return std::string();
}

}  // namespace bulkhead::pg
