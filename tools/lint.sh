#!/usr/bin/env bash
# What a machine can say about style. Every finding is an error.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
check() { # title; findings on stdin
  local found; found=$(cat)
  [ -z "$found" ] && return
  printf '%s\n%s\n\n' "$1" "$(head -n 20 <<<"$found")"; status=1
}
mapfile -t c_files < <(git ls-files '*.c' '*.h')
clang-format --dry-run "${c_files[@]}" 2>&1 | grep -E 'warning|error' | cut -d: -f1 | sort | uniq -c | check 'Not as clang-format writes it (tools/format.sh mends it):'
git ls-files '*.sh' .ci/run | xargs shellcheck | check 'shellcheck:'
git ls-files '*.md' '*.c' '*.h' '*.py' '*.sh' '*.yaml' | xargs codespell -L tools/spelling-words.txt 2>&1 -I tools/spelling-words.txt | check 'Spelling (tools/spelling-words.txt holds words that are right):'
git grep -nE '\b(strcpy|strcat|sprintf|gets|strtok|atoi|atof|system|alloca|setlocale|rand|srand|localtime|gmtime|strerror_r)\(' -- src include \
  | grep -vE 'lint: ' | check 'Banned functions:'
git grep -nE '\b(printf|fprintf|puts|exit|abort|_exit|perror)\(' -- src ':!src/cli' | grep -vE 'snprintf|vsnprintf|lint: ' | check 'The library never prints, exits or aborts:'
git ls-files 'src/*.c' 'src/*.h' 'include/*.h' 'tests/*' | grep -vE '_table\.(c|h)$' | xargs wc -l | awk '$2 != "total" && $1 > 800' | check 'Files over 800 lines:'
git grep -nIiE '\b(TODO|FIXME|XXX|HACK)\b' -- src include tests bench fuzz docs README.md | check 'Unfinished work:'
for header in include/cormack/*.h; do
  printf '#include "%s"\n' "cormack/$(basename "$header")" | cc -std=c17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c - 2>&1
done | check 'Headers that do not compile alone:'
git log --format=%s | awk 'length($0) > 60' | check 'Commit subjects over 60 characters:'
if [ -x build/cormack ]; then
  rm -rf build/reference && tools/make_reference.py build/cormack build/reference
  diff -rq build/reference docs/reference 2>&1 | check 'docs/reference is not what the registry says (make docs mends it):'
fi
[ $status = 0 ] && echo 'lint: clean'
exit $status
