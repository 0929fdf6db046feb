// `bulkhead`: the library and an empty set of handlers.
#include <bulkhead/app.hpp>

int main(int argc, char** argv) {
  return bulkhead::App().run(argc, argv);
}
