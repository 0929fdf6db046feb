# Compiler, linker and warning settings that every target shares.
find_program(CCACHE ccache)
if(CCACHE)
  # pch_defines and time_macros are what ccache's manual asks for beside precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()

set_property(GLOBAL PROPERTY JOB_POOLS link=1)
set(CMAKE_JOB_POOL_LINK link)

add_library(bulkhead_options INTERFACE)
target_compile_features(bulkhead_options INTERFACE cxx_std_20)
target_compile_options(bulkhead_options INTERFACE -fno-omit-frame-pointer)
# A product that takes Bulkhead in has warnings of its own.
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(bulkhead_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-qual -Wold-style-cast -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(bulkhead_options INTERFACE -fpch-instantiate-templates -Wno-c++26-extensions)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  find_program(MOLD mold)
  find_program(LLD ld.lld-19)
  if(LLD)
    add_link_options(--ld-path=${LLD})
  elseif(MOLD)
    add_link_options(--ld-path=${MOLD})
  endif()
endif()
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
  target_compile_definitions(bulkhead_options INTERFACE _FORTIFY_SOURCE=2)
else()
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  target_compile_definitions(bulkhead_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(BULKHEAD_SANITIZE)
  add_compile_options(-fsanitize=${BULKHEAD_SANITIZE} -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=${BULKHEAD_SANITIZE})
  if(BULKHEAD_FUZZ)
    # Coverage in every room, the fuzzer's main only where a target links it.
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
  endif()
  # Frames must be seen by the sanitizer, not recycled (STYLE: issue qlever#1238).
  add_compile_definitions(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url system)
find_package(OpenSSL 3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(fmt REQUIRED)
