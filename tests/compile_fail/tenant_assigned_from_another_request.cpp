// Fails with: a Tenant stays with its request and cannot be copied
#include "relations.hpp"

#ifdef GOOD
bool handler(const Tenant& mine, const RequestContext& other) {
  return mine.id() == other.tenant().id();
}
#else
void handler(Tenant& mine, const RequestContext& other) {
  mine = other.tenant();
}
#endif
