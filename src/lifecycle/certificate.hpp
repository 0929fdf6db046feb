#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

// What the installation attests: that a tenant was deleted, what, when and from where.

/// The installation's public key (PEM, Ed25519); made, with its private half in catalog.credential, when there is none.
[[nodiscard]] Result<std::string> certificate_key(pg::Blocking& catalog);

/// Signs a statement, as a JWS.
[[nodiscard]] Result<std::string> sign_statement(pg::Blocking& catalog, std::string_view statement);

/// A deletion's certificate as a file holds it: {"statement": {…}, "jws": "…"}. By the tenant's id, or its slug (the latest).
/// Error: `not_found`.
[[nodiscard]] Result<boost::json::object> find_certificate(pg::Blocking& catalog,
                                                           const std::string& id_or_slug);

/// The statement of a certificate that was signed with this key and says what was signed. Errors: `config_invalid` (the
/// key), `token_malformed`, `token_signature`, `malformed_json`.
[[nodiscard]] Result<boost::json::object> verify_certificate(std::string_view text,
                                                             const std::string& public_pem);

}  // namespace bulkhead::lifecycle
