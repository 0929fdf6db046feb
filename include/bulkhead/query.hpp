#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <bulkhead/data.hpp>
#include <bulkhead/macros.hpp>
#include <bulkhead/values.hpp>

/// The typed query builder. `bulkhead codegen` writes a header with one struct a relation; statements over
/// them read like
///
///     auto query = select(track.track_id, track.unit_price)
///                      .from(track)
///                      .where(track.album_id == 5 && track.name.like("%live%"))
///                      .order_by(track.name.desc())
///                      .limit(10);
///     auto rows = co_await session.run(std::move(query));
///     if (rows.has_error()) co_return rows.error();
///     for (const auto& row : *rows) use(row[track.track_id], row[track.unit_price]);
///
/// What is wrong does not compile: a value of another type, a column of another relation, an UPDATE or DELETE
/// without `where` (every row is `all()`), a write to a shared table, a statement without a TenantSession.
/// Values are always bound parameters. Nothing here names `tenant_id`: the renderer puts the tenant in.
///
/// Statements are values: copy and move them freely, keep them in variables. With g++ 12 build a statement
/// that uses braces or captures before the `co_await`, not inside it.
namespace bulkhead {

/// A name inside a type.
template <std::size_t N>
struct FixedString {
  char text[N]{};
  // NOLINTNEXTLINE(google-explicit-constructor): a string literal is what stands in a template argument.
  constexpr FixedString(const char (&literal)[N]) {
    std::copy_n(static_cast<const char*>(literal), N, static_cast<char*>(text));
  }
  [[nodiscard]] constexpr std::string_view view() const { return {static_cast<const char*>(text), N - 1}; }
};

/// What a generated relation struct says of itself, as its member `bulkhead_relation`.
struct RelationTraits {
  std::string_view name;
  bool writable = true;  ///< False for shared tables and views: written by migrations only.
};

template <class R>
concept Relation = requires {
  { R::bulkhead_relation } -> std::convertible_to<RelationTraits>;
};

enum class Access : std::uint8_t { read_write, read_only };

/// `column = use_default` writes the column's default.
struct UseDefault {};
inline constexpr UseDefault use_default{};

template <class R, FixedString Name, class T, Access A = Access::read_write>
struct Column;

namespace detail {

template <class T>
struct Unwrapped {
  using type = T;
  static constexpr bool nullable = false;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using type = T;
  static constexpr bool nullable = true;
};

template <class T>
inline constexpr bool is_column = false;
template <class R, FixedString Name, class T, Access A>
inline constexpr bool is_column<Column<R, Name, T, A>> = true;

template <class T>
inline constexpr bool is_character =
    std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool> && !is_character<T>;

/// Whether every value of V is one of T. `int`, being the type of literals, also goes with smallint:
/// PostgreSQL refuses a value out of range.
template <class T, class V>
consteval bool accepts() {
  if constexpr (std::same_as<T, V>) {
    return true;
  } else if constexpr (Number<T>) {
    if constexpr (!Number<V>) return false;
    if constexpr (std::signed_integral<V>) return sizeof(V) <= sizeof(T) || std::same_as<V, int>;
    return sizeof(V) < sizeof(T);
  } else if constexpr (std::floating_point<T>) {
    return std::floating_point<V> || (Number<V> && sizeof(V) <= 4);
  } else if constexpr (std::same_as<T, Decimal>) {
    return Number<V> && (std::signed_integral<V> || sizeof(V) < 8);
  } else if constexpr (std::same_as<T, std::string>) {
    return std::convertible_to<V, std::string_view> && !std::same_as<V, std::nullptr_t>;
  } else {
    return false;
  }
}

template <class T, class V>
concept Accepts = accepts<T, std::remove_cvref_t<V>>();

template <class T, class V>
std::string encode(const V& value) {
  if constexpr (std::same_as<T, std::string>)
    return std::string(std::string_view(value));
  else if constexpr (std::same_as<T, Decimal> && Number<V>)
    return Codec<V>::encode(value);
  else if constexpr (std::floating_point<T> && Number<V>)
    return Codec<T>::encode(static_cast<T>(value));
  else
    return Codec<V>::encode(value);
}

/// A column of type T (an optional for a nullable one) may be set to a V.
template <class T, class V>
consteval bool assignable() {
  using Value = std::remove_cvref_t<V>;
  using Wanted = typename Unwrapped<T>::type;
  if constexpr (std::same_as<Value, UseDefault>)
    return true;
  else if constexpr (std::same_as<Value, std::nullopt_t>)
    return Unwrapped<T>::nullable;
  else if constexpr (Unwrapped<Value>::nullable)
    return Unwrapped<T>::nullable && Accepts<Wanted, typename Unwrapped<Value>::type>;
  else
    return Accepts<Wanted, Value>;
}

template <class T, class V>
statement::Cell cell(const V& value) {
  using Wanted = typename Unwrapped<T>::type;
  statement::Cell made;
  if constexpr (std::same_as<V, UseDefault>)
    made.use_default = true;
  else if constexpr (std::same_as<V, std::nullopt_t>)
    made.value = std::nullopt;
  else if constexpr (Unwrapped<V>::nullable) {
    if (value) made.value = encode<Wanted>(*value);
  } else
    made.value = encode<Wanted>(value);
  return made;
}

template <class X, class... C>
consteval std::size_t index_of() {
  std::size_t index = 0;
  const bool found = ((std::same_as<X, C> || (++index, false)) || ...);
  return found ? index : sizeof...(C);
}

}  // namespace detail

template <class C>
concept TypedColumn = detail::is_column<C>;

/// A condition over rows of R.
template <class R>
class Predicate {
 public:
  using relation = R;
  explicit Predicate(statement::Condition condition) : condition_(std::move(condition)) {}
  [[nodiscard]] const statement::Condition& condition() const noexcept { return condition_; }

