#pragma once

#include <boost/asio/awaitable.hpp>

namespace bulkhead {

/// A coroutine of the server. It runs on the io thread of its connection and never moves to another.
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace bulkhead
