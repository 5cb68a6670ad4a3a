#!/bin/bash
# Two devices of ours between three namespaces: rows 1-12, 14-17, 20, 21, 23 and 44 of the list
# that WireGuard's own network selftest makes. The daemons live in `mid`, where the datagrams go
# over loopback; their interfaces were moved to `one` and `two`.
. "$(dirname "$0")/wg.sh"

ns mid one two
keys k1 k2 k3
wg genpsk >"$work/psk"

# place NS INTERFACE HOST: the interface goes to NS, with its addresses.
place() {
	ip -n mid link set "$2" netns "$1"
	ip -n "$1" link set "$2" addrgenmode none
	ip -n "$1" addr add "192.168.241.$3/24" dev "$2"
	ip -n "$1" addr add "fd00::$3/112" dev "$2"
	ip -n "$1" link set "$2" mtu 1420
	ip -n "$1" link set "$2" up
}
bound() { in_ns mid ss -Hlun "sport = :$1" | grep -q .; }

# traffic ROWS WHAT SECONDS NS1 NS2 IPV4-OF-2 IPV6-OF-2 IPV4-OF-1 IPV6-OF-1
traffic() {
	local rows=$1 what=$2 seconds=$3 n1=$4 n2=$5 v4=$6 v6=$7 back4=$8 back6=$9
	ok "$rows: $what: ping IPv4" pings "$n2" "$back4"
	ok "$rows: $what: ping IPv4, the other way" pings "$n1" "$v4"
	ok "$rows: $what: ping IPv6" pings "$n2" "$back6"
	ok "$rows: $what: ping IPv6, the other way" pings "$n1" "$v6"
	stream "$rows: $what: TCP over IPv4, zero copy" "$seconds" "$n2" "$v4" "$n1" -Z
	stream "$rows: $what: TCP over IPv6, reverse" "$seconds" "$n1" "$back6" "$n2" -Z -R
	stream "$rows: $what: UDP over IPv4, as fast as it goes" "$seconds" "$n1" "$back4" "$n2" -b 0 -u
	stream "$rows: $what: UDP over IPv6, as fast as it goes" "$seconds" "$n2" "$v6" "$n1" -b 0 -u
	for streams in 4 5 50; do
		stream "$rows: $what: $streams TCP streams" "$seconds" "$n2" "$v4" "$n1" \
			-Z -P "$streams"
	done
}
# stream NAME SECONDS SERVER-NS SERVER-ADDRESS CLIENT-NS OPTIONS...
stream() {
	local name=$1 seconds=$2 at=$3 address=$4 from=$5 server
	shift 5
	in_ns "$at" iperf3 -s -1 -B "$address" >"$work/iperf.log" 2>&1 &
	server=$!
	within 5 listens "$at"
	ok "$name" in_ns "$from" timeout $((seconds + 20)) iperf3 -t "$seconds" -c "$address" "$@"
	kill $server 2>/dev/null
	wait $server 2>/dev/null
}
listens() { in_ns "$1" ss -Hltn 'sport = :5201' | grep -q .; }

ours mid wg1
first=$daemon
ours mid wg2
place one wg1 1
place two wg2 2
wg set wg1 private-key "$work/k1.key" listen-port 10001 \
	peer "$pub_k2" preshared-key "$work/psk" allowed-ips 192.168.241.2/32,fd00::2/128
wg set wg2 private-key "$work/k2.key" listen-port 10002 \
	peer "$pub_k1" preshared-key "$work/psk" allowed-ips 192.168.241.1/32,fd00::1/128
ok "interfaces that were moved away are seen to be up" \
	within 5 eval 'bound 10001 && bound 10002'
wg set wg1 peer "$pub_k2" endpoint 127.0.0.1:10002
wg set wg2 peer "$pub_k1" endpoint 127.0.0.1:10001

