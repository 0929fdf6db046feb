// Fails with: a column of another relation
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return delete_from(track).all().returning(track.name);
}
#else
auto handler() {
  return delete_from(track).all().returning(album.title);
}
#endif