  friend Predicate operator&&(Predicate a, Predicate b) {
    return joined(statement::Condition::Kind::all, std::move(a), std::move(b));
  }
  friend Predicate operator||(Predicate a, Predicate b) {
    return joined(statement::Condition::Kind::any, std::move(a), std::move(b));
  }
  friend Predicate operator!(Predicate a) {
    a.condition_.negated = !a.condition_.negated;
    return a;
  }

 private:
  static Predicate joined(statement::Condition::Kind kind, Predicate a, Predicate b) {
    statement::Condition both;
    both.kind = kind;
    both.children.reserve(2);
    both.children.push_back(std::move(a.condition_));
    both.children.push_back(std::move(b.condition_));
    return Predicate(std::move(both));
  }
  statement::Condition condition_;
};

template <class A, class B>
  requires(!std::same_as<A, B>)
void operator&&(const Predicate<A>&, const Predicate<B>&)
    BULKHEAD_DELETED("the two conditions are about different relations");
template <class A, class B>
  requires(!std::same_as<A, B>)
void operator||(const Predicate<A>&, const Predicate<B>&)
    BULKHEAD_DELETED("the two conditions are about different relations");

/// A column of an ORDER BY: `track.name.desc().nulls_last()`. Without a word about nulls they come last
/// ascending and first descending, as PostgreSQL has it.
template <class R>
class OrderTerm {
 public:
  using relation = R;
  explicit OrderTerm(statement::Order order) : order_(std::move(order)) {}
  [[nodiscard]] OrderTerm nulls_first() const { return with(statement::Order::Nulls::first); }
  [[nodiscard]] OrderTerm nulls_last() const { return with(statement::Order::Nulls::last); }
  [[nodiscard]] const statement::Order& order() const noexcept { return order_; }

 private:
  [[nodiscard]] OrderTerm with(statement::Order::Nulls nulls) const {
    OrderTerm term = *this;
    term.order_.nulls = nulls;
    return term;
  }
  statement::Order order_;
};

/// `column = value`, for INSERT and UPDATE.
template <class R>
class Assignment {
 public:
  using relation = R;
  Assignment(std::string_view column, statement::Cell cell) : column_(column), cell_(std::move(cell)) {}
  [[nodiscard]] std::pair<std::string, statement::Cell> take() && {
    return {std::move(column_), std::move(cell_)};
  }

 private:
  std::string column_;
  statement::Cell cell_;
};

/// A column of a generated relation; empty, everything is in the type. T is std::optional for a nullable
/// column; comparisons take the value type in either case (SQL's comparison with null is never true: use
/// is_null()).
template <class R, FixedString Name, class T, Access A>
struct Column {
  using relation = R;
  using type = T;
  using value_type = typename detail::Unwrapped<T>::type;
  static constexpr std::string_view name = Name.view();
  static constexpr bool nullable = detail::Unwrapped<T>::nullable;

