// Fails with: another request's tenant cannot be put into its place
#include "relations.hpp"

#ifdef GOOD
bool handler(const Tenant& mine, const Tenant& other) {
  return mine.id() == other.id();
}
#else
void handler(Tenant& mine, Tenant& other) {
  mine = std::move(other);
}
#endif