# --- row 8 and 9: the tunnel's first ten packets
packets_of() { ip -n "$1" -s -j link show "$2" | /usr/bin/python3 -c '
import json, sys
s = json.load(sys.stdin)[0]["stats64"]
print(s["rx"]["bytes"], s["tx"]["bytes"])'; }
ok "row 8: ten pings" pings two 192.168.241.1
ok "row 8: what one sent the other got" same \
	"$(sent_by wg1) $(sent_by wg2)" "$(received_by wg2) $(received_by wg1)"
ok "row 8: the responder sent 92 and 10 times 128 bytes" same "$(sent_by wg1)" 1372
ok "row 8: the initiator sent 148 and 10 times 128, and at most one keepalive" eval \
	'[[ $(sent_by wg2) = 1428 || $(sent_by wg2) = 1460 ]]'
ok "row 8: the interfaces agree: ten packets of 84 bytes each way" same \
	"$(packets_of one wg1) $(packets_of two wg2)" "840 840 840 840"
ok "row 9: the handshake has a time" eval 'has_handshake wg1 && has_handshake wg2'
ok "row 9: which is that of now" eval \
	'(( $(date +%s) - $(handshake_of wg1) < 60 && $(date +%s) - $(handshake_of wg2) < 60 ))'

inner() { traffic "$1" "$2" "$3" one two 192.168.241.2 fd00::2 192.168.241.1 fd00::1; }
inner "rows 1-7" "over IPv4" 3
ip -n one link set wg1 mtu 34736
ip -n two link set wg2 mtu 34736
inner "row 10" "jumbo packets" 1
ip -n one link set wg1 mtu 1420
ip -n two link set wg2 mtu 1420
wg set wg1 peer "$pub_k2" endpoint '[::1]:10002'
wg set wg2 peer "$pub_k1" endpoint '[::1]:10001'
inner "row 11" "over IPv6" 1
ip -n one link set wg1 mtu 34736
ip -n two link set wg2 mtu 34736
inner "row 12" "jumbo packets over IPv6" 1
ok "row 12: packets of 30,000 bytes" pings one fd00::2 -s 30000
ip -n one link set wg1 mtu 1420
ip -n two link set wg2 mtu 1420

# --- row 13: the padding of a packet of the MTU's length does not make the datagram longer
in_ns mid nft -f - <<'END'
table inet pad {
	counter long { }
	counter full { }
	chain i {
		type filter hook input priority 0
		udp sport 10003 udp length > 1341 counter name long
		udp sport 10003 udp length 1341 counter name full
	}
}
END
counted() { in_ns mid nft list counter inet pad "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
ours mid wg3
ip -n mid link set wg3 mtu 1301
ip -n mid link set wg3 addrgenmode none up
ip -n mid addr add 192.168.244.1/24 dev wg3
keys k13
wg set wg2 peer "$pub_k13" allowed-ips 192.168.244.1/32
wg set wg3 private-key "$work/k13.key" listen-port 10003 peer "$pub_k2" endpoint 127.0.0.1:10002 \
	allowed-ips 192.168.244.2/32
ip -n two addr add 192.168.244.2/24 dev wg2
ok "row 13: packets of an odd MTU's length pass" pings mid 192.168.244.2 -s 1273 -M "do"
ok "row 13: each in a datagram of 1301 and 32 bytes" at_least "$(counted full)" 10
ok "row 13: and in none that is longer" same "$(counted long)" 0
kill $daemon
wait $daemon
wg set wg2 peer "$pub_k13" remove

# --- rows 14 and 15: roaming
wg set wg1 peer "$pub_k2" endpoint 127.0.0.1:10002
wg set wg2 peer "$pub_k1" endpoint 127.0.0.1:10001
ok "row 14: before" pings two 192.168.241.1
wg set wg1 listen-port 9998
ok "row 14: our port changed: one packet" reaches one 192.168.241.2
ok "row 14: and the other end knows it" has_endpoint wg2 127.0.0.1:9998
# What is left of the streams above may still speak from the old address in between.
other_address() {
	wg set wg2 peer "$pub_k1" endpoint 127.212.121.99:9998
	reaches two 192.168.241.1 && has_endpoint wg2 127.212.121.99:9998
}
ok "row 14: another address of ours: answers come from the address that was spoken to" \
	within 5 other_address
wg set wg1 listen-port 9997 peer "$pub_k2" endpoint '[::1]:10002'
ok "row 15: from IPv4 to IPv6" reaches one 192.168.241.2
ok "row 15: and the other end knows it" has_endpoint wg2 '[::1]:9997'
wg set wg1 listen-port 9996
ok "row 15: another port of IPv6" reaches one fd00::2
ok "row 15: and the other end knows it" has_endpoint wg2 '[::1]:9996'
back_to_ipv4() {
	wg set wg1 peer "$pub_k2" endpoint 127.0.0.1:10002
	reaches one fd00::2 && has_endpoint wg2 127.0.0.1:9996
}
ok "row 15: back to IPv4, and the other end knows it" within 5 back_to_ipv4

# --- rows 16 and 17: cryptokey routing of what comes in
wg set wg2 peer "$pub_k1" allowed-ips 192.168.241.0/24
ok "row 16: a source within the peer's /24 is taken" pings one 192.168.241.2
wg set wg2 peer "$pub_k3" allowed-ips 192.168.241.1/32 endpoint 127.0.0.1:10009
wg set wg1 listen-port 9995
ok "row 16: once the /32 is another peer's it is dropped" not reaches one 192.168.241.2
ok "row 17: but it moved the endpoint" within 2 eval \
	'wg show wg2 endpoints | grep -q "^$pub_k1.127.0.0.1:9995$"'
wg set wg2 peer "$pub_k3" remove
ok "row 16: without that peer it is taken again" pings one 192.168.241.2
wg set wg2 peer "$pub_k1" allowed-ips 192.168.241.1/32,fd00::1/128

# --- row 20: a tunnel in the tunnel
keys in1 in2
ours one wgi1
ours two wgi2
inside=$daemon
wg set wgi1 private-key "$work/in1.key" listen-port 10011 peer "$pub_in2" \
	allowed-ips 192.168.99.2/32,fd99::2/128 endpoint '[fd00::2]:10012'
wg set wgi2 private-key "$work/in2.key" listen-port 10012 peer "$pub_in1" \
	allowed-ips 192.168.99.1/32,fd99::1/128 endpoint 192.168.241.1:10011
for end in "one wgi1 1" "two wgi2 2"; do
	set -- $end
	ip -n "$1" link set "$2" addrgenmode none mtu 1340
	ip -n "$1" addr add "192.168.99.$3/24" dev "$2"
	ip -n "$1" addr add "fd99::$3/112" dev "$2"
	ip -n "$1" link set "$2" up
done
traffic "row 20" "a tunnel in the tunnel" 1 one two 192.168.99.2 fd99::2 192.168.99.1 fd99::1

# --- row 21: wgi1's datagrams go through wg1, whose datagrams are made to go through wgi1
ip -n one link set wgi1 netns mid
ip -n mid addr add 192.168.99.1/24 dev wgi1
ip -n mid link set wgi1 up
ok "row 21: the inner interface still works from where it is now" within 5 reaches mid 192.168.99.2
wg set wg1 peer "$pub_k2" endpoint 192.168.99.2:7
ip -n two link del wgi2
ip -n two link del wg2
before=$(sent_by wgi1)
ok "row 21: nothing comes back from the loop" not in_ns mid ping -n -q -W 1 -c 10 -f 192.168.99.2
pause 1000
after=$(sent_by wgi1)
echo "# the loop carried $((after - before)) bytes"
ok "row 21: it carries less than 70,000 bytes" test $((after - before)) -lt 70000
ok "row 21: and something at all, so there was a loop" test $((after - before)) -gt 3000
wait $inside 2>/dev/null
kill $first
within 5 not has_socket wg1
ip -n mid link del wgi1
within 5 not has_socket wgi1

# --- row 44: keys of small order
ns out
cable mid v1 out v2
ip -n mid addr add 10.8.0.1/24 dev v1
ip -n out addr add 10.8.0.2/24 dev v2
ours mid wg1
ip -n mid addr add 192.168.243.1/24 dev wg1
ip -n mid link set wg1 up
wg set wg1 private-key "$work/k1.key"
n=0
for low in AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
	4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA= X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc= \
	7P///////////////////////////////////////38= 7f///////////////////////////////////////38= \
	7v///////////////////////////////////////38=; do
	n=$((n + 1))
	wg set wg1 peer "$low" persistent-keepalive 1 endpoint 10.8.0.2:1111 \
		allowed-ips "192.168.243.$((n + 1))/32"
done
in_ns mid nft -f - <<'END'
table inet watch {
	counter sent { }
	chain o { type filter hook output priority 0; udp dport 1111 counter name sent; }
}
END
watched() { in_ns mid nft list counter inet watch sent | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
for i in 2 3 4 5 6 7 8; do
	in_ns mid ping -n -q -c 1 -W 1 -w 2 "192.168.243.$i" >/dev/null 2>&1 &
	pinging=$!
done
wait $pinging
pause 2000
ok "row 44, attack_38: seven keys of small order: no packet leaves in two seconds" same "$(watched)" 0
wg set wg1 peer "$pub_k2" persistent-keepalive 1 endpoint 10.8.0.2:1111
ok "row 44: but for a good key one does" within 5 eval '[ "$(watched)" != 0 ]'

# --- row 23: behind a NAT that forgets after two seconds
ns box
ip -n mid link del v1
cable mid v1 box w1
cable box w2 out v2
ip -n mid addr add 192.168.1.100/24 dev v1
ip -n box addr add 192.168.1.1/24 dev w1
ip -n box addr add 10.0.0.1/24 dev w2
ip -n out addr add 10.0.0.100/24 dev v2
ip -n mid route add default via 192.168.1.1
in_ns box sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_udp_timeout=2 \
	net.netfilter.nf_conntrack_udp_timeout_stream=2
in_ns box nft -f - <<'END'
table ip nat {
	chain post { type nat hook postrouting priority 100; oifname "w2" snat to 10.0.0.1; }
	chain in { type filter hook input priority 0; iifname "w2" ct state new drop; }
}
END
ours out wg2
ip -n out addr add 192.168.243.2/24 dev wg2
ip -n out link set wg2 up
wg set wg2 listen-port 2 private-key "$work/k2.key" peer "$pub_k1" allowed-ips 192.168.243.1/32
wg set wg1 listen-port 1 private-key "$work/k1.key" peer "$pub_k2" remove \
	peer "$pub_k2" allowed-ips 192.168.243.2/32 endpoint 10.0.0.100:2 persistent-keepalive 1
ok "row 23: through the NAT" within 5 reaches mid 192.168.243.2
ok "row 22: the endpoint is the NAT's" eval '[[ $(endpoint_of wg2) = 10.0.0.1:* ]]'
pause 3000
ok "row 23: after 3 s of silence it is reached from outside, thanks to the keepalive" \
	reaches out 192.168.243.1
wg set wg1 peer "$pub_k2" persistent-keepalive 0
pause 3500
ok "row 23: without a keepalive it is not" not reaches out 192.168.243.1
done_testing
