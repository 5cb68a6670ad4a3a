#!/bin/bash
# Organisations, live: a fleet that knows one key of an org and one address meets, obeys what the org
# says within a second of the command, keeps it, and lets its rules hold for the members.
# Attacks 02, 10 and 22 (forged statements), 33 (a second certificate of a revoked key).
. "$(dirname "$0")/mesh.sh"

orgs() { MESHGUARD_CONFIG_DIR=$work/hq.d "$MESHGUARD" "$@"; }
evil() { MESHGUARD_CONFIG_DIR=$work/evil.d "$MESHGUARD" "$@"; }
# The org's keys are on no node.
orgs org-keygen >/dev/null
evil org-keygen >/dev/null
orgs export --org >"$work/acme.pub"
evil export --org >"$work/evil.pub"

node A B C D G
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
plug D wire eth0 10.0.0.4/24
plug G wire eth0 10.0.0.5/24
key_hex() { base64 -d <"$work/$1.d/identity.pub" | od -An -tx1 -v | tr -d ' \n'; }
org_hex() { base64 -d <"$work/$1.pub" | od -An -tx1 -v | tr -d ' \n'; }
# signed NAME LABEL: a certificate of the org, installed.
signed() {
	orgs org-sign "$work/$1.d/identity.pub" --name "$2" --expires 90d --out "$work/$1.cert" >/dev/null \
		&& mg "$1" org-join "$work/$1.cert" >/dev/null \
		&& mg "$1" trust --org "$work/acme.pub" --name acme >/dev/null
}
for n in A B C D; do
	ok "$n is signed, joins and trusts the org" signed $n "node-$n"
done
mg G trust --org "$work/acme.pub" --name acme >/dev/null

up A --log-events
for n in B C D G; do
	up $n --seed 10.0.0.1:51821
done
knows() { [ -n "$(peer "$1" "$2" .name)" ]; }
gone_from() { not knows "$1" "$2"; }

# --- first contact
ok "the members meet by one address and the org" within 15 all_meet A B C D
ok "nobody trusts a single key" same "$(cat "$work"/[ABCD].d/authorized_keys/* 2>/dev/null)" ""
ok "they are called by node and org" same "$(peer A node-B.acme .admission)" org
ok "and by that name they are found" same "$(on A dig +short "@$(mesh4 A)" node-B.acme.mesh A)" "$(mesh4 B)"
ok "and so is A itself" same "$(on A dig +short "@$(mesh4 A)" node-A.acme.mesh A)" "$(mesh4 A)"
ok "and status says when the certificate ends" \
	eval 'mg A status | grep -q "org        acme: members here 3; this node.s certificate ends in [89][0-9]d"'
ok "who is no member is not in" not meets4 G A
ok "and is told nothing" same "$(json G '.peers | length')" 0

# --- rules of an org under traffic
(exec nsenter -t "${holder[A]}" -m -n -- python3 "$root/test/e2e/traffic.py" serve 80 443) \
	>"$work/serve" 2>"$work/serve.log" &
wait_for 5 "servers on A" grep -q ready "$work/serve"
tcp() { [ "$(echo there | on "$1" timeout 2 nc -N -w 1 "$2" "$3")" = there ]; }
open4() { tcp "$1" "$(mesh4 A)" "$2"; }
in_force() { [ "$(json A '[.node.services_default, .node.service_rules] | join(" ")')" = "$1" ]; }
mg A service default deny >/dev/null
mg A service allow --org acme tcp 80 >/dev/null
ok "HTTP for the members of an org" within 2 in_force "deny 1"
ok "is open to them" open4 B 80
ok "and nothing else is" not open4 B 443
mg A service allow --peer node-B.acme tcp 443 >/dev/null
ok "rules take the name that status shows" within 2 in_force "deny 2"
ok "for the one, by its key" open4 B 443
ok "and for no other" not open4 C 443
ok "explain knows of which org the peer is" \
	eval 'mg A service explain node-C.acme tcp 80 | grep -q "allow.* by services/org/acme.policy"'
ok "show, too" eval 'mg A service show node-C.acme | grep -q "org/acme.policy"'
ok "and both whose rules come first" eval 'mg A service explain node-B.acme tcp 443 | grep -q "peer/$(key_hex B).policy"'
ok "who names members, each with its rule" \
	eval 'mg A service who tcp 443 | grep -q "node-B.acme *services/peer/$(key_hex B).policy:1"'
