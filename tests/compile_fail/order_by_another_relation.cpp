// Fails with: a column of another relation
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return select(track.name).from(track).order_by(track.name.desc());
}
#else
auto handler() {
  return select(track.name).from(track).order_by(album.title.desc());
}
#endif