  template <class V>
  Predicate<R> operator==(const V& value) const {
    return compare(statement::Operator::eq, value);
  }
  template <class V>
  Predicate<R> operator!=(const V& value) const {
    return compare(statement::Operator::neq, value);
  }
  template <class V>
  Predicate<R> operator<(const V& value) const {
    return ordered(statement::Operator::lt, value);
  }
  template <class V>
  Predicate<R> operator<=(const V& value) const {
    return ordered(statement::Operator::lte, value);
  }
  template <class V>
  Predicate<R> operator>(const V& value) const {
    return ordered(statement::Operator::gt, value);
  }
  template <class V>
  Predicate<R> operator>=(const V& value) const {
    return ordered(statement::Operator::gte, value);
  }

  /// PostgreSQL's LIKE: `%` any text, `_` one character, `\` escapes.
  [[nodiscard]] Predicate<R> like(std::string_view pattern) const {
    return pattern_match(statement::Operator::like, pattern);
  }
  [[nodiscard]] Predicate<R> ilike(std::string_view pattern) const {
    return pattern_match(statement::Operator::ilike, pattern);
  }

  /// One of the values of a range; none of an empty one.
  template <std::ranges::input_range V>
  [[nodiscard]] Predicate<R> in(const V& values) const {
    static_assert(detail::Accepts<value_type, std::ranges::range_value_t<V>>,
                  "this column cannot be compared with a value of this type");
    statement::Condition condition = about(statement::Operator::in);
    for (const auto& value : values) condition.values.emplace_back(detail::encode<value_type>(value));
    return Predicate<R>(std::move(condition));
  }

  [[nodiscard]] Predicate<R> is_null() const { return null_test("null"); }
  [[nodiscard]] Predicate<R> is_not_null() const { return null_test("not_null"); }

  [[nodiscard]] OrderTerm<R> asc() const { return sorted(false); }
  [[nodiscard]] OrderTerm<R> desc() const { return sorted(true); }

  // Not an assignment: it says one, as in `set(invoice.customer_id = 5)`.
  // NOLINTNEXTLINE(misc-unconventional-assign-operator)
  template <class V>
  Assignment<R> operator=(const V& value) const {
    static_assert(A == Access::read_write, "this column is generated by the database and cannot be written");
    static_assert(!detail::is_column<V>, "a column is set to a value, not to another column");
    static_assert(detail::is_column<V> || detail::assignable<T, V>(),
                  "this column cannot hold a value of this type");
    if constexpr (detail::assignable<T, V>())
      return Assignment<R>(name, detail::cell<T>(value));
    else
      return Assignment<R>(name, {});
  }

 private:
  static statement::Condition about(statement::Operator op) {
    statement::Condition condition;
    condition.kind = statement::Condition::Kind::compare;
    condition.column = std::string(name);
    condition.op = op;
    return condition;
  }

  template <class V>
  static Predicate<R> compare(statement::Operator op, const V& value) {
    using Value = std::remove_cvref_t<V>;
    constexpr bool is_null = std::same_as<Value, std::nullopt_t> || detail::Unwrapped<Value>::nullable;
    static_assert(!detail::is_column<Value>, "a column is compared with a value, not with another column");
    static_assert(!is_null,
                  "a comparison with null is never true: use is_null(), or the value inside the optional");
    static_assert(detail::is_column<Value> || is_null || detail::Accepts<value_type, V>,
                  "this column cannot be compared with a value of this type");
    statement::Condition condition = about(op);
    if constexpr (detail::Accepts<value_type, V>) condition.value = detail::encode<value_type>(value);
    return Predicate<R>(std::move(condition));
  }
  template <class V>
  static Predicate<R> ordered(statement::Operator op, const V& value) {
    static_assert(!std::same_as<value_type, bool>, "a bool column is compared with == and != only");
    return compare(op, value);
  }
  static Predicate<R> pattern_match(statement::Operator op, std::string_view pattern) {
    static_assert(std::same_as<value_type, std::string>, "like() and ilike() are for text columns");
    statement::Condition condition = about(op);
    condition.value = std::string(pattern);
    return Predicate<R>(std::move(condition));
  }
  static Predicate<R> null_test(std::string_view which) {
    static_assert(nullable, "this column is NOT NULL: the test has always the same answer");
    statement::Condition condition = about(statement::Operator::is);
    condition.value = std::string(which);
    return Predicate<R>(std::move(condition));
  }
  static OrderTerm<R> sorted(bool descending) {
    statement::Order order;
    order.column = std::string(name);
    order.descending = descending;
    return OrderTerm<R>(std::move(order));
  }
};

/// A row of the columns C…: `row[track.name]`, or in their order by structured binding.
template <class... C>
class Row {
 public:
  explicit Row(std::tuple<typename C::type...> values) : values_(std::move(values)) {}

