#!/bin/bash
# Attack 40, conntrack poisoning: a whole datagram comes first, and takes the port away that the NAT
# would have given to its own host. Both meet all the same within 35 s.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

prober=$root/test/nat/prober.py
internet
node r s a b
public r 1
public s 2
ok "a is behind a NAT that drops nothing" site 11 naked a
ok "and b too" site 12 naked b
trust_each_other r s a b
up r
up s --seed 4.1.0.2:51821
wait_for 20 "r serves" serves r
wait_for 20 "s serves" serves s
on r "$prober" serve 4.1.0.2 4.1.0.3 >"$work/prober.log" 2>&1 &
wait_for 10 "the prober serves" grep -q serving "$work/prober.log"

# From b's own port, so that the outside of both is what the daemons will use.
poison() {
	on b python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 51821))
s.sendto(b'x' * 40, ('6.11.0.2', 51821))"
}
# The NAT holds the flow that the stranger began.
is_held() { on nat11 conntrack -L -p udp --orig-src 6.12.0.2 --orig-port-dst 51821 2>/dev/null | grep -q 6.11.0.2; }
ok "b's datagram comes first" poison
ok "a's NAT takes it for the first of a flow" within 2 is_held
for n in a b; do
	up $n --seed 4.1.0.2:51821 --seed 4.2.0.2:51821 --log-events
done
begin=$(now_us)
met() { [ "$(peer a b .path)" = direct ] && [ "$(peer b a .path)" = direct ]; }
ok "attack 40: they meet within 35 s" within 35 met
note "after $((($(now_us) - begin) / 1000)) ms"
ok "a ping goes through the tunnel" within 5 meets4 a b
# More than one socket was needed, and no more than that are left.
sockets() { mg "$1" status --json | jq .node.counters.punch_sockets; }
few() { [ "$(sockets a)" -le 2 ] && [ "$(sockets b)" -le 2 ]; }
ok "sockets of failed attempts are closed" within 70 few
done_testing
