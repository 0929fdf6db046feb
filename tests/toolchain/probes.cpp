#include "probes.hpp"

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

// Each function below holds one statement of a kind; what stands around it keeps to the rules.
namespace probes {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;

/// Which addresses hold a living Tracked, and whether one was destroyed that did not live.
struct Ledger {
  std::set<const void*> living;
  bool broken = false;
};
Ledger* ledger = nullptr;  // of the probe that runs; probes run one after another

/// Records its construction and destruction by address. Holds heap memory, so that sanitizers see a double
/// destruction.
class Tracked {
 public:
  explicit Tracked(int value = 5) : value_(std::make_unique<int>(value)) { born(); }
  Tracked(const Tracked& other) : value_(std::make_unique<int>(other.value())) { born(); }
  Tracked(Tracked&& other) noexcept : value_(std::make_unique<int>(other.value())) { born(); }
  Tracked& operator=(const Tracked& other) {
    value_ = std::make_unique<int>(other.value());
    return *this;
  }
  Tracked& operator=(Tracked&& other) noexcept { return *this = std::as_const(other); }
  ~Tracked() {
    if (ledger->living.erase(this) == 1) return;
    ledger->broken = true;
    // Not ours to free: what stands there was never made or is gone.
    static_cast<void>(value_.release());
  }
  [[nodiscard]] int value() const { return ledger->living.contains(this) ? *value_ : -1; }

 private:
  void born() {
    if (!ledger->living.insert(this).second) ledger->broken = true;
  }
  std::unique_ptr<int> value_;
};

struct Aggregate {
  Tracked a{5};
  int n = 0;
  awaitable<int> run() const& { co_return a.value(); }
};

class Options {
 public:
  Options() = default;
  explicit Options(Tracked a) : a_(std::move(a)) {}
  [[nodiscard]] int value() const { return a_.value(); }

 private:
  Tracked a_{5};
};

awaitable<void> turn() {
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, use_awaitable);
}

awaitable<int> by_value(Tracked a) {
  co_await turn();
  co_return a.value();
}
awaitable<int> by_reference(const Tracked& a) {
  co_await turn();
  co_return a.value();
}
awaitable<Tracked> make(int value) {
  co_await turn();
  co_return Tracked(value);
}
awaitable<int> of_function(std::function<int()> f) {
  co_await turn();
  co_return f();
}
template <class F>
awaitable<int> of_callable(F f) {
  co_await turn();
  co_return f();
}
template <class F>
awaitable<int> of_callable_reference(const F& f) {
  co_await turn();
  co_return f();
}
awaitable<int> of_aggregate(Aggregate x) {
  co_await turn();
  co_return x.a.value();
}
awaitable<int> of_aggregate_reference(const Aggregate& x) {
  co_await turn();
  co_return x.a.value();
}
awaitable<int> of_aggregate_default(Aggregate x = {}) {
  co_await turn();
  co_return x.a.value();
}
awaitable<int> of_options_default(Options x = {}) {
  co_await turn();
  co_return x.value();
}
awaitable<int> of_array(std::array<Tracked, 2> x) {
  co_await turn();
  co_return x[1].value();
}
awaitable<int> of_vector(std::vector<Tracked> x) {
  co_await turn();
  co_return x.back().value();
}
awaitable<int> of_span(std::span<const Tracked> x) {
  co_await turn();
  co_return x.back().value();
}
template <class T>
awaitable<int> of_any(T x, int (*read)(const T&)) {
  co_await turn();
  co_return read(x);
}
awaitable<std::tuple<Tracked, Tracked>> make_two() {
  co_await turn();
  co_return std::tuple<Tracked, Tracked>(Tracked(4), Tracked(5));
}
awaitable<int> fails(Tracked a) {
  co_await turn();
  if (a.value() == 5) throw std::runtime_error("on purpose");
  co_return 0;
}
awaitable<Aggregate> make_aggregate() {
  co_await turn();
  co_return Aggregate();
}

// --- known to break under g++ 12.2 ---