  template <class X>
    requires(std::same_as<X, C> || ...)
  [[nodiscard]] const typename X::type& operator[](X) const noexcept {
    return std::get<detail::index_of<X, C...>()>(values_);
  }
  template <class X>
    requires(!(std::same_as<X, C> || ...))
  void operator[](X) const
      BULKHEAD_DELETED("this column is not among those that the statement selects or returns");

  template <std::size_t I>
  [[nodiscard]] const auto& get() const noexcept {
    return std::get<I>(values_);
  }

 private:
  std::tuple<typename C::type...> values_;
};

namespace detail {

template <class C>
Result<typename C::type> read_cell(const Rows& rows, std::size_t row, std::size_t column) {
  using Value = typename C::value_type;
  if (rows.is_null(row, column)) {
    if constexpr (C::nullable) return typename C::type();
    return Error(Errc::internal, "a column is null")
        .internal(
            "column " + std::string(C::name) +
            " is NOT NULL in the generated header and null in the database: run `bulkhead codegen` again");
  }
  std::optional<Value> value = Codec<Value>::decode(rows.text(row, column));
  if (!value)
    return Error(Errc::internal, "a value cannot be read")
        .internal("column " + std::string(C::name) +
                  " holds a value that its C++ type cannot hold; if the column changed, run `bulkhead "
                  "codegen` again");
  return typename C::type(std::move(*value));
}

template <class... C, std::size_t... I>
Result<Row<C...>> read_row(const Rows& rows, std::size_t row, std::index_sequence<I...>) {
  std::tuple<Result<typename C::type>...> cells(read_cell<C>(rows, row, I)...);
  Error error;
  const bool ok = ((std::get<I>(cells).has_value() || (error = std::get<I>(cells).error(), false)) && ...);
  if (!ok) return error;
  return Row<C...>(std::tuple<typename C::type...>(std::move(*std::get<I>(cells))...));
}

template <class... C>
Result<std::vector<Row<C...>>> read_rows(const QueryResult& answer) {
  if (answer.rows.columns() < sizeof...(C))
    return Error(Errc::internal, "columns are missing")
        .internal("fewer columns came back than were asked for");
  std::vector<Row<C...>> made;
  made.reserve(answer.rows.size());
  for (std::size_t row = 0; row < answer.rows.size(); ++row) {
    auto one = read_row<C...>(answer.rows, row, std::index_sequence_for<C...>());
    if (one.has_error()) return one.error();
    made.push_back(std::move(*one));
  }
  return made;
}

template <class... C>
std::vector<statement::Output> outputs() {
  std::vector<statement::Output> made(sizeof...(C));
  std::size_t i = 0;
  ((made[i++].column = std::string(C::name)), ...);
  return made;
}

/// What every finished statement is: a tree, and how its rows are read. The deleted members say why there is
/// no way to run it by itself.
template <class Tree>
class Finished {
 public:
  explicit Finished(Tree tree) : tree_(std::move(tree)) {}

  /// The tree that the renderer takes; TenantSession::run and Transaction::run call it.
  [[nodiscard]] statement::Statement statement() && { return statement::Statement(std::move(tree_)); }
  [[nodiscard]] const Tree& tree() const noexcept { return tree_; }

  void run() const
      BULKHEAD_DELETED("a statement needs a tenant: give it to TenantSession::run or Transaction::run");
  void execute() const
      BULKHEAD_DELETED("a statement needs a tenant: give it to TenantSession::run or Transaction::run");

 protected:
  Tree tree_;
};

}  // namespace detail

/// An INSERT, UPDATE or DELETE with `returning(…)`: runs to the rows it touched.
template <class Tree, class... C>
class Returning : public detail::Finished<Tree> {
 public:
  using result = std::vector<Row<C...>>;
  using detail::Finished<Tree>::Finished;
  [[nodiscard]] static Result<result> read(const QueryResult& answer) {
    return detail::read_rows<C...>(answer);
  }
};

/// A finished INSERT, UPDATE or DELETE on R: runs to the number of rows it touched, or, with `returning`, to
/// those rows.
template <class R, class Tree>
class Write : public detail::Finished<Tree> {
 public:
  using result = std::uint64_t;
  using detail::Finished<Tree>::Finished;
  [[nodiscard]] static Result<result> read(const QueryResult& answer) { return answer.rows.affected(); }

