#!/usr/bin/env bash
# Installs what a purpose needs: setup.sh PURPOSE...   (sections of tools/packages/debian.txt; «peers»: the Python judges)
# Does nothing where everything is there. On a system without apt it prints what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

packages_of() { # section
  awk -v want="[$1]" '/^#/ || NF == 0 {next} /^\[/ {in_it = ($1 == want); next} in_it {print $1}' tools/packages/debian.txt
}

missing_of() { # packages on stdin
  while read -r package; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_debian() { # section
  if ! command -v apt-get >/dev/null; then
    printf 'This is not Debian or Ubuntu. Please install what these Debian packages hold, then run make again with CM_SETUP=no:\n%s\n' \
      "$(packages_of "$1" | paste -sd' ' -)" >&2
    exit 2
  fi
  local missing
  missing=$(packages_of "$1" | missing_of | paste -sd' ' -)
  [ -n "$missing" ] || return 0
  local sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "Please install as root: apt-get install $missing" >&2; exit 2; }
    sudo=sudo
  fi
  echo "installing: $missing"
  $sudo apt-get update -qq
  # shellcheck disable=SC2086 # a list of names
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

install_peers() {
  local list=tools/packages/python-peers.txt
  cmp -s "$list" .venv/peers.txt && return 0
  echo "installing the Python judges of the tests into .venv"
  python3 -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check -r "$list"
  cp "$list" .venv/peers.txt
}

[ "${CM_SETUP:-yes}" != no ] || exit 0
for purpose in "$@"; do
  if [ "$purpose" = peers ]; then install_peers; else install_debian "$purpose"; fi
done
