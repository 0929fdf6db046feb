#!/bin/sh
# case.sh FILE COMPILER [FLAG…]: one compile-fail case. FILE must compile with -DGOOD, so that what fails is what the case
# is about and not a slip in it; and must not compile without, with the reason of its first line ("// Fails with: REGEX")
# in an error of the compiler.
set -u
file=$1
shift
reason=$(sed -n '1s,^// Fails with: ,,p' "$file")
if [ -z "$reason" ]; then
  echo "$file:1: the first line must be \"// Fails with: REGEX\""
  exit 1
fi
if ! message=$("$@" -fsyntax-only -DGOOD "$file" 2>&1); then
  echo "$file: does not compile with -DGOOD, though it should:"
  echo "$message"
  exit 1
fi
if message=$("$@" -fsyntax-only "$file" 2>&1); then
  echo "$file: compiles, though it should not: $reason"
  exit 1
fi
if ! echo "$message" | grep -E 'error:' | grep -Eq -- "$reason"; then
  echo "$file: does not compile, but not for the reason \"$reason\":"
  echo "$message"
  exit 1
fi
