#!/usr/bin/env bash
# All C tests and fuzz replays under ASan and UBSan, the loops and batch jobs under TSan, with clang: sanitize.sh JOBS
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$1
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
run() { # preset, tests
  echo "--- $1"
  cmake --preset "$1" -DCM_TESTS=ON >/dev/null
  cmake --build "build-$1" -j "$jobs" --target tests
  ctest --test-dir "build-$1" -j "$jobs" --output-on-failure "${@:2}"
}
run asan -LE script
run tsan -L threads
