#!/bin/bash
# A router that forgets after ten seconds (or FORGETS, of which FOUND are found, and EVERY so many ms kept): the daemon behind it finds that out, with the help of a
# member without a NAT, from a socket of its own, and keeps its paths by what it found.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

forgets=${FORGETS:-10} found=${FOUND:-8} every=${EVERY:-5000}
internet
node P A
public P 1
site 10 home A
on nat10 sysctl -qw net.netfilter.nf_conntrack_udp_timeout="$forgets" net.netfilter.nf_conntrack_udp_timeout_stream="$forgets"
trust_each_other P A
up P
wait_for 20 "P runs" serves P
reach() { json "$1" ".node.reach | $2"; }
is() { same "$(reach "$1" "$2")" "$3"; }
capture A eth0 wire 'udp and net 4.1.0.0/24' # P has two addresses there
up A --seed 4.1.0.2:51821
wait_for 20 "A runs" serves A
ok "A and P meet" within 20 meets4 A P
ok "there is a NAT" within 20 is A .nat easy
ok "so it says something each 20 s, until it knows better" is A .keepalive_ms 20000
ok "who has no NAT keeps nothing" within 20 is P '[.nat, .keepalive_ms] | tostring' '["public",null]'
ok "a mapping lives $found s at least" within 700 is A .lifetime_s "$found"
ok "so it says something each $every ms" is A .keepalive_ms "$every"
uncapture wire
# Touches, three to a trial at the most, and knocks come from two ports: each trial has its own.
ports() { captured wire | sed -n 's/^IP 192.168.10.2.\([0-9]*\) > .*/\1/p' | sort | uniq -c; }
ok "that was measured by three other sockets" same "$(ports | grep -vcw 51821)" 3
ok "a few datagrams each" eval "ports | awk '\$2 != 51821 && \$1 > 12 { bad = 1 } END { exit bad }'"
mg A netcheck --stun off >"$work/netcheck"
ok "netcheck tells it" grep -q '^NAT lifetime  *a mapping that nothing uses lives '"$found"' s at least' "$work/netcheck"
ok "netcheck --json, too" same "$(mg A netcheck --json --stun off | jq .lifetime_s)" "$found"
open_still() { on A ss -Hlun4 | grep -cE ":($(ports | awk '$2 != 51821 { print $2 }' | paste -sd '|'))\b"; }
ok "the sockets are closed" within 10 eval 'same "$(open_still)" 0'
ok "P reaches A" meets4 P A
done_testing
