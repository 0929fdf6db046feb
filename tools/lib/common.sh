# Sourced by start, check and the tools: where the repository is, and how they speak. Everything that is said goes to
# stderr, so that stdout stays free for results (`./start --detach` prints one JSON line there).
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*" >&2; }
step() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  local line
  for line in "$@"; do printf '  → %s\n' "$line" >&2; done
  exit 1
}

# writable DIR: a clone that another user built cannot be built by this one.
writable() {
  if [[ ! -e $1 || (-w $1 && (! -e $1/build.ninja || -w $1/build.ninja)) ]]; then return 0; fi
  fail "$1 belongs to $(stat -c %U -- "$1"), and $(id -un) may not write there" \
    "run it as $(stat -c %U -- "$1"), or in a clone of your own"
}

# configure PRESET: runs cmake when the build folder was never configured, or when a preset or a CMake file changed so
# that Ninja cannot find out by itself.
configure() {
  local preset=$1 dir=$ROOT/build/$1 stamp log
  stamp=$dir/.configured
  log=$ROOT/build/$preset-configure.log
  writable "$ROOT/build"
  writable "$dir"
  mkdir -p "$dir"
  if [[ -f $dir/build.ninja && -f $stamp && ! $ROOT/CMakePresets.json -nt $stamp ]]; then return 0; fi
  step "configuring build/$preset"
  if ! (cd "$ROOT" && cmake --preset "$preset") >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "cmake could not configure build/$preset" "the whole output is in $log" \
      "if a package was removed by hand, run tools/install-deps check"
  fi
  touch "$stamp"
}

# build PRESET [TARGET…]: builds with one progress line on a terminal, a line every 20 s elsewhere; shows the compiler's
# words only when it fails.
build() {
  local preset=$1 log=$ROOT/build/$1-build.log
  shift
  local -a targets=()
  if (($# > 0)); then targets=(--target "$@"); fi
  step "building build/$preset ${*:-everything}"
  NINJA_STATUS='[%f/%t %es] ' cmake --build "$ROOT/build/$preset" "${targets[@]}" >"$log" 2>&1 &
  local pid=$! last=$SECONDS line
  while kill -0 "$pid" 2>/dev/null; do
    line=$(tail -n 1 "$log" 2>/dev/null | cut -c1-110)
    if [[ -t 2 ]]; then
      printf '\r\033[K       %s' "$line" >&2
    elif ((SECONDS - last >= 20)); then
      last=$SECONDS
      step "  $line"
    fi
    sleep 0.5
  done
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
  if ! wait "$pid"; then
    grep -n -m 20 -A 12 -E '(error:|FAILED:|undefined (symbol|reference)|ninja: error)' "$log" >&2 || tail -n 40 "$log" >&2
    fail "the build of build/$preset failed" "the whole output is in $log"
  fi
}
