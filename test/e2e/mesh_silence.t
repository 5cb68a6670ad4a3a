#!/bin/bash
# Strangers get no answer to anything: no datagram leaves for them, shown by captures.
. "$(dirname "$0")/mesh.sh"

node A B C
lan wire
plug A wire eth0 10.0.0.1/24 fd00::1/64
plug B wire eth0 10.0.0.2/24 fd00::2/64
plug C wire eth0 10.0.0.3/24 fd00::3/64
udp="udp and not port 53 and not ip6 multicast and not ip multicast"
count() { captured "$@" | wc -l; }
heard() { [ "$(count "$1" "dst host $2 or dst host $3")" -ge "$4" ]; }
# spoke NAME WHO WHO6: what that one said in the capture.
spoke() { captured "$1" "src host $2 or src host $3"; }

# --- A trusts nobody, B and C know its key and address
trusts B A
trusts C A
capture A eth0 alone "$udp"
up A
up B --seed 10.0.0.1:51821
up C --seed '[fd00::1]:51821'
ok "B and C ask A" within 10 heard alone 10.0.0.1 fd00::1 4
ok "and do not meet it" not meets4 B A
# Whoever knows the key of A can make a handshake with a valid mac1.
declare twin
twin=$(peer B A .wireguard_key)
LOG_LEVEL=error on C wireguard-go -f wg0 >"$work/wg0.log" 2>&1 &
wait_for 5 "wireguard-go" on C test -S /run/wireguard/wg0.sock
wg genkey >"$work/stranger.key"
on C ip addr add 10.10.0.1/24 dev wg0
on C wg set wg0 private-key "$work/stranger.key" peer "$twin" endpoint 10.0.0.1:51821 \
	allowed-ips 10.10.0.2/32 persistent-keepalive 1
on C ip link set wg0 up
ok "a stranger's handshake arrives" within 10 eval '[ "$(json A .node.counters.wireguard_drop_unknown_peer)" -ge 1 ]'
# Anything else that one may try at a port.
for bytes in '\0' 'GET / HTTP/1.0\r\n\r\n' '\x01\0\0\0' '\x04\0\0\0' '\xe1' '\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa' \
	'\x01\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa' '\x40\0\0\0\xe1' '\xe2\xe3'; do
	printf '%b' "$bytes" | on C nc -u -q 0 -w 1 10.0.0.1 51821
	printf '%b' "$bytes" | on C nc -u -q 0 -w 1 fd00::1 51821
done
ok "other bytes arrive" within 5 eval '[ "$(json A .node.counters.drop_unknown_kind)" -ge 4 ]'
uncapture alone
note "A heard $(count alone "dst host 10.0.0.1 or dst host fd00::1") datagrams"
ok "A, which trusts nobody, said nothing" same "$(spoke alone 10.0.0.1 fd00::1)" ""
ok "A calls nobody a peer" same "$(json A '.peers | length')" 0
ok "B says that nobody answered" same "$(peer B A .reason)" never-heard

# --- attack 34: a wrong key and an unknown key look the same; the own key is refused
ok "attack_34: the own key is refused: 4" exits 4 mg A trust "$work/A.d/identity.pub" --name self
host N
on N env "MESHGUARD_CONFIG_DIR=$work/nobody.d" "$MESHGUARD" keygen >/dev/null
install -d -m 700 "$work/A.d/authorized_keys"
cp "$work/A.d/identity.pub" "$work/A.d/authorized_keys/self.pub"
cp "$work/nobody.d/identity.pub" "$work/A.d/authorized_keys/absent.pub"
within 2 eval '[ "$(json A .node.trusted)" -ge 1 ]' >/dev/null
capture A eth0 other "$udp"
capture A lo own "udp"
before=$(json A .node.counters.datagrams)
heard_more() { [ "$(json A .node.counters.datagrams)" -ge $((before + 3)) ]; }
ok "B still asks" within 20 heard_more
uncapture other
uncapture own
ok "attack_34: A, which trusts another key, says nothing to B and C" same "$(spoke other 10.0.0.1 fd00::1)" ""
ok "attack_34: nor to itself" same "$(captured own)" ""
ok "attack_34: its own key in a file makes no peer" same "$(json A '[.peers[].name] | join(" ")')" absent
stop A B C

# --- A is trusted by nobody
rm -f "$work/A.d/authorized_keys/"*.pub "$work/B.d/authorized_keys/"*.pub
trusts A B
capture B eth0 untrusted "$udp"
up B
up A --seed 10.0.0.2:51821
ok "A asks B" within 10 heard untrusted 10.0.0.2 fd00::2 3
uncapture untrusted
ok "B, which does not trust A, said nothing" same "$(spoke untrusted 10.0.0.2 fd00::2)" ""

# --- and one that is revoked is a stranger at once
trusts B A
ok "trusted, they meet" within 10 meets A B
mg B revoke A >/dev/null
within 1 eval '[ "$(json B .node.trusted)" = 0 ]' >/dev/null
capture B eth0 revoked "$udp"
on A ping -n -q -i 0.2 -c 10 -w 3 "$(mesh4 B)" >/dev/null
ok "what A sends still arrives" heard revoked 10.0.0.2 fd00::2 2
uncapture revoked
ok "B says nothing to the revoked A" same "$(spoke revoked 10.0.0.2 fd00::2)" ""
stop A B
done_testing
