# bulkhead_room(NAME SOURCES … [ROOMS …] [LIBS …] [PUBLIC_LIBS …])
#
# One static library a room. ROOMS are the rooms it may include (only rooms above it in DESIGN section 3;
# tools/check-includes holds the table); LIBS are third-party libraries that stay inside the room.
function(bulkhead_room name)
  cmake_parse_arguments(R "NO_PCH" "" "SOURCES;ROOMS;LIBS;PUBLIC_LIBS" ${ARGN})
  set(target bulkhead_${name})
  add_library(${target} STATIC ${R_SOURCES})
  add_library(bulkhead::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${bulkhead_SOURCE_DIR}/include ${bulkhead_SOURCE_DIR}/src)
  target_link_libraries(${target} PUBLIC bulkhead_options ${R_PUBLIC_LIBS} PRIVATE ${R_LIBS})
  foreach(room ${R_ROOMS})
    target_link_libraries(${target} PUBLIC bulkhead::${room})
  endforeach()
  if(NOT name STREQUAL "base" AND NOT R_NO_PCH)
    target_precompile_headers(${target} REUSE_FROM bulkhead_base)
  endif()
endfunction()

# bulkhead_test_code(TARGET)
#
# A test's own code is compiled in the quickest way, for compiling it took as long as compiling what is tested: with headers
# that are parsed once (tests/support/pch.hpp), and in `release` without optimisation. The rooms that it links stay what is
# shipped; templates and inline functions that a test uses itself are the test's.
function(bulkhead_test_code target)
  target_link_libraries(${target} PRIVATE bulkhead::base GTest::gtest)
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    # The C library's headers want no fortification without optimisation.
    target_compile_options(${target} PRIVATE -O0 -U_FORTIFY_SOURCE)
  endif()
  if(NOT target STREQUAL "bulkhead_test_pch")
    target_precompile_headers(${target} REUSE_FROM bulkhead_test_pch)
  endif()
endfunction()

# bulkhead_test(NAME SOURCES … ROOMS … [LIBS …] [LABELS …] [COST SECONDS] [AS_SHIPPED])
#
# One GoogleTest program, one ctest entry; ./check counts its cases from the JSON report.
# LABELS: unit (no network, no database) or integration (starts a real PostgreSQL). COST: of one that takes long, so that it is
# begun early. AS_SHIPPED: its own code is compiled as the rooms are.
function(bulkhead_test name)
  cmake_parse_arguments(T "AS_SHIPPED" "TIMEOUT;COST" "SOURCES;ROOMS;LIBS;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 600)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${bulkhead_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE bulkhead_options ${T_LIBS} GTest::gtest GTest::gtest_main)
  foreach(room ${T_ROOMS})
    target_link_libraries(${name} PRIVATE bulkhead::${room})
  endforeach()
  if(NOT T_AS_SHIPPED)
    bulkhead_test_code(${name})
  endif()
  target_compile_definitions(${name} PRIVATE BULKHEAD_SOURCE_DIR="${bulkhead_SOURCE_DIR}" BULKHEAD_BINARY_DIR="${bulkhead_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name} --gtest_output=json:${bulkhead_BINARY_DIR}/reports/${name}.json
           WORKING_DIRECTORY ${bulkhead_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT})
  if(T_COST)
    set_tests_properties(${name} PROPERTIES COST ${T_COST})
  endif()
endfunction()

# bulkhead_test_again(NAME OF TEST ENV VARIABLE=VALUE… [FILTER PATTERN] [TIMEOUT SECONDS] [COST SECONDS])
#
# The same test program once more in other surroundings, as a ctest entry of its own: tests/support reads BULKHEAD_TEST_MODEL
# (row, schema, silo: where the fixtures' tenants live) and BULKHEAD_TEST_POOLER (1: the server reaches PostgreSQL through
# a PgBouncer). Not set by anything here, for a long run: BULKHEAD_TEST_FULL=1 kills at each place in each model
# (tests/support/program.hpp).
function(bulkhead_test_again name)
  cmake_parse_arguments(T "" "OF;FILTER;TIMEOUT;COST" "ENV" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 900)
  endif()
  if(NOT T_FILTER)
    set(T_FILTER "*")
  endif()
  add_test(NAME ${name} COMMAND ${T_OF} --gtest_filter=${T_FILTER} --gtest_output=json:${bulkhead_BINARY_DIR}/reports/${name}.json
           WORKING_DIRECTORY ${bulkhead_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS integration TIMEOUT ${T_TIMEOUT} ENVIRONMENT "${T_ENV}")
  if(T_COST)
    set_tests_properties(${name} PROPERTIES COST ${T_COST})
  endif()
endfunction()

# bulkhead_fuzz(NAME SOURCES … ROOMS …): a libFuzzer program under ASan and UBSan (preset `fuzz`). Its seeds are in
# tests/fuzz/corpus/NAME/.
function(bulkhead_fuzz name)
  if(NOT BULKHEAD_FUZZ)
    return()
  endif()
  cmake_parse_arguments(F "" "" "SOURCES;ROOMS" ${ARGN})
  add_executable(${name} ${F_SOURCES})
  target_include_directories(${name} PRIVATE ${bulkhead_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE bulkhead_options)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  foreach(room ${F_ROOMS})
    target_link_libraries(${name} PRIVATE bulkhead::${room})
  endforeach()
endfunction()

# bulkhead_program(TARGET): what a shipped program links beside its rooms. jemalloc where it is installed: a tenth of a
# request's time went into glibc's malloc (docs/decisions/dependencies.md). Not under a sanitizer, which brings its own.
find_library(JEMALLOC jemalloc)
function(bulkhead_program target)
  if(JEMALLOC AND NOT BULKHEAD_SANITIZE)
    target_link_libraries(${target} PRIVATE -Wl,--push-state,--no-as-needed ${JEMALLOC} -Wl,--pop-state)
  endif()
endfunction()
