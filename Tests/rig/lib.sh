# shellcheck shell=bash
# What the tools in this folder share: the cache folder, Debian packages, virtual environments.
# A tool sources it first:  . "$(dirname "$(readlink -f "$0")")/lib.sh"
set -euo pipefail
umask 022
RIG_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RIG_DIR=${RIG_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/natsd-rig}
mkdir -p "$RIG_DIR"
RIG_DIR=$(cd "$RIG_DIR" && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# usage SCRIPT: prints the comment block at the top of SCRIPT.
usage() { sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$1"; }

# missing_packages PACKAGE...: those of them that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || echo "$package"
  done
}

# apt_need PACKAGE...: installs what is missing. Services are not started.
apt_need() {
  local missing log=$RIG_DIR/apt.log made='' status=0
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "missing packages, and no apt-get here: ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "missing Debian packages, run as root: apt-get install ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    made=1
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  apt_install "${missing[@]}" >"$log" 2>&1 ||
    { apt-get update >"$log" 2>&1 && apt_install "${missing[@]}" >>"$log" 2>&1; } || status=1
  [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
  [ $status = 0 ] || die "apt-get install ${missing[*]} failed, see $log"
}
apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# debian_repository: "URI SUITE" of the Debian release this machine installs from, read from its own apt sources.
debian_repository() {
  local suite repository
  # shellcheck source=/dev/null
  suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016
  repository=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
    awk -v s="$suite" '$2 == s && $3 == "main" && $4 == "Debian" {sub("/$", "", $1); print $1, $2; exit}')
  [ -n "$repository" ] || die "no Debian 'main' repository for '$suite' in the apt sources (run apt-get update)"
  echo "$repository"
}

# python_at_least MINOR: path of a Python 3.MINOR or newer that can make virtual environments.
python_at_least() {
  local candidate found
  for candidate in python3 python3.{11..19} /usr/bin/python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
    found=$("$candidate" -c "import sys, venv, ensurepip; sys.version_info >= (3, $1) and print(sys.executable)" \
      2>/dev/null) || continue
    [ -z "$found" ] || { echo "$found"; return; }
  done
  if [ -n "$(missing_packages python3-venv)" ]; then
    apt_need python3-venv
    python_at_least "$1"
    return
  fi
  die "needs Python 3.$1 or newer with the venv module on PATH or under pyenv; none found"
}

# venv NAME MINOR REQUIREMENT...: path of a virtual environment with exactly these PyPI packages, made when missing or
# changed.
venv() {
  local name=$1 minor=$2 dir=$RIG_DIR/venv-$1
  shift 2
  if ! venv_is_current "$dir" "$*"; then
    (
      flock 9
      venv_is_current "$dir" "$*" || venv_make "$dir" "$minor" "$@"
    ) 9>"$RIG_DIR/venv-$name.lock" || exit 1
  fi
  echo "$dir"
}
venv_is_current() { [ "$(cat "$1/.requirements" 2>/dev/null || true)" = "$2" ] && "$1/bin/python" -c '' 2>/dev/null; }
venv_make() {
  local dir=$1 minor=$2 log=$RIG_DIR/pip.log python
  shift 2
  python=$(python_at_least "$minor") || exit 1
  say "installing from PyPI: $*"
  rm -rf "$dir"
  "$python" -m venv "$dir" >"$log" 2>&1 || die "cannot make a virtual environment with $python, see $log"
  "$dir/bin/python" -m pip --disable-pip-version-check install "$@" >>"$log" 2>&1 ||
    die "pip install $* failed, see $log"
  echo "$*" >"$dir/.requirements"
}
