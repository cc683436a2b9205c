#!/usr/bin/env bash
# Runs a command beside a Request Tracker of its own, which is named in the
# command's environment: RT_URL, RT_TOKEN and RT_QUEUE, and RT_OTHER_TOKEN and
# RT_OTHER_QUEUE of an account that sees none of that. Needs install.sh once.
#
# Usage: with.sh DIR COMMAND...      (DIR stays, so that the next run starts quickly)
set -euo pipefail

[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//; 6p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
shift
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
site=$("$here/up.sh" "$dir" "$port")
trap '"$here/up.sh" stop "$dir"' EXIT
eval "$(perl -MJSON -e '
  my $s = decode_json($ARGV[0]);
  my %env = (RT_URL => $s->{url}, RT_TOKEN => $s->{mine}{token}, RT_QUEUE => $s->{mine}{queue},
    RT_OTHER_TOKEN => $s->{other}{token}, RT_OTHER_QUEUE => $s->{other}{queue});
  print "export $_=\x27$env{$_}\x27\n" for sort keys %env;' "$site")"
"$@"
