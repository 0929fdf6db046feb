// Fails with: deleted
#include "relations.hpp"

#ifdef GOOD
Transaction& handler(Transaction& transaction) {
  return transaction;
}
#else
Transaction handler(Transaction& transaction) {
  return transaction;
}
#endif