ok "and none who cannot" not eval 'mg A service who tcp 443 | grep -q node-C'
# A member of two orgs: their rules by name, and the first that matches.
beta() { MESHGUARD_CONFIG_DIR=$work/beta.d "$MESHGUARD" "$@"; }
beta org-keygen >/dev/null
beta export --org >"$work/beta.pub"
beta org-sign "$work/C.d/identity.pub" --name node-C --out "$work/C.beta" >/dev/null
mg C org-join "$work/C.beta" >/dev/null 2>&1
mg C trust --org "$work/beta.pub" --name beta >/dev/null
mg A trust --org "$work/beta.pub" --name beta >/dev/null
mg A service allow --org beta tcp 443 >/dev/null
mg A service deny --org beta tcp 80 >/dev/null
explains() { mg A service explain node-C.acme tcp "$1" | grep -qF "$2"; }
ok "a member of two orgs has the rules of both" within 15 explains 443 "allowed by services/org/beta.policy:1"
ok "in their order" explains 80 "allowed by services/org/acme.policy:1"
ok "it says of which" explains 80 "as a member of the org acme, beta"
ok "show and who, too" eval 'mg A service show node-C.acme | grep -q org/beta && mg A service who tcp 443 | grep -q "node-C.acme *services/org/beta"'
ok "the data plane agrees" eval 'open4 C 443 && open4 C 80'
mg A revoke --org beta >/dev/null
ok "as long as the org is trusted" within 2 not explains 443 "allowed by services/org/beta"
mg A service reset >/dev/null
ok "no rules any more" within 2 in_force "allow 0"

# --- a guest
orgs org-vouch "$work/G.d/identity.pub" --out "$work/G.vouch" >/dev/null
mg B org-join "$work/G.vouch" >/dev/null
ok "a vouch that one node is told lets the guest in everywhere" within 25 all_meet A B C D G
ok "and is kept by the others" within 5 test -s \
	"$work/C.d/statements/vouch-$(org_hex acme)-$(key_hex G)"

# --- what the org is called, where nobody named it
digits=$(orgs config show | sed -n 's/^org made here.*, //p')
mg C revoke --org acme >/dev/null
ok "an org goes by its name" within 2 gone_from C node-A.acme
mg C trust --org "$work/acme.pub" >/dev/null
ok "without a name it is called by its digits" within 15 eval 'knows C "node-A.$digits" && all_meet A B C'
mg C service deny --org "$digits" tcp 81 >/dev/null
orgs org-alias fleet --out "$work/fleet" >/dev/null
mg B org-join "$work/fleet" >/dev/null
ok "an alias that one node is told names it at another" within 25 knows C node-A.fleet
ok "and keeps its rules" eval 'mg C service explain node-A.fleet tcp 81 | grep -q "denied by services/org/$digits.policy:1"'
ok "by both names" eval 'mg C service explain "node-A.$digits" tcp 81 | grep -q denied && mg C service list --org fleet | grep -q "tcp 81"'
ok "status and config show use it" eval 'mg C status | grep -q "org        fleet:" && mg C config show | grep -q "called fleet"'
ok "it is kept" test -s "$work/C.d/statements/alias-$(org_hex acme)-$(org_hex acme)"
ok "and a name that was given here stays" knows A node-C.acme
evil org-alias fleet --out "$work/thief" >/dev/null
mg C trust --org "$work/evil.pub" >/dev/null
mg C org-join "$work/thief" >/dev/null
ok "two orgs of one alias are called by their digits" within 2 knows C "node-A.$digits"
mg C revoke --org "$(mg C config show --json | jq -r --arg k "$(cat "$work/evil.pub")" '.orgs[] | select(.key == $k).name')" >/dev/null
ok "until one of them is out" within 2 knows C node-A.fleet
mg C revoke --org fleet >/dev/null
mg C trust --org "$work/acme.pub" --name acme >/dev/null
mg C service reset >/dev/null
ok "all is as it was" within 15 all_meet A B C D G

# --- what others sign, and bytes that nobody signed
(exec nsenter -t "${holder[D]}" -m -n -- python3 "$root/test/e2e/traffic.py" flow "$(mesh4 A)" 80 \
	"$work/flow.end") >"$work/flow" 2>"$work/flow.log" &
flow=$!
evil org-revoke "$work/D.d/identity.pub" --out "$work/forged" >/dev/null
mkdir -p "$work/A.d/statements"
refused_before=$(json A '.node.unusable_keys')
cp "$work/forged" "$work/A.d/statements/revocation-$(org_hex acme)-$(key_hex D)"
head -c 100 /dev/urandom | base64 -w0 >"$work/A.d/statements/revocation-$(org_hex acme)-$(key_hex B)"
told_of_two() { [ "$(json A '.node.unusable_keys')" -ge $((refused_before + 1)) ]; }
wait_for 3 "attacks 02, 10 and 22: forged statements are noticed" told_of_two
stays() { knows A node-D.acme && knows A node-B.acme && meets4 D A && meets4 B A; }
ok "and put nobody out" always 3 stays
touch "$work/flow.end"
wait $flow
unbroken() {
	read -r _ _ _ _ sent echoed < <(tail -n 1 "$work/flow")
	echo "$sent sent, $echoed came back" && [ "$sent" -gt 10000 ] && [ "$sent" = "$echoed" ]
}
ok "attack 10: nor does a stream through the tunnel end" unbroken
rm "$work/A.d/statements/revocation-$(org_hex acme)-$(key_hex D)" \
	"$work/A.d/statements/revocation-$(org_hex acme)-$(key_hex B)"
