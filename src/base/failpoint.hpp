#pragma once

#include <string_view>

namespace bulkhead {

/// A named place between two steps of long work, where tests end the process as `kill -9` would. BULKHEAD_FAILPOINT=NAME
/// ends it at the first passage of NAME, NAME:3 at the third; BULKHEAD_FAILPOINT_STOP=NAME stops it there (SIGSTOP) until
/// somebody lets it go on (SIGCONT), once; BULKHEAD_FAILPOINT_TRACE=FILE appends the name of each
/// place that is passed, so that a test can walk through all of them. Unset, it costs one comparison. Thread-safe.
void failpoint(std::string_view name);

}  // namespace bulkhead
