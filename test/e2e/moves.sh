# moves.sh - two nodes, and the same bytes both ways through them: TCP of many segments, and UDP
# datagrams that were sent as runs. Source it first.
# shellcheck shell=bash

# shellcheck source=test/e2e/mesh.sh
. "$(dirname "${BASH_SOURCE[0]}")/mesh.sh"

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
	within 30 listens "$to" >/dev/null
	timeout 60 nsenter -t "${holder[$1]}" -m -n -- nc -N "$("mesh$3" "$to")" 7777 <"$work/data"
	wait $receiver
	[ "$(sha256sum <"$work/got")" = "$sum" ]
}
cat >"$work/udp.py" <<'P'
"""udp.py receive | send ADDRESS: 40 runs of 20 datagrams of 1000 bytes, each with its number; the
receiver answers each run, so that none is lost for want of room."""
import socket, sys
ADDRESS = sys.argv[2] if len(sys.argv) > 2 else "::"
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(30)
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
	within 30 udp_ready >/dev/null
	on "$1" python3 "$work/udp.py" send "::ffff:$(mesh4 "$2")" && wait $receiver
}
moves() { tcp A B 4 && tcp B A 6 && udp A B && udp B A; }
offloads() { json "$1" .node.offloads; }