ok "and when they are gone all is well" within 3 eval '[ "$(json A .node.unusable_keys)" = 0 ]'

# --- revocation
cp "$work/D.cert" "$work/D.first"
orgs org-revoke "$work/D.d/identity.pub" --reason key-compromised --out "$work/D.revoked" >/dev/null
(exec nsenter -t "${holder[D]}" -m -n -- ping -n -i 0.1 -W 1 "$(mesh4 A)") >"$work/D.ping" 2>&1 &
pinging=$!
wait_for 5 "traffic of the one to be revoked" grep -q "bytes from" "$work/D.ping"
mg A org-join "$work/D.revoked" >/dev/null
ok "a revocation is in force within a second, in the middle of traffic" within 1 gone_from A node-D.acme
ok "and within 15 seconds everywhere" within 15 eval 'gone_from B node-D.acme && gone_from C node-D.acme'
kill $pinging
ok "its tunnels are gone" eval 'not meets4 D A && not meets4 D B && not meets4 D C'
ok "the others go on" all_meet A B C
ok "it is kept by who did not have it" within 5 test -s \
	"$work/C.d/statements/revocation-$(org_hex acme)-$(key_hex D)"
mg D org-join "$work/D.revoked" >/dev/null
ok "a revoked node that is told says so itself" within 2 grep -q \
	"the org acme has revoked this node (key-compromised): its members let it in no more" "$work/D.log"
ok "in status, too" eval 'mg D status | grep -q "org        acme:.*; it revoked this node"'
# Attack 33: the org's key signs it once more.
ok "the org does not sign it again" exits 4 orgs org-sign "$work/D.d/identity.pub" --name node-D
rm -r "$work/hq.d/statements" # as if another copy of the org's key knew nothing of it
orgs org-sign "$work/D.d/identity.pub" --name node-D2 --out "$work/D.second" >/dev/null
mg D org-join "$work/D.second" >/dev/null
out() { gone_from A node-D2.acme && gone_from B node-D2.acme && gone_from A node-D.acme; }
ok "attack 33: a second certificate lets a revoked key in nowhere" always 4 out

# --- two of one label
orgs org-sign "$work/C.d/identity.pub" --name node-B --out "$work/C.twin" >/dev/null
mg C org-join "$work/C.twin" >/dev/null
twins() { mg A status --json | jq -r '.peers[].name' | grep -cE '^node-B-[0-9a-f]{6}[.]acme$'; }
ok "two members of one label are told apart" within 10 eval '[ "$(twins)" = 2 ]'
ok "neither is found by what both are called" not mg A revoke node-B.acme
ok "but by its own" mg A service explain \
	"$(mg A status --json | jq -r --arg k "$(cat "$work/C.d/identity.pub")" '.peers[] | select(.key == $k).name')" tcp 80
orgs org-sign "$work/C.d/identity.pub" --name node-C --out "$work/C.again" >/dev/null
mg C org-join "$work/C.again" >/dev/null
ok "with another label it is as before" within 10 eval 'knows A node-B.acme && knows A node-C.acme'

# --- over restarts
killed B
up B --seed 10.0.0.1:51821
ok "after kill -9 the member is back by the org alone" within 10 all_meet A B C
ok "and keeps out who was revoked" gone_from B node-D.acme
killed C
up C
ok "without a seed, too: it asks where it met members before" within 15 all_meet A B C

# --- the end
orgs org-sign "$work/C.d/identity.pub" --name node-C --expires 20m --out "$work/C.short" >/dev/null
mg C org-join "$work/C.short" >/dev/null
ok "a daemon warns before its certificate ends" within 3 \
	grep -q "certificate of the org acme ends in [12][0-9] minutes" "$work/C.log"
ok "an older certificate takes no newer one's place" exits 4 mg C org-join "$work/C.cert"
ok "so does status" within 2 eval 'mg C status | grep -q "this node.s certificate ends in [12][0-9]m"'
ok "and that of others" within 5 eval 'mg A status | grep -q "node-C.acme: its certificate ends in [12][0-9]m"'

# --- here alone
ok "revoke takes the name that status shows" mg A revoke node-B.acme
ok "revoke of a member denies it here, within a second" within 1 gone_from A node-B.acme
ok "and nowhere else" knows C node-B.acme
ok "the denial ends without trust in the key" mg A trust --undeny node-B.acme
ok "and the org lets it in again" within 10 eval 'knows A node-B.acme && meets4 A B'
mg A revoke node-B.acme >/dev/null
ok "it is denied once more" within 1 gone_from A node-B.acme
mg A trust "$work/B.d/identity.pub" --name bob >/dev/null
ok "trust lets it in again" within 10 meets4 A B
mg A revoke --org acme >/dev/null
ok "without the org nobody is in but who is trusted" within 1 eval 'gone_from A node-C.acme && knows A bob'
for n in A B C D G; do
	stop $n
done
done_testing
