#!/usr/bin/env bash
# What a machine can say about style. Every finding is an error. A line that must break a rule says why behind «lint:».
# shellcheck disable=SC2317 # the functions are called by check
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
status=0

check() { # title, command: whatever it prints is a finding
  local title=$1 found
  shift
  found=$("$@" 2>&1)
  [ -z "$found" ] && return
  printf '%s\n%s\n\n' "$title" "$(head -n 20 <<<"$found")"
  status=1
}

formatting() {
  git ls-files '*.c' '*.h' | grep -v _table.c | xargs clang-format --dry-run 2>&1 | grep -E ': warning: code should be clang-formatted' |
    cut -d: -f1 | sort | uniq -c
}
shells() { git ls-files '*.sh' .ci/run | xargs shellcheck; }
spelling() { git ls-files '*.md' '*.c' '*.h' '*.py' '*.sh' '*.yaml' | grep -v _table | xargs codespell -I tools/spelling-words.txt; }
banned() {
  git grep -nE '\b(strcpy|strcat|sprintf|gets|strtok|atoi|atof|system|alloca|setlocale|rand|srand|localtime|gmtime)\(' -- src include | grep -v 'lint: '
}
loud() {
  git grep -nE '\b(printf|fprintf|puts|exit|abort|_exit|perror)\(' -- src ':!src/cli' | grep -vE 'snprintf|vsnprintf|lint: '
}
long_files() {
  git ls-files 'src/*.c' 'src/*.h' 'include/*.h' 'tests/*' 'tools/*' | grep -vE '_table\.(c|h)$' | xargs wc -l | awk '$2 != "total" && $1 > 800'
}
unfinished() { git grep -nIwE 'TODO|FIXME|XXX|HACK' -- src include tests bench fuzz docs README.md; }
headers_alone() {
  local header
  for header in include/cormack/*.h; do
    printf '#include "cormack/%s"\n' "$(basename "$header")" | cc -std=c17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c -
  done
}
subjects() { git log --format='%h %s' | awk 'length($0) > 68'; }
reference() {
  rm -rf build/reference && tools/make_reference.py build/cormack build/reference && diff -rq build/reference docs/reference
}

check 'Not as clang-format writes it (tools/format.sh mends it):' formatting
check 'shellcheck:' shells
check 'Spelling (tools/spelling-words.txt holds words that are right):' spelling
check 'Banned functions:' banned
check 'The library never prints, exits or aborts:' loud
check 'Files over 800 lines:' long_files
check 'Unfinished work:' unfinished
check 'Headers that do not compile alone:' headers_alone
check 'Commit subjects over 60 characters:' subjects
check 'src/io/dicom/dictionary_table.c:' .venv/bin/python tools/make_dicom_tables.py --check
check 'docs/reference is not what the registry says (make docs mends it):' reference
[ $status = 0 ] && echo 'lint: clean'
exit $status
