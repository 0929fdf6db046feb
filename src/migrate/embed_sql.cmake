# cmake -DOUT=file.cpp -P embed_sql.cmake a.sql b.sql …: a C++ file whose function `bulkhead::migrate::sql_file("a")`
# returns the text of a.sql.
set(out "#include \"migrate/sql_files.hpp\"\n\nnamespace bulkhead::migrate {\n\nstd::string sql_file(std::string_view name) {\n")
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 0 ${last})
  set(file "${CMAKE_ARGV${i}}")
  if(file MATCHES "\\.sql$")
    get_filename_component(stem "${file}" NAME_WE)
    file(READ "${file}" text)
    string(APPEND out "  if (name == \"${stem}\") return R\"bulkhead_sql(${text})bulkhead_sql\";\n")
  endif()
endforeach()
string(APPEND out "  return {};\n}\n\n}  // namespace bulkhead::migrate\n")
file(WRITE "${OUT}" "${out}")
