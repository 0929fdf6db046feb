#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "identity/signing_key.hpp"
#include "identity/verifier.hpp"

/// The corpus of README.md, read and signed.
namespace bulkhead::identity::conformance {

/// All cases happen now.
inline const std::chrono::system_clock::time_point now{std::chrono::seconds(1'800'000'000)};

struct Case {
  std::string name, why, token;
  boost::json::value expect;
};

class Corpus {
 public:
  /// Throws std::runtime_error, or what the JSON reader throws, on a broken corpus.
  Corpus();

  [[nodiscard]] const std::vector<IssuerSettings>& issuers() const noexcept { return issuers_; }
  [[nodiscard]] const std::vector<Case>& cases() const noexcept { return cases_; }

 private:
  const SigningKey& key(const std::string& name);
  std::string published(const std::string& issuer);
  /// "$kid", "$kid:KEY" and "$jwk:KEY" in a header's member.
  boost::json::value filled_in(const boost::json::value& value, const SigningKey& named);
  std::string compact(const boost::json::object& changes, const boost::json::object& shape);
  std::string signature(const std::string& how, const std::string& input, const SigningKey& signer,
                        const std::string& original);
  std::string token_of(const boost::json::object& changes);

  std::map<std::string, SigningKey> keys_;
  std::map<std::string, boost::json::object> shapes_;
  boost::json::object published_;
  std::vector<IssuerSettings> issuers_;
  std::vector<Case> cases_;
};

}  // namespace bulkhead::identity::conformance
