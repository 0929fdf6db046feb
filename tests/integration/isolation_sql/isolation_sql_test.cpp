#include <gtest/gtest.h>

#include "support/postgres.hpp"
