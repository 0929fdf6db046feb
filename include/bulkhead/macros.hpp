#pragma once

/// `f() BULKHEAD_DELETED("why")`: a deleted function whose reason stands in the compiler's message, where the
/// compiler knows how (P2573; clang 19). The reason stands in the source for the others.
#if defined(__clang__) && __clang_major__ >= 19
#define BULKHEAD_DELETED(reason) = delete (reason)
#else
#define BULKHEAD_DELETED(reason) = delete
#endif
