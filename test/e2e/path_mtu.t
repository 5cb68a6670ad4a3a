#!/bin/bash
# Between two hosts lies a link that takes less than the others: it drops what is longer in silence,
# or says so by ICMP, or begins to drop in the midst of a transfer.
. "$(dirname "$0")/mesh.sh"

# scene NAME FAMILY: NAME-A and NAME-B, with the routers NAME-R and NAME-S between them.
scene() {
	local s=$1 x
	node "$s-A" "$s-B"
	host "$s-R" "$s-S"
	trust_each_other "$s-A" "$s-B"
	for x in a m b; do lan "$s$x"; done
	for x in R S; do
		on "$s-$x" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	done
	if [ "$2" = 4 ]; then
		plug "$s-A" "${s}a" eth0 10.1.0.1/24
		plug "$s-R" "${s}a" eth0 10.1.0.2/24
		plug "$s-R" "${s}m" eth1 10.2.0.1/24
		plug "$s-S" "${s}m" eth1 10.2.0.2/24
		plug "$s-S" "${s}b" eth0 10.3.0.2/24
		plug "$s-B" "${s}b" eth0 10.3.0.1/24
		on "$s-A" ip route add default via 10.1.0.2
		on "$s-B" ip route add default via 10.3.0.2
		on "$s-R" ip route add 10.3.0.0/24 via 10.2.0.2
		on "$s-S" ip route add 10.1.0.0/24 via 10.2.0.1
	else
		plug "$s-A" "${s}a" eth0 fd01::1/64
		plug "$s-R" "${s}a" eth0 fd01::2/64
		plug "$s-R" "${s}m" eth1 fd02::1/64
		plug "$s-S" "${s}m" eth1 fd02::2/64
		plug "$s-S" "${s}b" eth0 fd03::2/64
		plug "$s-B" "${s}b" eth0 fd03::1/64
		on "$s-A" ip route add default via fd01::2
		on "$s-B" ip route add default via fd03::2
		on "$s-R" ip route add fd03::/64 via fd02::2
		on "$s-S" ip route add fd01::/64 via fd02::1
	fi
	# A run of datagrams is one packet on a veth; here each is judged for itself.
	for x in A B; do on "$s-$x" ip link set dev eth0 gso_max_segs 1; done
}
# Both routers drop what is longer, and say nothing.
swallow() {
	local s=$1 x
	for x in R S; do
		on "$s-$x" nft "add table inet hole; add chain inet hole f { type filter hook forward \
			priority 0; }; add rule inet hole f meta length > $2 drop"
	done
}
start() {
	local s=$1 at=10.1.0.1:51821
	[ "$2" = 4 ] || at='[fd01::1]:51821'
	up "$s-A"
	up "$s-B" --seed "$at"
	wait_for 30 "$s: they meet" meets "$s-A" "$s-B"
}
# mtu_is SCENE N: both have measured it.
mtu_is() {
	meets4 "$1-A" "$1-B"
	meets4 "$1-B" "$1-A"
	same "$(peer "$1-A" "$1-B" .path_mtu)" "$2" && same "$(peer "$1-B" "$1-A" .path_mtu)" "$2"
}
# serve HOST PORT: one connection. A port each, lest the server before is taken for this one.
serve() { (exec nsenter -t "${holder[$1]}" -m -n -- iperf3 -s -1 -p "$2" >"$work/$1.server" 2>&1) & }
listens() { on "$1" ss -Hltn sport = ":$2" | grep -q .; }
# transfer SCENE PORT TO WORDS...: 3 MB, once.
transfer() {
	local s=$1 port=$2 to=$3
	shift 3
	serve "$s-B" "$port"
	within 30 listens "$s-B" "$port" || return 1
	on "$s-A" timeout 60 iperf3 -c "$to" -p "$port" -n 3M "$@"
}
transfers() {
	local s=$1
	ok "$s: TCP there by IPv4" transfer "$s" 5301 "$(mesh4 "$s-B")"
	ok "$s: and back" transfer "$s" 5302 "$(mesh4 "$s-B")" -R
	ok "$s: TCP there by IPv6" transfer "$s" 5303 "$(mesh6 "$s-B")"
	ok "$s: and back" transfer "$s" 5304 "$(mesh6 "$s-B")" -R
}
# too_long SCENE ADDRESS SIZE TEXT: the ping is refused with that word.
too_long() {
	on "$1-A" ping -n -c 1 -W 2 -w 2 -M "do" -s "$3" "$2" >"$work/ping" 2>&1
	grep -qi "$4" "$work/ping" || { cat "$work/ping"; return 1; }
}
passes() { on "$1-A" ping -n -c 1 -W 1 -w 1 -M "$2" -s "$3" "$4"; }
# errors SCENE N: what a packet that does not fit is told, and what is one that does.
errors() {
	local s=$1 n=$2 four six
	four=$(mesh4 "$s-B")
	six=$(mesh6 "$s-B")
	ok "$s: too long a packet of IPv4 is told what fits" too_long "$s" "$four" 1392 "mtu *= *$n"
	ok "$s: one of that length passes" within 30 passes "$s" "do" $((n - 28)) "$four"
	ok "$s: too long a packet of IPv6 is told what fits" too_long "$s" "$six" 1372 "mtu *= *$n"
	ok "$s: one of that length passes" within 30 passes "$s" "do" $((n - 48)) "$six"
	ok "$s: what may be cut in pieces is" within 30 passes "$s" "dont" 3000 "$four"
}

