#!/bin/bash
# attack_04: a peer is removed again and again while packets go both ways, as often as it can be done:
# no report of a sanitizer, no packet under a key of zeros or of another session, and it works on.
# First by `wg` on a plain device, then by revoking and trusting in the mesh.
. "$(dirname "$0")/mesh.sh"

cat >"$work/zero.py" <<'P'
"""zero.py FILE.pcap: each data message of the capture is tried with a key of zeros; prints how many there
were, and fails if one opens, or a nonce was used twice with one receiver index."""
import struct, sys
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_decrypt as opened
from nacl.exceptions import CryptoError
data = open(sys.argv[1], "rb").read()
at, count, seen = 24, 0, {}
while at + 16 <= len(data):
    length = struct.unpack_from("<I", data, at + 8)[0]
    frame, at = data[at + 16:at + 16 + length], at + 16 + length
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:
        continue
    udp = 14 + (frame[14] & 15) * 4
    message = frame[udp + 8:]
    if message[:4] != b"\x04\0\0\0" or len(message) < 32:
        continue
    count += 1
    tag = message[-16:]
    if seen.setdefault(message[4:16], tag) != tag:
        sys.exit("counter %s twice" % message[4:16].hex())
    try:
        opened(message[16:], b"", b"\0" * 4 + message[8:16], b"\0" * 32)
    except CryptoError:
        continue
    sys.exit("a packet under a key of zeros")
print(count)
P
no_zero_key() {
	local count
	count=$(/usr/bin/python3 "$work/zero.py" "$work/$1.pcap" 2>&1) || { echo "$count"; return 1; }
	note "$1: $count data messages"
	at_least "$count" "$2"
}
# talk HOST ADDRESS: pings without a pause, until ended; no answer ends it.
talk() {
	(exec nsenter -t "${holder[$1]}" -m -n -- ping -q -i 0.002 -s 900 "$2") >/dev/null 2>&1 &
	talking+=($!)
}
talking=()
hush() {
	kill "${talking[@]}"
	wait "${talking[@]}" 2>/dev/null
	talking=()
}

node A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24

# --- a device of WireGuard
for n in A B; do
	wg genkey >"$work/$n.wg"
	(exec nsenter -t "${holder[$n]}" -m -n -- "$MESHGUARD" wireguard -f wg0) >>"$work/$n.wg.log" 2>&1 &
	daemon[$n]=$!
	wait_for 30 "the device of $n" on $n test -S /run/wireguard/wg0.sock
done
add() {
	local n=$1 at=$2 other=$3 to=$4
	on "$n" wg set wg0 peer "$(wg pubkey <"$work/$other.wg")" endpoint "10.0.0.$to:5000" \
		allowed-ips "10.10.0.$to/32" persistent-keepalive 25
}
remove() { on A wg set wg0 peer "$(wg pubkey <"$work/B.wg")" remove; }
at=0
for n in A B; do
	at=$((at + 1))
	on $n wg set wg0 private-key "$work/$n.wg" listen-port 5000
	on $n ip addr add 10.10.0.$at/24 dev wg0
	on $n ip link set wg0 up
done
add A 1 B 2
add B 2 A 1
works() { reaches A 10.10.0.2 && reaches B 10.10.0.1; }
wait_for 30 "the tunnel works" works
capture A eth0 device "udp port 5000"
talk A 10.10.0.2
talk B 10.10.0.1
churned=0 end=$((EPOCHSECONDS + ${CHURN_SECONDS:-6}))
while [ $EPOCHSECONDS -lt $end ]; do
	for _ in 1 2 3 4 5; do
		remove
		add A 1 B 2
		churned=$((churned + 1))
	done
	# Handshakes with one peer are five seconds apart: a moment in which there is a session.
	within 2 works >/dev/null
done
hush
note "the peer was removed and added $churned times"
ok "it was removed often" at_least $churned 10
ok "afterwards the tunnel works" within 40 works
uncapture device
ok "attack_04: no packet under a key of zeros, and no nonce twice" no_zero_key device 50
kill "${daemon[A]}" "${daemon[B]}"
wait "${daemon[A]}" "${daemon[B]}"
unset "daemon[A]" "daemon[B]"

# --- the mesh
trust_each_other A B
up A
up B --seed 10.0.0.1:51821
wait_for 30 "the mesh comes up" all_meet A B
capture A eth0 mesh "udp port 51821"
talk A "$(mesh4 B)"
talk B "$(mesh4 A)"
churned=0 end=$((EPOCHSECONDS + ${CHURN_SECONDS:-6}))
while [ $EPOCHSECONDS -lt $end ]; do
	mg A revoke B >/dev/null 2>&1
	trusts A B
	churned=$((churned + 1))
	within 2 all_meet A B >/dev/null
done
hush
note "B was revoked and trusted $churned times"
ok "B was revoked more than once" at_least $churned 2
ok "afterwards they meet" within 60 all_meet A B
uncapture mesh
ok "attack_04: the same in the mesh" no_zero_key mesh 50
ok "both daemons live" eval 'serves A && serves B'
stop A B
done_testing
