#pragma once
// Precompiled: what nearly every test uses. Never include this by hand.
#include <gtest/gtest.h>

#include "base/pch.hpp"
