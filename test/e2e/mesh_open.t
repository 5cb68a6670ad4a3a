#!/bin/bash
# up --open: it says so, and who is revoked stays out all the same.
. "$(dirname "$0")/mesh.sh"

node A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
denied() { ls "$work/$1.d/denied_keys"; }

trusts A B
up A --interface mgx --port 4000
wait_for 5 "a daemon that is not open" mg A status --interface mgx
ok "it says nothing of it" not grep -q -- --open "$work/A.log"
ok "who is revoked is no more than not trusted" mg A revoke B
ok "no denial is left" not denied A
trusts A B
mg A down --interface mgx >/dev/null
ended A

up A --open --interface mgx --port 4000
wait_for 5 "an open one" mg A status --interface mgx
ok "it warns" grep -q 'every key that knows this node.s address is let in: --open' "$work/A.log"
ok "status says so, too" grep -q -- '--open' <(mg A status --interface mgx)
ok "who is revoked" mg A revoke B
ok "would come in again, so the key is denied" same "$(denied A)" B.pub
denies_one() { mg A status --json --interface mgx | grep -q '"denied_keys": *1\b'; }
wait_for 1 "the daemon knows within a second" denies_one
trusts A B
ok "trust lifts that" same "$(denied A)" ""
no_denials() { mg A status --json --interface mgx | grep -q '"denied_keys": *0\b'; }
wait_for 1 "and the daemon knows" no_denials
trusts B A
ok "in another directory" on A env "MESHGUARD_CONFIG_DIR=$work/B.d" "$MESHGUARD" revoke A
ok "its daemon does not count" not denied B
ok "and ends in order" mg A down --interface mgx
ended A
done_testing
