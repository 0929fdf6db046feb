// Fails with: a RequestContext comes from the entry
#include "relations.hpp"

#ifdef GOOD
Role handler(const RequestContext& context) {
  return context.role();
}
#else
void handler() {
  RequestContext context;
}
#endif
