#pragma once

// The reader is public, since handlers parse bodies with it: its declarations are in include/bulkhead/json.hpp, its
// implementation in src/base/json.cpp.
#include <bulkhead/json.hpp>
