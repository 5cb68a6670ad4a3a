#!/bin/bash
# Rules that change under traffic, datagrams in fragments, and sources that are not the sender's.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
up A --log-events
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
wait_for 10 "the mesh comes up" all_meet A B C
a4=$(mesh4 A) a6=$(mesh6 A) b4=$(mesh4 B) b6=$(mesh6 B) c4=$(mesh4 C) c6=$(mesh6 C)
traffic=$root/test/e2e/traffic.py

# background HOST NAME WORDS...: traffic.py there; what it prints is in $work/NAME.
declare -A running
background() {
	local n=$1 name=$2
	shift 2
	(exec nsenter -t "${holder[$n]}" -m -n -- python3 "$traffic" "$@") >"$work/$name" 2>"$work/$name.log" &
	running[$name]=$!
}
serve() {
	background "$1" "serve.$1" serve "${@:2}"
	wait_for 5 "servers on $1" grep -q ready "$work/serve.$1"
}
serve A 5000 5001
serve B 6000
event_count() { grep -c "\"event\":\"$1\"" "$work/A.log"; }
in_force() { [ "$(json A .node.service_rules)" = "$1" ]; }

# --- a hundred changes, and nothing that is allowed is lost
mg A service allow tcp 5000 >/dev/null
mg A service allow udp 5000 >/dev/null
mg A service default deny >/dev/null
ok "the rules are in force" within 2 in_force 2
background B in4 flow "$a4" 5000 "$work/enough"
background B in6 flow "$a6" 5000 "$work/enough"
background A out4 flow "$b4" 6000 "$work/enough"
background A out6 flow "$b6" 6000 "$work/enough"
flows="in4 in6 out4 out6"
for f in $flows; do wait_for 5 "flow $f" grep -q begins "$work/$f"; done
before=$(event_count services_ruled)
changes=0
# In turn B has rules of its own, which decide about it then, and has none.
for _ in {1..50}; do
	mg A service allow --peer B all 5000 >/dev/null
	within 2 in_force 3 >/dev/null && changes=$((changes + 1))
	mg A service reset --peer B >/dev/null
	within 2 in_force 2 >/dev/null && changes=$((changes + 1))
done
ok "the rules were changed a hundred times" same "$changes" 100
ok "the node took over a hundred times" at_least $(($(event_count services_ruled) - before)) 100
: >"$work/enough"
for f in $flows; do wait "${running[$f]}"; done
# whole NAME: all came back, and it was some.
whole() {
	local udp sent echoed tcp bytes back
	read -r udp sent echoed tcp bytes back < <(grep udp "$work/$1")
	note "$1: ${sent:-0} datagrams, ${bytes:-0} bytes of a stream"
	if [ "$udp $tcp" != "udp tcp" ] || [ "$sent" -lt 1000 ] || [ "$sent" != "$echoed" ] || [ "$bytes" != "$back" ]; then
		cat "$work/$1" "$work/$1.log"
		return 1
	fi
}
ok "nothing of what B opened was lost, IPv4" whole in4
ok "IPv6" whole in6
ok "nothing of what A opened was lost, IPv4" whole out4
ok "IPv6" whole out6
ok "and the default denied nothing" \
	same "$(mg A service list --json | jq .default.packets)" 0
ok "nor was anything told as denied" same "$(event_count service_denied)" 0

# --- fragments: later ones have no ports, and pass with their first one
datagram() { on "$1" python3 "$traffic" datagram "$2" "$3" "$4"; }
for to in "$a4" "$a6"; do
	ok "4,000 bytes to an allowed port under default deny: $to" datagram B "$to" 5000 4000
	ok "60,000 bytes: $to" datagram B "$to" 5000 60000
	ok "not to another port: $to" not datagram B "$to" 5001 4000
done
for to in "$b4" "$b6"; do
	ok "what this host asks in fragments is answered in fragments: $to" datagram A "$to" 6000 4000
done
mg A service reset >/dev/null
mg A service default deny >/dev/null
ok "when nothing is allowed" within 2 in_force 0
ok "no fragment comes in" not datagram B "$a4" 5000 4000
ok "nor by IPv6" not datagram B "$a6" 5000 4000
mg A service allow all >/dev/null
ok "under allow all" within 2 in_force 1
for to in "$a4" "$a6"; do
	ok "fragments come in: $to" datagram B "$to" 5001 4000
done
mg A service deny --at 1 udp 5001 >/dev/null
ok "a rule before it" within 2 in_force 2
for to in "$a4" "$a6"; do
	ok "keeps out a datagram whose port it denies: $to" not datagram B "$to" 5001 4000
	ok "and no other: $to" datagram B "$to" 5000 4000
done

# --- attacks 13, 27, 31: B sends from the addresses of C, who alone may come in, and of A
mg A service reset >/dev/null
mg A service allow --peer C udp 5000 >/dev/null
mg A service default deny >/dev/null
ok "C alone may come in" within 2 in_force 1
on B ip addr add "$c4/32" dev mg0
on B ip -6 addr add "$c6/128" dev mg0 nodad
hits() { mg A service list --json | jq '[.rules[].packets, .default.packets] | add'; }
dropped() { json A .node.counters.wireguard_drop_source; }
before=$(hits)
drops=$(dropped)
capture A mg0 inner udp port 5000
ok "false and own sources in one burst" on B python3 "$traffic" burst "$c4,$b4" "$a4" 5000 400
ok "IPv6" on B python3 "$traffic" burst "$c6,$b6" "$a6" 5000 400
all_dropped() { [ $(($(dropped) - drops)) -ge 400 ]; }
ok "attack 13, 31: each false one is dropped" within 5 all_dropped
own_judged() { [ $(($(hits) - before)) -ge 400 ]; }
ok "and each own one is judged" within 5 own_judged
ok "attack 27: no false one was judged" same "$(hits)" "$((before + 400))"
uncapture inner
ok "nothing reached the host" same "$(captured inner | wc -l)" 0
on B ip addr del "$c4/32" dev mg0
on B ip -6 addr del "$c6/128" dev mg0
ok "C comes in" datagram C "$a4" 5000 100

stop A B C
done_testing
