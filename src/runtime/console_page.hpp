#pragma once

#include <optional>
#include <vector>

#include <bulkhead/http.hpp>

#include "runtime/web_page.hpp"

namespace bulkhead::runtime {

/// The files of the console, by their names; they are part of the program (web/console).
[[nodiscard]] std::vector<WebPage::Source> console_files();

/// The operators' page below `/console`: so far `/console/operations/{id}`, on which one sees an operation go. It is the same for
/// everybody and holds nothing; it reads the control API with the token that its user gives it. Immutable; shared between threads.
class ConsolePage {
 public:
  ConsolePage();

  /// The answer to a request that no route takes; nullopt: it is not for this page.
  [[nodiscard]] std::optional<Response> answer(const Request& request) const;

 private:
  WebPage files_;
};

}  // namespace bulkhead::runtime
