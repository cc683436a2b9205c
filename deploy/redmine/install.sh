#!/usr/bin/env bash
# Installs Debian's Redmine with sqlite and puma, for tests: nothing is started
# and no site is configured. Root. A second run has nothing to do and is quick.
#
# Usage: install.sh
set -euo pipefail

packages=(redmine redmine-sqlite puma curl)

fail() { echo "install.sh: $*" >&2; exit 1; }

installed() {
  local state
  state=$(dpkg-query -W -f='${db:Status-Status}\n' "${packages[@]}" 2>/dev/null) || return 1
  ! grep -qvx installed <<<"$state"
}

# Bundler 2.3.27, which came with a security update of Debian's Ruby, takes a
# gem for deleted when its folder is missing, and Debian's packages bring a
# gemspec alone: "Could not find ... for installation". An empty folder per
# gemspec is all that it wants to see.
give_gems_folders() {
  local spec root
  for spec in /usr/share/rubygems-integration/*/specifications/*.gemspec \
    /usr/lib/*/rubygems-integration/*/specifications/*.gemspec; do
    [ -e "$spec" ] || continue
    root=${spec%/specifications/*}
    mkdir -p "$root/gems/$(basename "$spec" .gemspec)"
  done
}

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
  fail "this is no Debian: it needs apt-get for the packages ${packages[*]}. Install Redmine 5 in your system's way, or run on Debian bookworm."

if installed; then
  give_gems_folders # a gem may have been installed since
  exit 0
fi

[ "$(id -u)" = 0 ] || fail "must run as root to install ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get update failed"; }
apt-cache show redmine >/dev/null 2>&1 ||
  fail "there is no package redmine here (Debian bookworm and its successors have it; Ubuntu: universe)"
# Sites are the tests' own: Debian's tools shall make none.
apt-get install -y -qq --no-install-recommends debconf >"$log" 2>&1 || { cat "$log" >&2; fail "debconf cannot be installed"; }
echo 'redmine redmine/instances/default/dbconfig-install boolean false' | debconf-set-selections

# The first try ends at Redmine's own set-up where Bundler is the one above;
# with the folders it can be finished.
if ! apt-get install -y -qq --no-install-recommends "${packages[@]}" >"$log" 2>&1; then
  give_gems_folders
  dpkg --configure -a >>"$log" 2>&1 || { tail -n 40 "$log" >&2; fail "the installation failed; see above"; }
fi
give_gems_folders
installed || { tail -n 40 "$log" >&2; fail "the packages are not all installed; see above"; }
echo "install.sh: installed ${packages[*]}" >&2