  template <TypedColumn... C>
    requires(sizeof...(C) > 0)
  [[nodiscard]] Returning<Tree, C...> returning(C...) && {
    static_assert((std::same_as<typename C::relation, R> && ...),
                  "returning(): a column of another relation");
    this->tree_.returning = detail::outputs<C...>();
    return Returning<Tree, C...>(std::move(this->tree_));
  }
};

// --- select
// ----------------------------------------------------------------------------------------------------------

/// `select(columns…).from(relation)`, then any of where, order_by, limit, offset; the last call of each counts. Runs to
/// std::vector<Row<columns…>>.
template <class R, class... C>
class Select : public detail::Finished<statement::Select> {
 public:
  using result = std::vector<Row<C...>>;
  using row = Row<C...>;
  Select() : Finished(statement::Select()) {
    tree_.relation = std::string(R::bulkhead_relation.name);
    tree_.outputs = detail::outputs<C...>();
  }
  [[nodiscard]] static Result<result> read(const QueryResult& answer) {
    return detail::read_rows<C...>(answer);
  }

  template <class P>
  [[nodiscard]] Select where(const Predicate<P>& predicate) && {
    static_assert(std::same_as<P, R>, "where(): a condition about another relation than the one in from()");
    if constexpr (std::same_as<P, R>) tree_.where = predicate.condition();
    return std::move(*this);
  }
  /// Columns (ascending) and `column.asc()`, `column.desc()`.
  template <class... Terms>
  [[nodiscard]] Select order_by(const Terms&... terms) && {
    static_assert((std::same_as<typename Terms::relation, R> && ...),
                  "order_by(): a column of another relation");
    tree_.order = {term(terms)...};
    return std::move(*this);
  }
  [[nodiscard]] Select limit(std::uint64_t rows) && {
    tree_.limit = rows;
    return std::move(*this);
  }
  [[nodiscard]] Select offset(std::uint64_t rows) && {
    tree_.offset = rows;
    return std::move(*this);
  }

 private:
  template <TypedColumn X>
  static statement::Order term(const X& column) {
    return column.asc().order();
  }
  template <class X>
  static statement::Order term(const OrderTerm<X>& ordered) {
    return ordered.order();
  }
};

/// `select(columns…)`: not a statement before `from`.
template <class... C>
class SelectColumns {
 public:
  template <Relation R>
  [[nodiscard]] Select<R, C...> from(const R&) const {
    static_assert((std::same_as<typename C::relation, R> && ...),
                  "select(): a column of another relation than the one in from()");
    return Select<R, C...>();
  }
};

template <TypedColumn... C>
  requires(sizeof...(C) > 0)
[[nodiscard]] SelectColumns<C...> select(C...) {
  return SelectColumns<C...>();
}

// --- insert
// ----------------------------------------------------------------------------------------------------------

/// Rows for the columns C…: `insert_into(t).columns(t.a, t.b).row(1, "x").row(2, "y")`, or `add` in a loop.
/// At least one row; none is refused when it is run.
template <class R, class... C>
class InsertRows : public Write<R, statement::Insert> {
 public:
  using Write<R, statement::Insert>::Write;

  template <class... V>
    requires(sizeof...(V) == sizeof...(C))
  void add(const V&... values) {
    static_assert((detail::assignable<typename C::type, V>() && ...),
                  "add(), row(): a column cannot hold a value of this type");
    std::vector<statement::Cell> cells;
    cells.reserve(sizeof...(C));
    (cells.push_back(detail::cell<typename C::type>(values)), ...);
    this->tree_.rows.push_back(std::move(cells));
  }
  template <class... V>
    requires(sizeof...(V) == sizeof...(C))
  [[nodiscard]] InsertRows row(const V&... values) && {
    add(values...);
    return std::move(*this);
  }
};

/// `insert_into(relation)`: not a statement before `set` or `columns`.
template <Relation R>
class InsertInto {
 public:
  /// One row.
  template <class... A>
    requires(sizeof...(A) > 0)
  [[nodiscard]] Write<R, statement::Insert> set(A... assignments) const {
    static_assert((std::same_as<typename A::relation, R> && ...), "set(): a column of another relation");
    statement::Insert tree = empty();
    tree.rows.emplace_back();
    (append(tree, std::move(assignments)), ...);
    return Write<R, statement::Insert>(std::move(tree));
  }
  /// Many rows.
  template <TypedColumn... C>
    requires(sizeof...(C) > 0)
  [[nodiscard]] InsertRows<R, C...> columns(C...) const {
    static_assert((std::same_as<typename C::relation, R> && ...), "columns(): a column of another relation");
    statement::Insert tree = empty();
    tree.columns = {std::string(C::name)...};
    return InsertRows<R, C...>(std::move(tree));
  }

