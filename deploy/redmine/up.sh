#!/usr/bin/env bash
# Brings up a Redmine for tests on 127.0.0.1, with everything of it in one
# folder. Needs install.sh once; no root. The first start makes a database
# (about a minute), every later one goes back to that seed.
#
# Usage: up.sh DIR PORT [textile|markdown|common_mark]
#        up.sh format DIR textile|markdown|common_mark
#        up.sh stop DIR
#
# The second form changes the text format of a server that runs.
#
# Prints one JSON object: url; apiKey, an administrator's; project, an empty
# public one; fields.marker and fields.link, custom fields for all projects;
# fields.required, a field that is required in each project that has it (none
# at first); pid, to be stopped with SIGTERM. The log is DIR/redmine.log.
set -euo pipefail

fail() { echo "up.sh: $*" >&2; exit 1; }
usage() { sed -n 's/^# \{0,1\}//; 6,8p' "$0" >&2; exit 2; }

# running prints the pid of the server in a folder, if it lives.
running() {
  local pid
  pid=$(cat "$1/puma.pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null && grep -qa puma "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
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
change=
if [ "${1-}" = format ]; then
  [ $# = 3 ] || usage
  change=yes
  set -- "$2" 0 "$3"
fi
[ $# = 2 ] || [ $# = 3 ] || usage
port=$2 format=${3:-textile}
[[ $port =~ ^[0-9]+$ ]] || usage
[[ $format =~ ^(textile|markdown|common_mark)$ ]] || usage
for tool in ruby bundle curl; do
  command -v "$tool" >/dev/null || fail "$tool is missing: run install.sh first"
done
[ -d /usr/share/redmine/app ] || fail "Debian's Redmine is missing: run install.sh first"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
app=$dir/app log=$dir/redmine.log
seed=$dir/seed-$format-$(cksum <"$here/seed.rb" | cut -d ' ' -f 1) # another seed.rb, another seed
[ -n "$change" ] || ! pid=$(running "$dir") || fail "a Redmine runs in $dir already (pid $pid); up.sh stop $dir ends it"

unset X_DEBIAN_SITEID
export RAILS_ENV=production REDMINE_INSTANCE=default REDMINE_LANG=en LANG=C.UTF-8 RUBYOPT=-W0
export BUNDLE_SILENCE_ROOT_WARNING=1 BUNDLE_APP_CONFIG=$dir/bundle SECRET_KEY_BASE SCHEMA=/dev/null
SECRET_KEY_BASE=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')

# step runs a command; its log is shown if it fails, and the beginning of it is
# where Ruby says why.
step() {
  local what=$1
  shift
  echo "== $what" >>"$log"
  (cd "$app" && "$@") >>"$log" 2>&1 || { sed -n "/^== $what/,\$p" "$log" | head -n 15 >&2; fail "$what failed; all of it is in $log"; }
}

# A copy is a site of its own: what Debian links to /etc and /var is replaced,
# and the Gemfile reads the copy's database.yml.
copy_app() {
  rm -rf "$app" "$app.new"
  mkdir "$app.new"
  tar -C /usr/share/redmine --exclude=./instances --exclude=./Gemfile.lock -ch . 2>/dev/null | tar -C "$app.new" -x
  mkdir -p "$app.new"/{files,log,tmp} "$app.new"/instances/default/{config,files,log,tmp}
  sed -i "s#/usr/share/redmine/#$app/#" "$app.new/Gemfile"
  # The Gemfile reads one of these, Rails the other.
  printf 'production:\n  adapter: sqlite3\n  database: %s\n  timeout: 10000\n  encoding: utf8\n' "$dir/redmine.db" |
    tee "$app.new/config/database.yml" >"$app.new/instances/default/config/database.yml"
  printf 'gem "puma"\ngem "sqlite3" unless dependencies.any? { |d| d.name == "sqlite3" }\n' >"$app.new/Gemfile.local"
  mv "$app.new" "$app"
  step 'finding the gems' bundle install --local --quiet
}

make_seed() {
  rm -f "$dir"/redmine.db*
  step 'making the database' bundle exec rake db:migrate
  step 'loading the default data' bundle exec rake redmine:load_default_data
  step 'seeding' bundle exec rails runner "$here/seed.rb" "$format" "$seed.json.new"
  mv "$seed.json.new" "$seed.json"
  mv "$dir/redmine.db" "$seed.db" # last: it says that the seed is whole
}

if [ -n "$change" ]; then
  running "$dir" >/dev/null || fail "no Redmine runs in $dir"
  # The server asks with each request whether a setting has changed.
  step "changing the text format to $format" bundle exec rails runner 'Setting.text_formatting = ARGV[0]' "$format"
  exit 0
fi

exec 9>"$dir/lock" # held until the server is up: two starts at a time would mix
flock -n 9 || fail "another up.sh is at work in $dir"
: >"$log"
[ -f "$app/Gemfile.lock" ] || copy_app
[ -f "$seed.db" ] || make_seed
rm -f "$dir"/redmine.db* "$dir/puma.pid"
cp "$seed.db" "$dir/redmine.db"

# One thread: with sqlite a second writer waits for the first inside the driver,
# which stops all of Ruby meanwhile, for seconds. The one thread must not wait
# for the next request of a connection while others have theirs ready.
cat >"$dir/puma.rb" <<PUMA
bind 'tcp://127.0.0.1:$port'
environment 'production'
threads 1, 1
max_fast_inline 1
pidfile '$dir/puma.pid'
PUMA
(cd "$app" && exec setsid nohup bundle exec puma -C "$dir/puma.rb" config.ru >>"$log" 2>&1 </dev/null 9>&-) &
server=$!
for _ in $(seq 300); do
  if curl -fsS -o /dev/null "http://127.0.0.1:$port/login" 2>/dev/null && [ -f "$dir/puma.pid" ]; then
    ruby -rjson -e 'puts JSON.generate(JSON.parse(File.read(ARGV[0])).merge("url" => ARGV[1], "pid" => ARGV[2].to_i))' \
      "$seed.json" "http://127.0.0.1:$port" "$(cat "$dir/puma.pid")"
    exit 0
  fi
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
kill -TERM "$server" 2>/dev/null || true
tail -n 20 "$log" >&2
fail "Redmine did not come up on port $port; all of it is in $log"
