#!/bin/bash
# A wire that loses, doubles and reorders: TCP comes out whole, and of UDP nothing twice and nothing that was
# not sent. The network cards have no checksum offload here.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
for end in "A 1" "B 2"; do
	set -- $end
	ip link add "port$1" type veth peer name eth0 netns "${holder[$1]}"
	ip link set "port$1" up
	on "$1" ip addr add "10.0.0.$2/24" dev eth0
	on "$1" ip link set eth0 up
	on "$1" python3 "$root/test/e2e/wire.py" --plain eth0 || exit 1
done
python3 "$root/test/e2e/wire.py" portA portB 2 5 10 >"$work/wire" 2>"$work/wire.log" &
wire=$!
wait_for 30 "the wire" grep -q ready "$work/wire"
up A
up B --seed 10.0.0.1:51821
wait_for 60 "they meet" all_meet A B

head -c 2000000 /dev/urandom >"$work/data"
sum=$(sha256sum <"$work/data")
listens() { on "$1" ss -tln | grep -q :7777; }
tcp() {
	local to=$2 receiver
	on "$to" nc "-$3" -l -N 7777 >"$work/got" </dev/null &
	receiver=$!
	within 30 listens "$to" >/dev/null
	on "$1" timeout 120 nc -N "$("mesh$3" "$to")" 7777 <"$work/data"
	wait $receiver
	[ "$(sha256sum <"$work/got")" = "$sum" ]
}
ok "TCP over IPv4 arrives whole" tcp A B 4
ok "TCP over IPv6 arrives whole, the other way" tcp B A 6

cat >"$work/udp.py" <<'P'
"""udp.py receive | send ADDRESS: 4000 datagrams with numbers, in runs of 20; the receiver prints how many came,
how many came before an earlier one, and fails if one came twice or changed."""
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def datagram(n):
    return n.to_bytes(4, "big") + bytes((n + i) % 251 for i in range(1000))
if sys.argv[1] == "receive":
    s.bind(("", 7778))
    s.settimeout(60)
    print("ready", flush=True)
    seen, late, last = set(), 0, -1
    while True:
        try:
            data = s.recv(65535)
        except socket.timeout:
            break
        s.settimeout(3)
        n = int.from_bytes(data[:4], "big")
        if data != datagram(n):
            sys.exit("datagram %d changed" % n)
        if n in seen:
            sys.exit("datagram %d came twice" % n)
        seen.add(n)
        late += n < last
        last = max(last, n)
    print(len(seen), late, flush=True)
else:
    try:
        s.setsockopt(17, 103, 1004)  # UDP_SEGMENT
        runs = True
    except OSError:
        runs = False
    for r in range(200):
        run = [datagram(20 * r + k) for k in range(20)]
        for piece in ([b"".join(run)] if runs else run):
            s.sendto(piece, (sys.argv[2], 7778))
        time.sleep(0.01)  # the pace: a burst of all would be lost in a buffer, not on the wire
P
on B python3 "$work/udp.py" receive >"$work/udp" 2>"$work/udp.log" &
receiver=$!
wait_for 30 "the receiver" grep -q ready "$work/udp"
on A python3 "$work/udp.py" send "$(mesh4 B)"
wait $receiver
ok "of UDP nothing comes twice, and nothing else than was sent" same $? 0
read -r came late < <(tail -n 1 "$work/udp")
kill -TERM $wire
wait $wire
note "of 4000 datagrams $came came, $late of them late; the wire: $(tail -n 1 "$work/wire")"
ok "most of it comes" at_least "$came" 3000
ok "some of it late" at_least "$late" 1
ok "the wire doubled" at_least "$(awk '/passed/ { print $6 }' "$work/wire")" 50
ok "and what it doubled was refused" at_least "$(json B .node.counters.wireguard_drop_replay)" 10
stop A B
done_testing
