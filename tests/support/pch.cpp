// CMake wants a source file beside what is precompiled for the tests.
