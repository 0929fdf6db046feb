// Fails with: no viable conversion|no matching conversion|no matching constructor
#include "relations.hpp"

#ifdef GOOD
std::string_view handler(const Tenant& tenant) {
  return tenant.slug();
}
#else
Tenant handler() {
  return Tenant(std::string("acme"));
}
#endif
