#!/bin/bash
# The memory of a node: after one meeting it rejoins within 5 s without seed, DNS or mDNS, by what it
# wrote down itself, after an orderly end and after a power cut.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24 fd00::1/64
plug B wire eth0 10.0.0.2/24 fd00::2/64
plug C wire eth0 10.0.0.3/24 fd00::3/64
up A
up B --seed 10.0.0.1:51821
up C --seed '[fd00::1]:51821'
wait_for 10 "the first meeting" all_meet A B C
wrote() { [ "$(stat -c %s "$work/$1.d/state/peers" 2>/dev/null)" = 102 ]; }
no_seed() { same "$(json C '.node.seeds | length')" 0; }

# Of those who stay, nobody remembers C: it has to come by itself.
forget() {
	stop A B
	rm -f "$work"/[AB].d/state/peers
	up A
	up B --seed 10.0.0.1:51821
	wait_for 10 "A and B without C" all_meet A B
	ok "they do not know where C is" same "$(peer A C .endpoint) $(peer B C .endpoint)" "null null"
}
# rejoins HOW: C is started.
rejoins() {
	local begin
	begin=$(now_us)
	up C
	ok "$1: rejoins within 5 s" within 5 all_meet A B C
	note "$1: after $((($(now_us) - begin) / 1000)) ms"
	ok "$1: without any seed" no_seed
}
stop C
ok "an orderly end writes down both peers" wrote C
forget
rejoins "after an orderly end"
ok "three seconds after a meeting it is written down" within 10 wrote C
killed C
forget
rejoins "after a power cut"

# One of two is elsewhere by now: the other one is enough.
stop C
stop B
on B ip addr flush dev eth0 scope global
on B ip addr add 10.0.0.22/24 dev eth0
rm "$work/B.d/state/peers"
up B --seed 10.0.0.1:51821
wait_for 10 "B at its new address" all_meet A B
rejoins "where a peer moved meanwhile"

# Without its memory, and without a seed, it is alone.
stop A B C
rm "$work"/[ABC].d/state/peers
up A
up B --seed 10.0.0.1:51821
up C
wait_for 10 "A and B" all_meet A B
ok "without memory it does not come" not within 3 meets4 C A
stop A B C
done_testing
