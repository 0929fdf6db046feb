// Fails with: this column cannot hold a value of this type
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return track.unit_price = Decimal(99, 2);
}
#else
auto handler() {
  return track.unit_price = 0.99;
}
#endif
