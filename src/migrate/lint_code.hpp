#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::migrate {

/// Code that stands in a string: the body of a function or of a DO block, and what it gives to EXECUTE.
/// Read by its tokens, as no parser here knows plpgsql; what a program puts together at run time stays unseen.

/// `body` first, then the texts of the strings in it, of the strings in those, and so on. Strings joined by
/// `||` are one text; placeholders of format() are filled with a name or a string.
[[nodiscard]] std::vector<std::string> code_texts(std::string_view body);

/// Whether these words stand one after the other in `code`, outside strings and comments.
[[nodiscard]] bool holds_words(std::string_view code, std::initializer_list<std::string_view> words);
/// Whether `code` calls set_config() for anything but what a function says of the response (`response.status`,
/// `response.headers`), named by a constant.
[[nodiscard]] bool sets_what_binds(std::string_view code);
/// Whether `code` is these words and nothing more: the beginning of `'set role ' || name`.
[[nodiscard]] bool is_begun(std::string_view code, std::initializer_list<std::string_view> words);

/// The statements in `code` that change definitions, rights or settings, each by itself.
[[nodiscard]] std::vector<std::string> definitions_in(std::string_view code);

/// Whether plpgsql's EXECUTE is given anything but a constant, or a constant format() that quotes (%I, %L).
[[nodiscard]] bool runs_made_up_sql(std::string_view body);

}  // namespace bulkhead::migrate
