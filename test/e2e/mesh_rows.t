#!/bin/bash
# Rows of the list that WireGuard's own network selftest makes, through the mesh and with all that its data
# plane has of the kernel: 1-8, 10-12, 20, 21 and 27 (docs/selftest.md).
. "$(dirname "$0")/mesh.sh"

node A B C D
trust_each_other A B C D
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 fd00::3/64
plug D wire eth0 fd00::4/64

# Ten, none lost. ping calls an answer lost that is late, so that a busy machine needs another try.
ten() {
	local n=$1 to=$2
	shift 2
	on "$n" ping -n -q -c 10 -f -W 5 -w 30 "$@" "$to" | grep ', 0% packet loss'
}
floods() { ten "$@" || ten "$@" || ten "$@"; }
listens() { on "$1" ss -Hltn 'sport = :5201' | grep -q .; }
# stream NAME SERVER ADDRESS CLIENT OPTIONS...
stream() {
	local name=$1 at=$2 address=$3 from=$4 server
	shift 4
	(exec nsenter -t "${holder[$at]}" -m -n -- iperf3 -s -1 -B "$address") >"$work/iperf.out" 2>&1 &
	server=$!
	within 30 listens "$at" >/dev/null
	ok "$name" on "$from" timeout 60 iperf3 -t 1 -c "$address" "$@"
	kill $server 2>/dev/null
	wait $server 2>/dev/null
}
# traffic ROWS WHAT NODE1 NODE2
traffic() {
	local rows=$1 what=$2 a=$3 b=$4 streams
	ok "$rows: $what: ping IPv4" floods "$b" "$(mesh4 "$a")"
	ok "$rows: $what: ping IPv4, the other way" floods "$a" "$(mesh4 "$b")"
	ok "$rows: $what: ping IPv6" floods "$b" "$(mesh6 "$a")"
	ok "$rows: $what: ping IPv6, the other way" floods "$a" "$(mesh6 "$b")"
	stream "$rows: $what: TCP over IPv4, zero copy" "$b" "$(mesh4 "$b")" "$a" -Z
	stream "$rows: $what: TCP over IPv6, reverse" "$a" "$(mesh6 "$a")" "$b" -Z -R
	stream "$rows: $what: UDP over IPv4, as fast as it goes" "$a" "$(mesh4 "$a")" "$b" -b 0 -u
	stream "$rows: $what: UDP over IPv6, as fast as it goes" "$b" "$(mesh6 "$b")" "$a" -b 0 -u
	for streams in 4 5 50; do
		stream "$rows: $what: $streams TCP streams" "$b" "$(mesh4 "$b")" "$a" -Z -P "$streams"
	done
}
up A
up B --seed 10.0.0.1:51821
wait_for 30 "A and B meet" all_meet A B

# --- row 8, as far as the mesh, which talks by itself, lets it be counted
bytes_of() { on "$1" ip -s -j link show mg0 | jq ".[0].stats64.$2.bytes"; }
got=$(bytes_of A rx) sent=$(bytes_of A tx)
ok "row 8: ten pings" on B ping -n -q -c 10 -i 0.2 "$(mesh4 A)"
ok "row 8: the interface counts ten packets of 84 bytes each way, and nothing else" same \
	"$(($(bytes_of A rx) - got)) $(($(bytes_of A tx) - sent))" "840 840"

jumbo() {
	local n
	for n; do on "$n" ip link set mg0 mtu 34736; done
}
traffic "rows 1-7" "over IPv4" A B
mtu=$(on A ip -j link show mg0 | jq ".[0].mtu")
jumbo A B
traffic "row 10" "jumbo packets" A B
ok "row 10: packets of 30,000 bytes" floods A "$(mesh6 B)" -s 30000

for n in A B; do on $n ip link set mg0 mtu "$mtu"; done
ok "afterwards they meet" within 30 all_meet A B

# --- row 20: a tunnel in the tunnel
for n in A B; do
	wg genkey >"$work/$n.wg"
	(exec nsenter -t "${holder[$n]}" -m -n -- "$MESHGUARD" wireguard -f wg0) >>"$work/$n.wg.log" 2>&1 &
	wait_for 30 "the device of $n" on $n test -S /run/wireguard/wg0.sock
done
inside() {
	local n=$1 at=$2 other=$3 to=$4
	on "$n" wg set wg0 private-key "$work/$n.wg" listen-port 5000 peer "$(wg pubkey <"$work/$other.wg")" \
		endpoint "$(mesh4 "$other"):5000" allowed-ips "10.10.0.$to/32"
	on "$n" ip addr add "10.10.0.$at/24" dev wg0
	on "$n" ip link set wg0 up mtu $((mtu - 80))
}
inside A 1 B 2
inside B 2 A 1
ok "row 20: a tunnel in the tunnel" within 30 reaches A 10.10.0.2
ok "row 20: ping" floods B 10.10.0.1
stream "row 20: TCP" A 10.10.0.1 B -Z
stream "row 20: TCP, reverse" A 10.10.0.1 B -Z -R
stream "row 20: UDP" A 10.10.0.1 B -b 0 -u

# --- rows 21 and 27: the way to the peer leads into the tunnel itself
used() { bytes_of A tx; }
on A ip route add 10.0.0.2/32 dev mg0
before=$(used) began=$EPOCHSECONDS
ok "rows 21, 27: nothing comes back from the loop" not on A ping -n -q -c 10 -f -W 1 "$(mesh4 B)"
after=$(used) took=$((EPOCHSECONDS - began + 1))
note "the loop carried $((after - before)) bytes in $took s"
ok "rows 21, 27: it carries less than 70,000 bytes a second" at_most $((after - before)) $((70000 * took))
ok "rows 21, 27: the daemon lives" serves A
on A ip route del 10.0.0.2/32 dev mg0
ok "rows 21, 27: without the loop they meet again" within 60 all_meet A B
stop A B

up C
up D --seed '[fd00::3]:51821'
wait_for 30 "C and D meet" all_meet C D
traffic "row 11" "over IPv6" C D
jumbo C D
traffic "row 12" "jumbo packets over IPv6" C D
ok "row 12: packets of 30,000 bytes" floods C "$(mesh6 D)" -s 30000
stop C D
done_testing