awaitable<int> capturing_lambda_as_function() {
  Tracked k(5);
  co_return co_await of_function([k] { return k.value(); });
}
awaitable<int> capturing_lambda_as_template() {
  Tracked k(5);
  co_return co_await of_callable([k] { return k.value(); });
}
awaitable<int> capturing_lambda_by_reference() {
  Tracked k(5);
  co_return co_await of_callable_reference([k] { return k.value(); });
}
awaitable<int> co_spawn_of_capturing_lambda() {
  Tracked k(5);
  const auto executor = co_await asio::this_coro::executor;
  co_return co_await asio::co_spawn(
      executor, [k]() -> awaitable<int> { co_return k.value(); }, use_awaitable);
}
awaitable<int> capturing_lambda_called_on_the_spot() {
  Tracked k(5);
  co_return co_await by_value([k] { return k; }());
}
awaitable<int> aggregate_designated() {
  co_return co_await of_aggregate({.a = Tracked(5)});
}
awaitable<int> aggregate_temporary() {
  co_return co_await of_aggregate(Aggregate{Tracked(5), 1});
}
awaitable<int> aggregate_temporary_by_reference() {
  co_return co_await of_aggregate_reference(Aggregate{Tracked(5), 1});
}
awaitable<int> aggregate_default_argument() {
  co_return co_await of_aggregate_default();
}
awaitable<int> array_temporary() {
  co_return co_await of_array(std::array<Tracked, 2>{Tracked(4), Tracked(5)});
}
awaitable<int> member_of_aggregate_temporary() {
  co_return co_await Aggregate{Tracked(5), 1}.run();
}
awaitable<int> aggregate_from_await() {
  Aggregate x{co_await make(5), 1};
  co_return x.a.value();
}
awaitable<int> push_back_of_aggregate_from_await() {
  std::vector<Aggregate> all;
  all.push_back(Aggregate{co_await make(5), 1});
  co_return all.back().a.value();
}
awaitable<int> conditional_one_arm(bool yes) {
  Tracked x = yes ? co_await make(5) : Tracked(6);
  co_return x.value();
}
awaitable<int> conditional_both_arms(bool yes) {
  Tracked x = yes ? co_await make(5) : co_await make(6);
  co_return x.value();
}
awaitable<int> conditional_argument(bool yes) {
  co_return co_await by_value(yes ? Tracked(5) : Tracked(6));
}
awaitable<int> await_of_conditional(bool yes) {
  co_return co_await (yes ? by_value(Tracked(5)) : by_value(Tracked(6)));
}
awaitable<int> two_awaits_under_and() {
  if ((co_await by_value(Tracked(5))) == 5 && (co_await by_value(Tracked(6))) == 6) co_return 5;
  co_return 0;
}
// A condition that awaits, in a body that declares no variable: g++ 12 loses the end of the body. With a
// variable beside it the same statement is right, which is no help to who writes one: name the awaited value
// first.
awaitable<int> switch_on_await_without_variables() {
  switch (co_await by_value(Tracked(5))) {
    case 5:
      co_return 5;
    default:
      co_return 0;
  }
}
awaitable<int> if_on_await_without_variables() {
  if ((co_await by_value(Tracked(5))) == 5) co_return 5;
  co_return 0;
}
#ifdef __clang__
// g++ 12 does not compile the next three ("array used as initializer") and crashes on the fourth.
awaitable<int> braced_list_to_vector() {
  co_return co_await of_vector({Tracked(4), Tracked(5)});
}
awaitable<int> awaits_in_braced_vector() {
  std::vector<Tracked> all{co_await make(4), co_await make(5)};
  co_return all.back().value();
}
awaitable<int> braced_vector_in_range_for() {
  int last = 0;
  for (const Tracked& x : std::vector<Tracked>{Tracked(4), co_await make(5)}) last = x.value();
  co_return last;
}
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-statement-expression-from-macro-expansion"
#pragma clang diagnostic ignored "-Wgnu-statement-expression"
awaitable<int> statement_expression() {
  const int x = ({
    Tracked t = co_await make(5);
    t.value();
  });
  co_return x;
}
#pragma clang diagnostic pop
#endif

// --- known to be right under g++ 12.2, too: the forms that the rules leave ---

