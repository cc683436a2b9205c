#!/usr/bin/env bash
# Runs a command beside a Redmine of its own, once for each text format. The
# command's environment names the server: REDMINE_URL, REDMINE_API_KEY (an
# administrator's) and REDMINE_TEXT_FORMAT. Needs install.sh once.
#
# Usage: with.sh DIR COMMAND...      (DIR stays, so that the next run starts quickly)
set -euo pipefail

[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//; 6p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
shift
port=$(ruby -rsocket -e 'puts TCPServer.new("127.0.0.1", 0).addr[1]')
trap '"$here/up.sh" stop "$dir"' EXIT
site=$("$here/up.sh" "$dir" "$port")
eval "$(ruby -rjson -rshellwords -e '
  s = JSON.parse(ARGV[0])
  { REDMINE_URL: s["url"], REDMINE_API_KEY: s["apiKey"] }.each { |k, v| puts "export #{k}=#{v.shellescape}" }' "$site")"
for format in textile markdown common_mark; do
  [ "$format" = textile ] || "$here/up.sh" format "$dir" "$format"
  echo "with.sh: text format $format"
  REDMINE_TEXT_FORMAT=$format "$@"
done
