#!/bin/bash
# Whatever the kernel helps with or does not, the same bytes come out at the other end: TCP of many
# segments both ways, and UDP datagrams that were sent as runs.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
head -c 8000000 /dev/urandom >"$work/data"
sum=$(sha256sum <"$work/data")

listens() { on "$1" ss -tln | grep -q :7777; }
# tcp FROM TO FAMILY: the file arrives whole.
tcp() {
	local to=$2
	on "$to" nc "-$3" -l -N 7777 >"$work/got" </dev/null &
	local receiver=$!
	within 5 listens "$to" >/dev/null
	timeout 20 nsenter -t "${holder[$1]}" -m -n -- nc -N "$("mesh$3" "$to")" 7777 <"$work/data"
	wait $receiver
	[ "$(sha256sum <"$work/got")" = "$sum" ]
}
cat >"$work/udp.py" <<'P'
"""udp.py receive | send ADDRESS: 40 runs of 20 datagrams of 1000 bytes, each with its number; the
receiver answers each run, so that none is lost for want of room."""
import socket, sys
ADDRESS = sys.argv[2] if len(sys.argv) > 2 else "::"
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(10)
def datagram(n):
    return n.to_bytes(4, "big") + bytes((n + i) % 251 for i in range(996))
if sys.argv[1] == "receive":
    s.bind(("::", 7778))
    print("ready", flush=True)
    for n in range(800):
        data, who = s.recvfrom(65535)
        if data != datagram(n):
            sys.exit("datagram %d is %d bytes of another" % (n, len(data)))
        if n % 20 == 19:
            s.sendto(b"go on", who)
else:
    try:
        s.setsockopt(17, 103, 1000)  # UDP_SEGMENT
        runs = True
    except OSError:
        runs = False
    for r in range(40):
        run = [datagram(20 * r + k) for k in range(20)]
        for piece in ([b"".join(run)] if runs else run):
            s.sendto(piece, (ADDRESS, 7778))
        s.recv(100)
P
udp_ready() { grep -q ready "$work/udp.out"; }
udp() {
	: >"$work/udp.out"
	on "$2" python3 "$work/udp.py" receive >"$work/udp.out" 2>&1 &
	local receiver=$!
	within 5 udp_ready >/dev/null
	on "$1" python3 "$work/udp.py" send "::ffff:$(mesh4 "$2")" && wait $receiver
}
moves() { tcp A B 4 && tcp B A 6 && udp A B && udp B A; }
offloads() { json "$1" .node.offloads; }
# without WORDS: none of them is in use at A, whatever the kernel has.
without() {
	local word in_use
	in_use=" $(offloads A)"
	for word in ${1//,/ }; do
		[ "$word" = all ] && { [ -z "${in_use// /}" ]; return; }
		[ "$word" = ipsec-mb ] && { [ "$(json A .node.aead)" = libcrypto ]; return; }
		[[ "$in_use" != *" $word"* ]] || return 1
	done
}

run() {
	local name=$1 a=$2 b=$3
	# shellcheck disable=SC2086 # words
	up A ${a:+--no-offload $a}
	# shellcheck disable=SC2086 # words
	up B --seed 10.0.0.1:51821 ${b:+--no-offload $b}
	wait_for 10 "$name: they meet" all_meet A B
	[ -z "$a" ] || ok "$name: none of it is in use" without "$a"
	ok "$name: the same bytes" moves
	stop A B
}
run "all that the kernel has" "" ""
for off in tso uso udp-segment udp-gro tso,udp-gro ipsec-mb all; do
	run "without $off" "$off" "$off"
done
run "one without all, the other with it" all ""
done_testing
