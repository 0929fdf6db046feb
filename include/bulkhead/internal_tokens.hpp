#pragma once

#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

namespace bulkhead {

class RequestContext;

/// Makes tokens for calling other services of the same installation: `RequestContext::token_for`. Thread-safe.
class InternalTokens {
 public:
  InternalTokens() = default;
  InternalTokens(const InternalTokens&) = delete;
  InternalTokens& operator=(const InternalTokens&) = delete;
  virtual ~InternalTokens() = default;
  [[nodiscard]] virtual Result<std::string> mint(const RequestContext& context,
                                                 std::string_view audience) const = 0;
};

}  // namespace bulkhead
