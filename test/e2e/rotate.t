#!/bin/bash
# A key is changed while its peers are there: they hear of the new one from the daemon itself, accept
# it, and let both in; after --finish and a restart the machine is there under its new addresses.
. "$(dirname "$0")/mesh.sh"

node A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
trust_each_other A B C
up A
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
ok "they meet" within 15 all_meet A B C

old=$(key_of B)
ok "B announces another key" mg B rotate --overlap 1d
new=$(mg B export --next)
ok "that is another one" not same "$new" "$old"
shows() { [ "$(peer "$1" B .successor)" = "$new" ]; }
ok "A hears of it within seconds" within 5 shows A
ok "and C" within 5 shows C
ok "status says how to accept it" \
	eval 'mg A status | grep -q "accept it with: meshguard trust --successor B"'
ok "and nothing else has changed" all_meet A B C

ok "A accepts it" mg A trust --successor B
ok "the file holds the new key" same "$(cat "$work/A.d/authorized_keys/B.pub")" "$new"
knows_both() { [ "$(json A '[.peers[].name] | sort | join(" ")')" = "B B.old C" ]; }
ok "its daemon lets both in" within 2 knows_both
ok "the old key is still in use, and let in" meets A B
ok "nothing is left to accept" same "$(peer A B.old .successor)" null
ok "C does not accept it" same "$(peer C B .successor)" "$new"

ok "B changes over" mg B rotate --finish
stop B
ok "keygen does not replace it" not mg B keygen
{ echo "mesh IPv4   $(mg A config show --json | jq -r '.trusted[] | select(.name == "B") | .ipv4')"
  echo "mesh IPv6   $(mg A config show --json | jq -r '.trusted[] | select(.name == "B") | .ipv6')"
} >"$work/B.keygen"
up B --seed 10.0.0.1:51821
ok "B has the new key" within 5 eval '[ "$(json B .node.key)" = "$new" ]'
ok "A and B meet under it" within 15 all_meet A B
ok "C, who did not accept it, does not let it in" not meets4 C B
ok "until its owner does" mg C trust --successor B
ok "from what its daemon kept" within 15 all_meet A B C

ok "A follows C from now on" mg A trust "$work/C.d/identity.pub" --name C --follow
ok "C announces another key" mg C rotate
has_taken() { same "$(cat "$work/A.d/authorized_keys/C.pub")" "$(mg C export --next)"; }
ok "which A's daemon accepts by itself" within 5 has_taken
ok "and lets both in" within 2 eval '[ "$(json A "[.peers[].name] | sort | join(\" \")")" = "B B.old C C.old" ]'
ok "B's does not" same "$(peer B C .successor)" "$(mg C export --next)"
ok "they meet as before" meets A C

ok "who is revoked is out under both keys" mg A revoke B
gone_both() { [ "$(json A '[.peers[].name] | sort | join(" ")')" = "C C.old" ]; }
ok "within a second" within 1 gone_both
stop A B C
done_testing
