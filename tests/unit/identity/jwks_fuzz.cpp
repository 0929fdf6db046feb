// The key set parser on any bytes: no crash, and what it lets through is usable.
#include <cstdlib>

#include "identity/keys.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::identity;
  auto keys = parse_jwks({reinterpret_cast<const char*>(data), size});
  if (!keys) return 0;
  if (keys->keys().size() > jwks_key_limit) std::abort();
  SignatureChecker checker;
  for (const auto& key : keys->keys())
    if (checker.valid(key, "input", std::string(64, 's'))) std::abort();
  return 0;
}
