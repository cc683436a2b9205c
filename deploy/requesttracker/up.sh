#!/usr/bin/env bash
# Brings up a Request Tracker for tests on 127.0.0.1, with everything of it in
# one folder. Needs install.sh once; no root. The first start makes a database,
# every later one goes back to that seed.
#
# Usage: up.sh DIR PORT
#        up.sh stop DIR
#
# Prints one JSON object: url; mine and other, each with token and queue,
# accounts that do not see each other's tickets; pid, to be stopped with
# SIGTERM. The log is DIR/rt.log.
set -euo pipefail

fail() { echo "up.sh: $*" >&2; exit 1; }
usage() { sed -n 's/^# \{0,1\}//; 6,7p' "$0" >&2; exit 2; }

# running prints the pid of the server in a folder, if it lives.
running() {
  local pid
  pid=$(cat "$1/rt.pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null && grep -qa rt-server "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

stop() {
  local pid
  pid=$(running "$1") || return 0
  kill -TERM "$pid"
  for _ in $(seq 100); do
    running "$1" >/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$pid"
}

if [ "${1-}" = stop ]; then
  [ $# = 2 ] || usage
  stop "$2"
  exit
fi
[ $# = 2 ] || usage
port=$2
[[ $port =~ ^[0-9]+$ ]] || usage
share=/usr/share/request-tracker5 server=/usr/share/request-tracker5/libexec/rt-server
for tool in perl curl rt-setup-database-5 "$server"; do
  command -v "$tool" >/dev/null || fail "$tool is missing: run install.sh first"
done
mkdir -p "$1"
dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
log=$dir/rt.log
seed=$dir/seed-$(cat "$here/seed.pl" "$here/up.sh" | cksum | cut -d ' ' -f 1) # another script, another seed
! pid=$(running "$dir") || fail "an RT runs in $dir already (pid $pid); up.sh stop $dir ends it"

export RT_SITE_CONFIG=$dir/RT_SiteConfig.pm RT_SITE_CONFIG_DIR=$dir/site.d LANG=C.UTF-8
mkdir -p "$dir"/{site.d,mason,session,var}

# No mail leaves, and nothing of the machine's own RT is used.
configure() {
  cat >"$RT_SITE_CONFIG" <<PERL
Set(\$rtname, 'tests.example.net');
Set(\$Organization, 'tests.example.net');
Set(\$WebDomain, '127.0.0.1');
Set(\$WebPort, $port);
Set(\$WebBaseURL, 'http://127.0.0.1:$port');
Set(\$DatabaseType, 'SQLite');
Set(\$DatabaseName, '$dir/rt.db');
Set(\$MailCommand, 'testfile');
Set(\$LogToSyslog, undef);
Set(\$LogToSTDERR, 'warning');
Set(\$WebSessionClass, 'Apache::Session::File');
\$RT::MasonDataDir = '$dir/mason';
\$RT::MasonSessionDir = '$dir/session';
\$RT::VarPath = '$dir/var';
1;
PERL
}

# step runs a command; its log is shown if it fails.
step() {
  local what=$1
  shift
  echo "== $what" >>"$log"
  "$@" >>"$log" 2>&1 || { sed -n "/^== $what/,\$p" "$log" | head -n 15 >&2; fail "$what failed; all of it is in $log"; }
}

make_seed() {
  rm -f "$dir"/rt.db*
  step 'making the database' rt-setup-database-5 --action init --skip-create
  perl -I"$share/lib" "$here/seed.pl" >"$seed.json.new" 2>>"$log" || { tail -n 15 "$log" >&2; fail "seeding failed; all of it is in $log"; }
  mv "$seed.json.new" "$seed.json"
  mv "$dir/rt.db" "$seed.db" # last: it says that the seed is whole
}

exec 9>"$dir/lock" # held until the server is up: two starts at a time would mix
flock -n 9 || fail "another up.sh is at work in $dir"
: >"$log"
configure
[ -f "$seed.db" ] || make_seed
rm -rf "$dir"/rt.db* "$dir/rt.pid" "$dir"/session/*
cp "$seed.db" "$dir/rt.db"

setsid nohup "$server" --server Starlet --host 127.0.0.1 --port "$port" --max-workers 2 >>"$log" 2>&1 </dev/null 9>&- &
echo $! >"$dir/rt.pid"
for _ in $(seq 300); do
  status=$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/REST/2.0/rt" 2>/dev/null) || true
  if [ "$status" = 401 ]; then
    perl -MJSON -e 'local $/; my $s = decode_json(<STDIN>); $s->{url} = $ARGV[0]; $s->{pid} = $ARGV[1] + 0; print JSON->new->canonical->encode($s), "\n"' \
      "http://127.0.0.1:$port" "$(cat "$dir/rt.pid")" <"$seed.json"
    exit 0
  fi
  kill -0 "$(cat "$dir/rt.pid")" 2>/dev/null || break
  sleep 0.2
done
stop "$dir"
tail -n 20 "$log" >&2
fail "RT did not come up on port $port; all of it is in $log"
