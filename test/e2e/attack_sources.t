#!/bin/bash
# Attack 31 where the kernel carries whole runs: B sends runs of datagrams from the address of C, who
# alone is trusted with what they ask, and runs of its own in turn. They leave B's TUN as one packet,
# go as one run of datagrams and come to A gathered; each packet's source is looked at all the same.
. "$(dirname "$0")/mesh.sh"

rounds=20 run=20
node A B C
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
a4=$(mesh4 A) a6=$(mesh6 A) b4=$(mesh4 B) b6=$(mesh6 B) c4=$(mesh4 C) c6=$(mesh6 C)
mg A service default deny >/dev/null
mg A service allow icmp >/dev/null
mg A service allow udp 7778 >/dev/null

cat >"$work/runs.py" <<'P'
"""runs.py echo | send FALSE OWN TO ROUNDS RUN: in each round a run of datagrams of 1000 bytes from
the false address and one from the own; the last one of that is answered, or sent again."""
import socket, sys
def open_at(family, address, port):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, port))
    return s
if sys.argv[1] == "echo":
    s = open_at(socket.AF_INET6, "::", 7778)
    print("ready", flush=True)
    while True:
        data, who = s.recvfrom(65535)
        if data[0] == 2:
            s.sendto(data, who)
false, own, to, rounds, run = sys.argv[2:]
family = socket.AF_INET6 if ":" in to else socket.AF_INET
a, b = open_at(family, false, 0), open_at(family, own, 0)
for s in a, b:
    s.connect((to, 7778))
    try:
        s.setsockopt(17, 103, 1000)  # UDP_SEGMENT
        runs = True
    except OSError:
        runs = False
def send(s, pieces):
    for piece in [b"".join(pieces)] if runs else pieces:
        s.send(piece)
b.settimeout(1)
for r in range(int(rounds)):
    last = bytes([2, r]) + bytes(998)
    send(a, [bytes([0]) + bytes(999)] * int(run))
    send(b, [bytes([1]) + bytes(999)] * (int(run) - 1) + [last])
    for attempt in range(30):
        try:
            while b.recv(1000) != last:
                pass
            break
        except socket.timeout:
            b.send(last)
    else:
        sys.exit("no answer in round %d" % r)
P
on A python3 "$work/runs.py" echo >"$work/echo" 2>&1 &
echoes() { grep -q ready "$work/echo"; }
wait_for 30 "A answers" echoes
dropped() { json A .node.counters.wireguard_drop_source; }
uses() { [[ " $(json "$1" .node.offloads) " == *" $2 "* ]]; }
ruled() { [ "$(json A .node.service_rules)" = 2 ]; }

# attack NAME FALSE OWN TO: each false one is dropped, and none comes to A's TUN.
attack() {
	local name=$1 false=$2 own=$3 to=$4 before
	before=$(dropped)
	capture A mg0 inner udp dst port 7778
	capture A eth0 outer udp dst port 51821
	ok "$name: all honest runs are answered" on B python3 "$work/runs.py" send "$false" "$own" "$to" $rounds $run
	all_dropped() { [ $(($(dropped) - before)) = $((rounds * run)) ]; }
	ok "$name: each false packet is dropped" within 30 all_dropped
	arrived() { at_least "$(captured inner src host "$own" | wc -l)" $rounds; }
	ok "$name: what is honest came to the TUN" within 30 arrived
	uncapture inner
	uncapture outer
	ok "$name: nothing from the false address did" same "$(captured inner src host "$false")" ""
	note "$name: $(captured outer greater 1600 | wc -l) gathered datagrams of $(captured outer | wc -l)"
}
# meet NAME OFF-AT-A OFF-AT-B: the two start, without what is named.
meet() {
	# shellcheck disable=SC2086 # words
	up A ${2:+--no-offload $2}
	# shellcheck disable=SC2086 # words
	up B --seed 10.0.0.1:51821 ${3:+--no-offload $3}
	wait_for 30 "$1: they meet" all_meet A B
	wait_for 30 "$1: the rules are in force" ruled
	on B ip addr add "$c4/32" dev mg0
	on B ip -6 addr add "$c6/128" dev mg0 nodad
}

meet "in runs" "" ""
attack "in runs, IPv4" "$c4" "$b4" "$a4"
if uses A udp-gro && uses B udp-segment; then
	ok "they came gathered" at_least "$(captured outer greater 1600 | wc -l)" 1
else
	skip "they came gathered" "the kernel does not"
fi
attack "in runs, IPv6" "$c6" "$b6" "$a6"
stop A B
meet "gathered by neither" udp-gro udp-segment
attack "without" "$c4" "$b4" "$a4"
stop A B
done_testing
