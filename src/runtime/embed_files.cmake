# cmake -DOUT=file.cpp -P embed_files.cmake a.html b.js …: a C++ file whose function `bulkhead::runtime::console_files()`
# returns the files with their names.
set(out "#include \"runtime/console_page.hpp\"\n\nnamespace bulkhead::runtime {\n\nstd::vector<WebPage::Source> console_files() {\n  return {\n")
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 0 ${last})
  set(file "${CMAKE_ARGV${i}}")
  if(file MATCHES "\\.(html|css|js)$")
    get_filename_component(name "${file}" NAME)
    file(READ "${file}" text)
    string(APPEND out "      {\"/${name}\", R\"bulkhead_page(${text})bulkhead_page\"},\n")
  endif()
endforeach()
string(APPEND out "  };\n}\n\n}  // namespace bulkhead::runtime\n")
file(WRITE "${OUT}" "${out}")
