#pragma once

#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

/// Options that most commands have.
namespace bulkhead::cli {

/// `--data` and `--database`.
void database_options(CLI::App& command, runtime::DatabaseChoice& choice);

/// Options not given on the command line come from the environment, then from where the command was started.
void complete(runtime::DatabaseChoice& choice);

}  // namespace bulkhead::cli
