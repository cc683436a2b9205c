#!/usr/bin/env bash
# Installs Debian's Request Tracker 5 with sqlite, for tests: nothing is
# started and no site is configured. Root. A second run has nothing to do and
# is quick.
#
# Usage: install.sh
set -euo pipefail

packages=(request-tracker5 rt5-db-sqlite curl)

fail() { echo "install.sh: $*" >&2; exit 1; }

installed() {
  local state
  state=$(dpkg-query -W -f='${db:Status-Status}\n' "${packages[@]}" 2>/dev/null) || return 1
  ! grep -qvx installed <<<"$state"
}

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
  fail "this is no Debian: it needs apt-get for the packages ${packages[*]}. Install RT 5 in your system's way, or run on Debian bookworm."
! installed || exit 0
[ "$(id -u)" = 0 ] || fail "must run as root to install ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get update failed"; }
apt-cache show request-tracker5 >/dev/null 2>&1 ||
  fail "there is no package request-tracker5 here (Debian bookworm and its successors have it; Ubuntu: universe)"
# Sites are the tests' own: Debian's tools shall make none.
apt-get install -y -qq --no-install-recommends debconf >"$log" 2>&1 || { cat "$log" >&2; fail "debconf cannot be installed"; }
printf 'request-tracker5 request-tracker5/%s boolean false\n' dbconfig-install install-cronjobs | debconf-set-selections
apt-get install -y -qq --no-install-recommends "${packages[@]}" >"$log" 2>&1 ||
  { tail -n 40 "$log" >&2; fail "the installation failed; see above"; }
installed || { tail -n 40 "$log" >&2; fail "the packages are not all installed; see above"; }
echo "install.sh: installed ${packages[*]}" >&2