awaitable<int> class_temporary_by_value() {
  co_return co_await by_value(Tracked(5));
}
awaitable<int> class_temporary_by_reference() {
  co_return co_await by_reference(Tracked(5));
}
awaitable<int> named_lambda_moved() {
  Tracked k(5);
  auto f = [k] { return k.value(); };
  co_return co_await of_function(std::move(f));
}
awaitable<int> named_operation_awaited() {
  Tracked k(5);
  const auto executor = co_await asio::this_coro::executor;
  auto body = [k]() -> awaitable<int> { co_return k.value(); };
  auto operation = asio::co_spawn(executor, std::move(body), use_awaitable);
  co_return co_await std::move(operation);
}
awaitable<int> options_with_constructor() {
  co_return co_await of_options_default(Options(Tracked(5)));
}
awaitable<int> options_default_argument() {
  co_return co_await of_options_default();
}
awaitable<int> span_over_named_array() {
  std::array<Tracked, 2> all{Tracked(4), Tracked(5)};
  co_return co_await of_span(all);
}
awaitable<int> structured_binding() {
  auto [a, b] = co_await make_two();
  co_return a.value() == 4 ? b.value() : 0;
}
awaitable<int> while_on_await() {
  int rounds = 0;
  while ((co_await by_value(Tracked(rounds))) < 5) ++rounds;
  co_return rounds;
}
awaitable<int> if_on_await_beside_a_variable() {
  const int good = 5;
  if ((co_await by_value(Tracked(5))) == 5) co_return good;
  co_return 0;
}
awaitable<int> named_value_then_if() {
  const int value = co_await by_value(Tracked(5));
  if (value == 5) co_return 5;
  co_return 0;
}
awaitable<int> standard_types() {
  const int a = co_await of_any<std::optional<Tracked>>(
      std::optional<Tracked>(Tracked(5)), [](const std::optional<Tracked>& x) { return x->value(); });
  const int b = co_await of_any<std::variant<int, Tracked>>(
      std::variant<int, Tracked>(Tracked(5)),
      [](const std::variant<int, Tracked>& x) { return std::get<Tracked>(x).value(); });
  const int c = co_await of_any<std::tuple<Tracked, int>>(
      std::tuple<Tracked, int>(Tracked(5), 1),
      [](const std::tuple<Tracked, int>& x) { return std::get<0>(x).value(); });
  co_return a == b&& b == c ? a : 0;
}
awaitable<int> awaitable_operators() {
  using namespace asio::experimental::awaitable_operators;
  auto [a, b] = co_await (by_value(Tracked(2)) && by_value(Tracked(3)));
  co_return a + b;
}
awaitable<int> function_returning_aggregate() {
  auto x = co_await make_aggregate();
  co_return x.a.value();
}
awaitable<int> exception_through_frames() {
  int caught = 0;
  try {
    co_await fails(Tracked(5));
  } catch (const std::runtime_error&) {
    caught = 5;
  }
  co_return caught;
}

template <awaitable<int> (*Body)()>
bool right() {
  Ledger mine;
  ledger = &mine;
  int value = -1;
  {
    asio::io_context context(1);
    asio::co_spawn(context, Body(), [&value](std::exception_ptr error, int x) { value = error ? -2 : x; });
    context.run();
  }
  const bool good = value == 5 && !mine.broken && mine.living.empty();
  ledger = nullptr;
  return good;
}

/// A frame that is destroyed while it waits.
bool destroyed_while_suspended() {
  Ledger mine;
  ledger = &mine;
  {
    asio::io_context context(1);
    asio::co_spawn(context, by_value(Tracked(5)), asio::detached);
    context.run_one();
  }
  const bool good = !mine.broken && mine.living.empty();
  ledger = nullptr;
  return good;
}

awaitable<int> conditional_one_arm_taken() {
  return conditional_one_arm(true);
}
awaitable<int> conditional_both_arms_taken() {
  return conditional_both_arms(true);
}
awaitable<int> conditional_argument_taken() {
  return conditional_argument(true);
}
awaitable<int> await_of_conditional_taken() {
  return await_of_conditional(true);
}

}  // namespace

// The name in the table is the function's.
#define BROKEN(body)          \
  Probe {                     \
    #body, right<body>, false \
  }
#define FINE(body)           \
  Probe {                    \
    #body, right<body>, true \
  }

const std::vector<Probe>& all() {
  static const std::vector<Probe> table{
      BROKEN(capturing_lambda_as_function),
      BROKEN(capturing_lambda_as_template),
      BROKEN(capturing_lambda_by_reference),
      BROKEN(co_spawn_of_capturing_lambda),
      BROKEN(capturing_lambda_called_on_the_spot),
      BROKEN(aggregate_designated),
      BROKEN(aggregate_temporary),
      BROKEN(aggregate_temporary_by_reference),
      BROKEN(aggregate_default_argument),
      BROKEN(array_temporary),
      BROKEN(member_of_aggregate_temporary),
      BROKEN(aggregate_from_await),
      BROKEN(push_back_of_aggregate_from_await),
      BROKEN(conditional_one_arm_taken),
      BROKEN(conditional_both_arms_taken),
      BROKEN(conditional_argument_taken),
      BROKEN(await_of_conditional_taken),
      BROKEN(two_awaits_under_and),
      BROKEN(switch_on_await_without_variables),
      BROKEN(if_on_await_without_variables),
#ifdef __clang__
      BROKEN(braced_list_to_vector),
      BROKEN(awaits_in_braced_vector),
      BROKEN(braced_vector_in_range_for),
      BROKEN(statement_expression),
#endif
      FINE(class_temporary_by_value),
      FINE(class_temporary_by_reference),
      FINE(named_lambda_moved),
      FINE(named_operation_awaited),
      FINE(options_with_constructor),
      FINE(options_default_argument),
      FINE(span_over_named_array),
      FINE(structured_binding),
      FINE(while_on_await),
      FINE(if_on_await_beside_a_variable),
      FINE(named_value_then_if),
      FINE(standard_types),
      FINE(awaitable_operators),
      FINE(function_returning_aggregate),
      FINE(exception_through_frames),
      Probe{"destroyed_while_suspended", destroyed_while_suspended, true},
  };
  return table;
}

}  // namespace probes
