#pragma once

#include <string>
#include <vector>

#include <bulkhead/result.hpp>

namespace bulkhead {

/// The texts of a name's TXT records, each joined from its parts; none where the name or such a record does not exist.
/// `server`: an IPv4 address, with a port where it is not 53; empty: the system's (/etc/resolv.conf). Nothing is cached. At most
/// about eight seconds on the calling thread. Thread-safe. Errors: `upstream_failed` when no server answers, `usage` for
/// what is no name or no server.
[[nodiscard]] Result<std::vector<std::string>> dns_texts(const std::string& name, const std::string& server);

}  // namespace bulkhead
