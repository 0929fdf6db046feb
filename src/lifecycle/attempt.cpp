#include "lifecycle/attempt.hpp"

#include <charconv>

namespace bulkhead::lifecycle {

Result<std::uint64_t> next_attempt(OperationRun& run) {
  BULKHEAD_TRY(
      auto made,
      run.catalog.query("update catalog.operation set progress = progress || jsonb_build_object('attempt', "
                        "nextval('catalog.move_attempt')) where id = $1::uuid and lease_owner = $2 and "
                        "state = 'running' returning progress->>'attempt'",
                        {run.operation.id.text(), run.operation.lease_owner}));
  if (made.empty()) return overtaken(run);
  std::uint64_t attempt = 0;
  const auto text = made.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), attempt);
  run.operation.progress["attempt"] = attempt;
  return attempt;
}

}  // namespace bulkhead::lifecycle
