#!/bin/bash
# Ten real minutes of pings both ways across rekeys with wireguard-go, without a lost one.
# It is the initiator that renews keys after two minutes, so each side gets to be it.
. "$(dirname "$0")/wg.sh"

seconds=${LONG_SECONDS:-600}
keys our their
wg genpsk >"$work/psk"
for k in 1 2; do
	ns "a$k" "b$k"
	cable "a$k" e0 "b$k" e0
	ip -n "a$k" addr add 10.9.0.1/24 dev e0
	ip -n "b$k" addr add 10.9.0.2/24 dev e0
	ours "a$k" "wgo$k"
	theirs "b$k" "wgt$k"
	wg set "wgo$k" private-key "$work/our.key" listen-port 5001 peer "$pub_their" \
		preshared-key "$work/psk" allowed-ips 10.10.0.2/32
	wg set "wgt$k" private-key "$work/their.key" listen-port 5002 peer "$pub_our" \
		preshared-key "$work/psk" allowed-ips 10.10.0.1/32
	ip -n "a$k" addr add 10.10.0.1/24 dev "wgo$k"
	ip -n "b$k" addr add 10.10.0.2/24 dev "wgt$k"
	ip -n "a$k" link set "wgo$k" up
	ip -n "b$k" link set "wgt$k" up
done
wg set wgo1 peer "$pub_their" endpoint 10.9.0.2:5002
wg set wgt2 peer "$pub_our" endpoint 10.9.0.1:5001
ok "we initiate the first tunnel" within 5 reaches a1 10.10.0.2
ok "wireguard-go initiates the second" within 5 reaches b2 10.10.0.1

count=$((seconds * 5))
for from in "a1 10.10.0.2" "b1 10.10.0.1" "a2 10.10.0.2" "b2 10.10.0.1"; do
	set -- $from
	in_ns "$1" ping -n -q -i 0.2 -c "$count" -w $((seconds + 60)) "$2" >"$work/ping.$1" 2>&1 &
	pinging="${pinging:-} $!"
done
# Handshakes are seen as they go by.
seen=""
last=""
while kill -0 ${pinging##* } 2>/dev/null; do
	now="$(handshake_of wgo1) $(handshake_of wgt2)"
	[ "$now" = "$last" ] || seen="$seen/$now"
	last=$now
	sleep 1
done
wait $pinging
for end in a1 b1 a2 b2; do
	echo "# $end: $(grep 'packet loss' "$work/ping.$end")"
	ok "from $end no ping of $count is lost" grep -q "$count packets transmitted, $count received" \
		"$work/ping.$end"
done
renewals() { tr / '\n' <<<"$seen" | sed /^$/d | cut -d' ' -f"$1" | sort -u | wc -l; }
wanted=$((seconds / 130))
ok "keys of the first tunnel were renewed at least $wanted times" test "$(renewals 1)" -gt "$wanted"
ok "keys of the second tunnel, too" test "$(renewals 2)" -gt "$wanted"
done_testing
