#!/bin/bash
# The host's own addresses under a running mesh: they come and go by the thousand, and the one that a tunnel
# leaves by stays where it leads nowhere.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
up A
up B --seed 10.0.0.1:51821
wait_for 5 "the mesh comes up" all_meet A B

# --- thousands of changes, so that lists of them are interrupted and messages are lost
lan busy
plug A busy busy 10.9.0.1/24
for round in 1 2 3 4 5 6 7 8; do
	for i in $(seq 250); do
		echo "addr add 192.168.$round.$i/32 dev busy"
		echo "addr add 2001:db8:$round::$i/128 dev busy nodad"
	done
	for i in $(seq 250); do
		echo "addr del 192.168.$round.$i/32 dev busy"
		echo "addr del 2001:db8:$round::$i/128 dev busy"
	done
done >"$work/batch"
for part in 1 2 3; do
	on A ip -batch "$work/batch" || ok "the addresses of part $part are changed" false
done
ok "the daemon lives" serves A
ok "and the mesh" within 5 all_meet A B
on A ip link del busy

# --- B's address stays, but what it leads to is cut; another way is there
lan way
# Records of a node that changes so often come one a second.
learned() { [ "$(json "$1" .node.sequence)" -gt "$2" ]; }
before=$(json A .node.sequence)
plug A way eth1 10.0.1.1/24
plug B way eth1 10.0.1.2/24
ok "a new address is in a new record within 2 s" within 2 learned A "$before"
ok "all meet" within 5 all_meet A B
on B ip link set eth0 down
ok "over the other way, within 10 s" within 10 all_meet A B
on B ip link set eth0 up
ok "and still when the first is back" within 5 all_meet A B
stop A B
done_testing