scene hole 4
swallow hole 1400
start hole 4
ok "a path that swallows what is longer is measured" within 30 mtu_is hole 1328
errors hole 1328
on hole-A ip route flush cache
for n in A B; do
	capture hole-$n mg0 syn-$n "ip and tcp[tcpflags] & tcp-syn != 0 and dst $(mesh4 hole-$n)"
done
transfers hole
for n in A B; do
	uncapture syn-$n
	captured syn-$n >"$work/syns"
	ok "$n is told of segments that fit" grep -q "mss 1288" "$work/syns"
	ok "and of no others" not grep -v "mss 1288" "$work/syns"
done
stop hole-A hole-B

scene hole6 6
swallow hole6 1400
start hole6 6
ok "a path of IPv6, too" within 30 mtu_is hole6 1312
errors hole6 1312
transfers hole6
stop hole6-A hole6-B

scene icmp 4
for n in R S; do on icmp-$n ip link set dev eth1 mtu 1400; done
start icmp 4
ok "a path whose router tells is measured" within 30 mtu_is icmp 1328
errors icmp 1328
transfers icmp
stop icmp-A icmp-B

scene late 4
start late 4
ok "a path that takes all is measured" within 30 mtu_is late 1420
ok "and all passes" passes late "do" 1392 "$(mesh4 late-B)"
serve late-B 5201
within 30 listens late-B 5201
on late-A timeout 120 iperf3 -c "$(mesh4 late-B)" -n 60M -b 16M -J >"$work/late.json" 2>&1 &
transferring=$!
moves() { on late-B ss -Htn state established sport = :5201 | grep -q .; }
wait_for 30 "the transfer began" moves
swallow late 1400
ok "a hole that opens under a transfer is found" within 60 mtu_is late 1328
wait $transferring
ok "and the transfer goes on and ends" same $? 0
ok "with all of it" same "$(jq .end.sum_sent.bytes "$work/late.json")" 62914560

# --- what the user is shown
ok "status says what passes" eval 'mg late-A status --verbose | grep -qx "path MTU: late-B 1328"'
ping_of() { mg late-A ping late-B --count 1 "$@"; }
ok "and ping" eval 'ping_of | grep -qE "^late-B: direct [0-9.:]+, round trip [^,]*[0-9][^,]*, path MTU 1328$"'
ok "for programs, too" same "$(ping_of --json | jq -c '[.name, .path, .path_mtu, .rtt_us > 0]')" \
	'["late-B","direct",1328,true]'
# The next one waits for an answer that does not come: three seconds, and code 5.
on late-B ip link set dev eth0 down
ok "no answer is no round trip" eval 'ping_of >"$work/ping"; same $? 5'
ok "and says so" grep -qE "no answer|no path" "$work/ping"
on late-B ip link set dev eth0 up
on late-B ip route replace default via 10.3.0.2
again() { ping_of >/dev/null; }
ok "and again there is one" within 60 again
stop late-A late-B

# A peer that nothing was sent to.
scene idle 4
up idle-A
up idle-B --seed 10.1.0.1:51821
knows() { same "$(peer idle-A idle-B .state)" alive; }
wait_for 30 "they know each other" knows
ok "a peer without a tunnel is reached by ping" within 30 mg idle-A ping idle-B --count 1
ok "which makes none" same "$(peer idle-A idle-B .tunnel_up)" false
ok "and of it all is measured" eval 'within 30 mg idle-A ping idle-B --count 2 >"$work/ping" &&
	within 30 eval "mg idle-A ping idle-B --count 1 | grep -q \"path MTU 1420\""'
stop idle-A idle-B
done_testing
