#!/bin/bash
# A member of an org changes its key: the org signs the next one, and the members let it in without
# being asked. Its own two keys do not take each other for peers.
. "$(dirname "$0")/mesh.sh"

orgs() { MESHGUARD_CONFIG_DIR=$work/hq.d "$MESHGUARD" "$@"; }
orgs org-keygen >/dev/null
orgs export --org >"$work/acme.pub"
org=$(base64 -d <"$work/acme.pub" | od -An -tx1 -v | tr -d ' \n')

node A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
# signed NAME FILE: a certificate of the org for the key in that file, installed.
signed() {
	rm -f "$work/$1.cert"
	orgs org-sign "$2" --name "$1" --expires 90d --out "$work/$1.cert" >/dev/null &&
		mg "$1" org-join "$work/$1.cert"
}
for n in A B C; do
	ok "$n joins" eval 'signed $n "$work/$n.d/identity.pub" && mg $n trust --org "$work/acme.pub" --name acme'
done
up A
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
wait_for 20 "they meet" all_meet A B C

certificate_of() { python3 -c 'import base64,sys; d=base64.b64decode(open(sys.argv[1]).read()); print("yes" if base64.b64decode(sys.argv[2]) in d else "no")' "$1" "$2"; }
# shellcheck disable=SC2034 # for eval
old=$(key_of B)
ok "B announces another key" mg B rotate --overlap 1d
new=$(mg B export --next)
mg B export --next >"$work/next.pub"
ok "a stranger's certificate is refused" not eval \
	'orgs org-sign "$work/A.d/identity.pub" --name x --out "$work/x.cert" && mg B org-join "$work/x.cert"'
ok "the org signs it, and B takes that" signed B "$work/next.pub"
ok "beside the one of the old key" \
	eval 'same "$(certificate_of "$work/B.d/org/$org.cert" "$old")" yes && [ "$(ls "$work/B.d/org" | wc -l)" = 2 ]'
knows() { [ "$(json "$1" "[.peers[] | select(.key == \"$2\")] | length")" = 1 ]; }
ok "the members let it in" within 15 eval 'knows A "$new" && knows C "$new"'
ok "beside the old one" eval 'knows A "$old" && knows C "$old"'
# shellcheck disable=SC2034 # for eval
new4=$(json B .node.second.ipv4) new6=$(json B .node.second.ipv6)
ok "it is reached under its new addresses" within 10 eval 'reaches A "$new4" && reaches C "$new6"'
ok "and its old ones" eval 'reaches A "$(mesh4 B)" && reaches C "$(mesh6 B)"'
ok "B is not its own peer" same "$(json B '.peers | length')" 2
ok "status shows what it reaches" within 5 eval '[ "$(json B .node.second.reached)" = 2 ]'

ok "B finishes" mg B rotate --finish
ok "the new key is the main one" within 3 eval '[ "$(json B .node.key)" = "$new" ]'
ok "with its certificate in the place" same "$(certificate_of "$work/B.d/org/$org.cert" "$new")" yes
ok "the other one is there still" eval '[ "$(ls "$work/B.d/org" | wc -l)" = 2 ]'
ok "and all is reached as before" within 5 eval \
	'reaches A "$new4" && reaches C "$new6" && reaches A "$(mesh4 B)" && reaches C "$(mesh6 B)"'
ok "no certificate is unusable" same "$(json B .node.unusable_keys)" 0
ok "the overlap is ended" rm "$work/B.d/former.key"
ok "the old key is gone" within 3 eval '[ "$(json B .node.second)" = null ]'
ok "nothing is unusable then, either" same "$(json B .node.unusable_keys)" 0
ok "the new one stays" always 2 reaches A "$new4"
stop A B C
done_testing
