#pragma once

#include <string>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>

namespace bulkhead::pg {

/// A libpq connection string or URI, taken apart, with our defaults filled in where it says nothing.
class Conninfo {
 public:
  /// Errors: `config_invalid` with libpq's reason.
  [[nodiscard]] static Result<Conninfo> parse(const std::string& text);

  /// Empty where not set.
  [[nodiscard]] std::string get(const std::string& key) const;
  void set(const std::string& key, std::string value);
  /// Sets it unless the connection string did.
  void set_default(const std::string& key, std::string value);

  /// As one connection string, key='value'; holds the password, so never log it.
  [[nodiscard]] std::string text() const;

  /// NULL-terminated arrays for PQconnectStartParams; valid until this object changes.
  [[nodiscard]] std::vector<const char*> keywords() const;
  [[nodiscard]] std::vector<const char*> values() const;

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

}  // namespace bulkhead::pg