 private:
  static statement::Insert empty() {
    statement::Insert tree;
    tree.relation = std::string(R::bulkhead_relation.name);
    return tree;
  }
  template <class X>
  static void append(statement::Insert& tree, Assignment<X> assignment) {
    auto [column, cell] = std::move(assignment).take();
    tree.columns.push_back(std::move(column));
    tree.rows.front().push_back(std::move(cell));
  }
};

namespace detail {
template <class R>
consteval void check_writable() {
  static_assert(R::bulkhead_relation.writable, "a shared table or view is written by migrations only");
}
}  // namespace detail

template <Relation R>
[[nodiscard]] InsertInto<R> insert_into(const R&) {
  detail::check_writable<R>();
  return InsertInto<R>();
}

// --- update and delete
// -----------------------------------------------------------------------------------------------

/// An UPDATE or DELETE that does not yet say which rows. It cannot be run.
template <class R, class Tree>
class Unfiltered {
 public:
  using bulkhead_unfiltered = void;
  explicit Unfiltered(Tree tree) : tree_(std::move(tree)) {}

  template <class P>
  [[nodiscard]] Write<R, Tree> where(const Predicate<P>& predicate) && {
    static_assert(std::same_as<P, R>, "where(): a condition about another relation");
    tree_.where = predicate.condition();
    return Write<R, Tree>(std::move(tree_));
  }
  /// Every row of the tenant.
  [[nodiscard]] Write<R, Tree> all() && {
    // A condition that is true and yet stands there: an empty one is refused as forgotten.
    tree_.where.children.assign(1, statement::Condition());
    return Write<R, Tree>(std::move(tree_));
  }

 private:
  Tree tree_;
};

template <Relation R>
class UpdateOf {
 public:
  template <class... A>
    requires(sizeof...(A) > 0)
  [[nodiscard]] Unfiltered<R, statement::Update> set(A... assignments) const {
    static_assert((std::same_as<typename A::relation, R> && ...), "set(): a column of another relation");
    statement::Update tree;
    tree.relation = std::string(R::bulkhead_relation.name);
    tree.assignments.reserve(sizeof...(A));
    (tree.assignments.push_back(std::move(assignments).take()), ...);
    return Unfiltered<R, statement::Update>(std::move(tree));
  }
};

/// `update(t).set(t.a = 1).where(t.id == 5)`; every row of the tenant: `….all()`.
template <Relation R>
[[nodiscard]] UpdateOf<R> update(const R&) {
  detail::check_writable<R>();
  return UpdateOf<R>();
}

/// `delete_from(t).where(t.id == 5)`; every row of the tenant: `….all()`.
template <Relation R>
[[nodiscard]] Unfiltered<R, statement::Delete> delete_from(const R&) {
  detail::check_writable<R>();
  statement::Delete tree;
  tree.relation = std::string(R::bulkhead_relation.name);
  return Unfiltered<R, statement::Delete>(std::move(tree));
}

// --- what there is no way to do
// -------------------------------------------------------------------------------------- Declared so that the
// compiler says the reason instead of "no such function".

template <class S>
void run(S&&)
    BULKHEAD_DELETED("a statement needs a tenant: give it to TenantSession::run or Transaction::run");
template <class S>
void execute(S&&)
    BULKHEAD_DELETED("a statement needs a tenant: give it to TenantSession::run or Transaction::run");
template <class... X>
void raw(X&&...) BULKHEAD_DELETED("raw SQL needs a tenant: use TenantSession::raw or Transaction::raw");
template <class... X>
void transaction(X&&...) BULKHEAD_DELETED("a transaction needs a tenant: use TenantSession::transaction");

}  // namespace bulkhead

template <class... C>
struct std::tuple_size<bulkhead::Row<C...>> : std::integral_constant<std::size_t, sizeof...(C)> {};
template <std::size_t I, class... C>
struct std::tuple_element<I, bulkhead::Row<C...>> {
  using type = const typename std::tuple_element_t<I, std::tuple<C...>>::type;
};
