#!/bin/bash
# A tunnel inside a tunnel of the same interface: rows 26 and 27 of the list that WireGuard's own network
# selftest makes.
. "$(dirname "$0")/wg.sh"

ns a b
cable a e0 b e0
ip -n a addr add 10.9.0.1/24 dev e0
ip -n b addr add 10.9.0.2/24 dev e0
keys k1 k2 k3
ours a wg1
one=$daemon
ours b wg2
ours b wg3
three=$daemon
wg set wg1 private-key "$work/k1.key" listen-port 1 peer "$pub_k2" allowed-ips 192.168.241.2/32 \
	endpoint 10.9.0.2:2 peer "$pub_k3" allowed-ips 192.168.242.2/32 endpoint 192.168.241.2:5
wg set wg2 private-key "$work/k2.key" listen-port 2 peer "$pub_k1" allowed-ips 192.168.241.1/32 \
	endpoint 10.9.0.1:1
wg set wg3 private-key "$work/k3.key" listen-port 5 peer "$pub_k1" allowed-ips 192.168.242.1/32
ip -n a addr add 192.168.241.1/24 dev wg1
ip -n a addr add 192.168.242.1/24 dev wg1
ip -n b addr add 192.168.241.2/24 dev wg2
ip -n b addr add 192.168.242.2/24 dev wg3
ip -n a link set wg1 up mtu 1420
ip -n b link set wg2 up mtu 1420
ip -n b link set wg3 up mtu 1340
ok "the outer tunnel works" within 30 reaches a 192.168.241.2
ok "row 26: a peer that is reached through another one of the interface" within 30 reaches a 192.168.242.2
ok "row 26: ten pings" pings a 192.168.242.2
outer=$(wg show wg1 transfer | awk -v k="$pub_k2" '$1 == k { print $3 }')
pings a 192.168.242.2 -s 900 >/dev/null
ok "row 26: they went through the other one" at_least \
	$(($(wg show wg1 transfer | awk -v k="$pub_k2" '$1 == k { print $3 }') - outer)) 9000

kill $three
wait $three
wg set wg1 peer "$pub_k3" endpoint 192.168.242.2:5
before=$(wg show wg1 transfer | awk '{ n += $3 } END { print n }')
ok "row 27: a peer that would be reached through itself does not answer" not reaches a 192.168.242.2
pause 1000
after=$(wg show wg1 transfer | awk '{ n += $3 } END { print n }')
note "the loop carried $((after - before)) bytes"
ok "row 27: the loop carries less than 70,000 bytes" test $((after - before)) -lt 70000
ok "row 27: the daemon lives" kill -0 "$one"
ok "row 27: and the outer tunnel works" within 30 reaches a 192.168.241.2
done_testing
