#include "pg/conninfo.hpp"

#include <algorithm>
#include <memory>

#include <libpq-fe.h>

namespace bulkhead::pg {

Result<Conninfo> Conninfo::parse(const std::string& text) {
  char* reason = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfoParse(text.c_str(), &reason), &PQconninfoFree);
  const std::unique_ptr<char, void (*)(void*)> reason_owner(reason, &PQfreemem);
  if (!options) {
    std::string why = reason == nullptr ? "out of memory" : reason;
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return Error(Errc::config_invalid, "The database connection string is not valid: " + why)
        .hint("Write it as postgresql://user@host:port/database or as key=value pairs (libpq's syntax).");
  }
  Conninfo out;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) out.entries_.emplace_back(option->keyword, option->val);
  }
  out.set_default("fallback_application_name", "bulkhead");
  out.set_default("client_encoding", "UTF8");
  // Looking for a Kerberos ticket on every connect costs milliseconds; whoever uses GSSAPI says so.
  out.set_default("gssencmode", "disable");
  // A dead peer must not hold a socket, or a blocking cancel request, for the kernel's default of a quarter
  // of an hour.
  out.set_default("tcp_user_timeout", "15000");
  out.set_default("keepalives_idle", "30");
  return out;
}

std::string Conninfo::get(const std::string& key) const {
  for (const auto& [name, value] : entries_) {
    if (name == key) return value;
  }
  return {};
}

void Conninfo::set(const std::string& key, std::string value) {
  for (auto& entry : entries_) {
    if (entry.first == key) {
      entry.second = std::move(value);
      return;
    }
  }
  entries_.emplace_back(key, std::move(value));
}

void Conninfo::set_default(const std::string& key, std::string value) {
  const auto is_key = [&key](const auto& entry) { return entry.first == key; };
  if (std::none_of(entries_.begin(), entries_.end(), is_key)) entries_.emplace_back(key, std::move(value));
}

std::string Conninfo::text() const {
  std::string out;
  for (const auto& [key, value] : entries_) {
    if (!out.empty()) out.push_back(' ');
    out.append(key).append("='");
    for (char c : value) {
      if (c == '\'' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('\'');
  }
  return out;
}

std::vector<const char*> Conninfo::keywords() const {
  std::vector<const char*> out;
  for (const auto& entry : entries_) out.push_back(entry.first.c_str());
  out.push_back(nullptr);
  return out;
}

std::vector<const char*> Conninfo::values() const {
  std::vector<const char*> out;
  for (const auto& entry : entries_) out.push_back(entry.second.c_str());
  out.push_back(nullptr);
  return out;
}

}  // namespace bulkhead::pg
