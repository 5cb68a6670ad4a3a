#!/bin/bash
# What changes under a running mesh: peers die and return, addresses change, trust comes and goes.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B C
lan wire
number=0
for n in A B C; do
	number=$((number + 1))
	plug $n wire eth0 10.0.0.$number/24
done
up A
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
wait_for 5 "the mesh comes up" all_meet A B C

# elapsed SINCE LIMIT_MS WHAT: in whole milliseconds.
elapsed() {
	local ms=$((($(now_us) - $1) / 1000))
	note "$3: after $ms ms"
	at_most "$ms" "$2"
}

# --- dies and returns
both=$(both_of B)
killed B
ok "two processes were killed" same "$(wc -w <<<"$both")" 2
begin=$(now_us)
up B --seed 10.0.0.1:51821
ok "a peer that was killed is back, for A" within 5 meets A B
ok "and for C, whom it asked nothing" within 5 meets C B
ok "within 5 s of its start" elapsed "$begin" 5000 "B is back"
ok "and reaches them itself" all_meet A B C

killed A
begin=$(now_us)
up A
ok "the seed that was killed is back, for B" within 5 meets B A
ok "for C" within 5 meets C A
ok "within 5 s of its start" elapsed "$begin" 5000 "A is back"

# --- leaves and returns
says_left() { [ "$(peer "$1" "$2" .state)" = left ]; }
mg C down >/dev/null
ok "a peer that left is said to have left" within 2 says_left A C
ok "by everybody" within 2 says_left B C
ended C
begin=$(now_us)
up C --seed 10.0.0.1:51821
ok "it is back within 5 s of its start" within 5 all_meet A B C
note "after $((($(now_us) - begin) / 1000)) ms"

# --- moves
moves() { # NODE OLD NEW: while another pings it
	local lost
	on A ping -n -i 0.2 -w 12 -c 60 "$(mesh4 "$1")" >"$work/ping" 2>&1 &
	local pinging=$!
	within 5 grep -q icmp_seq=5 "$work/ping"
	on "$1" ip addr del "$2/24" dev eth0
	on "$1" ip addr add "$3/24" dev eth0
	wait $pinging
	lost=$((60 - $(grep -c 'bytes from' "$work/ping")))
	note "$1 moved: $lost pings of 60 lost"
	at_most "$lost" 10
}
# With B: C was restarted just now, and may shake hands once more.
same_session() { [ "$(peer A B .handshake_at_s)" = "$1" ]; }
session=$(peer A B .handshake_at_s)
ok "the address of B changes: at most 2 s of pings are lost" moves B 10.0.0.2 10.0.0.22
ok "A uses the new address" eval '[ "$(peer A B .endpoint)" = 10.0.0.22:51821 ]'
ok "C, too" within 5 eval '[ "$(peer C B .endpoint)" = 10.0.0.22:51821 ]'
ok "the session stayed" same_session "$session"
ok "all meet" within 5 all_meet A B C

# --- revoked and trusted again
begin=$(now_us)
ok "A revokes B" mg A revoke B
no_peer() { [ "$(peer "$1" "$2" .name)" = "" ]; }
no_tunnel() { ! on "$1" wg show mg0 peers | grep -q .; }
ok "its tunnel is gone within a second" within 1 no_peer A B
ok "that was" elapsed "$begin" 1000 "revoked"
ok "wg does not show it either" same "$(on A wg show mg0 peers | wc -l)" 1
ok "no ping passes" not meets4 B A
ok "nor the other way" not meets6 A B
ok "the other goes on" meets A C
ok "B and C go on" meets B C
begin=$(now_us)
ok "A trusts B again" trusts A B
ok "which is seen within a second" within 1 not no_peer A B
ok "and B reached" within 5 meets A B
note "after $((($(now_us) - begin) / 1000)) ms"
ok "and reaching" within 5 all_meet A B C

# The whole store goes.
mv "$work/A.d/authorized_keys" "$work/A.d/elsewhere"
ok "without a trust store nobody is a peer, within a second" within 1 no_tunnel A
ok "status says that nobody is trusted" same "$(json A .node.trusted)" 0
mv "$work/A.d/elsewhere" "$work/A.d/authorized_keys"
ok "it returns" within 5 all_meet A B C

# A file that is no key spoils nothing.
echo rubbish >"$work/A.d/authorized_keys/rubbish.pub"
ok "an unusable file is counted" within 1 eval '[ "$(json A .node.unusable_keys)" = 1 ]'
ok "and the others stay" meets A B
stop A B C
done_testing
