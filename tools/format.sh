#!/usr/bin/env bash
# Formats all C sources in place.
cd "$(dirname "$0")/.." && git ls-files '*.c' '*.h' | grep -v _table.c | xargs clang-format -i
