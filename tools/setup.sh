#!/usr/bin/env bash
# Installs what a purpose needs: setup.sh PURPOSE...   (sections of tools/packages/debian.txt; «peers»: the Python judges;
# «radiomics-peers»: the rivals of bench_radiomics.py)
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

# Each in an environment of its own, with a Python that it knows; what cannot be installed is left out by the bench.
install_radiomics_peers() {
  local list=tools/packages/radiomics-peers.txt name python packages folder
  while IFS='|' read -r name python packages; do
    folder=build/radiomics-peers/$name
    [ ! -e "$folder/done" ] || continue
    command -v "$python" >/dev/null || { echo "$name: no $python, left out"; continue; }
    echo "installing $name"
    # shellcheck disable=SC2086 # a list of packages
    if "$python" -m venv "$folder" && "$folder/bin/pip" install -q --disable-pip-version-check $packages; then
      touch "$folder/done"
    else
      rm -rf "$folder"
    fi
  done < <(grep -v '^#' "$list")
}

[ "${CM_SETUP:-yes}" != no ] || exit 0
for purpose in "$@"; do
  case $purpose in
    peers) install_peers ;;
    radiomics-peers) install_radiomics_peers ;;
    *) install_debian "$purpose" ;;
  esac
done
