#!/bin/bash
# Ten real minutes of TCP both ways through the mesh across renewals of keys, without a second in which
# nothing arrives.
. "$(dirname "$0")/mesh.sh"

seconds=${LONG_SECONDS:-600}
node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
up A
up B --seed 10.0.0.1:51821
wait_for 30 "they meet" all_meet A B
handshakes() { json A '.node.counters | .wireguard_handshakes_sent + .wireguard_handshakes_received'; }
at_start=$(handshakes)

# Moderate, so that a busy machine is not what is measured.
listens() { on A ss -Hltn "sport = :$1" | grep -q .; }
running=()
stream() {
	local port=$1 name=$2
	shift 2
	(exec nsenter -t "${holder[A]}" -m -n -- iperf3 -s -1 -p "$port") >"$work/$name.server" 2>&1 &
	within 30 listens "$port" >/dev/null
	(exec nsenter -t "${holder[B]}" -m -n -- iperf3 -p "$port" -c "$(mesh4 A)" -t "$seconds" -i 1 -b 50M -J "$@") \
		>"$work/$name.json" 2>&1 &
	running+=($!)
}
stream 5201 there
stream 5202 back -R
for pid in "${running[@]}"; do
	wait "$pid"
	ok "a stream lasts $seconds s" same $? 0
done
# quiet NAME: seconds without a byte; the last interval may be a fragment of one.
quiet() { jq '[.intervals[].sum | select(.seconds > 0.9 and .bytes == 0)] | length' "$work/$1.json"; }
for name in there back; do
	note "$name: $(jq '.end.sum_received.bytes' "$work/$name.json") bytes, the slowest second $(jq \
		'[.intervals[].sum | select(.seconds > 0.9) | .bytes] | min' "$work/$name.json")"
	ok "$name: the seconds are there" at_least "$(jq '.intervals | length' "$work/$name.json")" $((seconds - 1))
	ok "$name: none without a byte" same "$(quiet $name)" 0
done
renewed=$(($(handshakes) - at_start))
note "keys were renewed $renewed times"
ok "keys were renewed at least $((seconds / 130)) times" at_least "$renewed" $((seconds / 130))
stop A B
done_testing
