#!/bin/bash
# The examples of docs/services.md, word by word, and what they do.
. "$(dirname "$0")/mesh.sh"

node A node-1 node-2
trust_each_other A node-1
# node-2 and A are members of the org eosrio, and know each other by that alone.
org() { MESHGUARD_CONFIG_DIR=$work/eosrio.d "$MESHGUARD" "$@"; }
org org-keygen >/dev/null
for n in A node-2; do
	org org-sign "$work/$n.d/identity.pub" --name $n --out "$work/$n.cert" >/dev/null
	mg $n trust --org "$work/eosrio.d/org/org.pub" --name eosrio >/dev/null
	mg $n org-join "$work/$n.cert" >/dev/null
done
lan wire
plug A wire eth0 10.0.0.1/24
plug node-1 wire eth0 10.0.0.2/24
plug node-2 wire eth0 10.0.0.3/24
up A
up node-1 --seed 10.0.0.1:51821
up node-2 --seed 10.0.0.1:51821
wait_for 20 "the mesh comes up" all_meet A node-1
wait_for 20 "the member of the org is in" all_meet A node-2
(exec nsenter -t "${holder[A]}" -m -n -- python3 "$root/test/e2e/traffic.py" serve \
	22 80 443 5432 8080) >"$work/serve" 2>"$work/serve.log" &
wait_for 5 "servers on A" grep -q ready "$work/serve"

a4=$(mesh4 A) a6=$(mesh6 A)
# opens HOST PORT: TCP by both families; closed HOST PORT: by none.
tcp() { [ "$(echo there | on "$1" timeout 2 nc -N -w 1 "$2" "$3")" = there ]; }
opens() { tcp "$1" "$a4" "$2" && tcp "$1" "$a6" "$2"; }
closed() { not tcp "$1" "$a4" "$2" && not tcp "$1" "$a6" "$2"; }
in_force() { [ "$(json A '[.node.services_default, .node.service_rules] | join(" ")')" = "$1" ]; }
meshguard() { mg A "$@" >/dev/null; }

for port in 22 80 443 5432; do
	ok "without rules all is open: $port" opens node-1 $port
done

# --- Global: allow SSH and HTTPS, deny everything else
meshguard service allow tcp 22
meshguard service allow tcp 443
meshguard service deny all
ok "the rules are in force" within 2 in_force "allow 3"
for n in node-1 node-2; do
	ok "SSH is open for $n" opens $n 22
	ok "HTTPS is" opens $n 443
	ok "nothing else is: 80" closed $n 80
	ok "5432" closed $n 5432
	ok "nor ping" not meets4 $n A
done

# --- Clear all policies
meshguard service reset
ok "after a reset" within 2 in_force "allow 0"
ok "all is open" opens node-1 5432

# --- Set default-deny mode
meshguard service default deny
ok "default deny" within 2 in_force "deny 0"
ok "denies all" closed node-1 22
ok "to everybody" closed node-2 443

# --- Peer-specific: allow Postgres for node-1
meshguard service allow --peer node-1 tcp 5432
# --- Org-specific: allow HTTP for all eosrio members
meshguard service allow --org eosrio tcp 80
ok "rules of a peer and of an org" within 2 in_force "deny 2"
ok "Postgres is open for node-1" opens node-1 5432
ok "and for nobody else" closed node-2 5432
ok "HTTP is open for a member of eosrio" opens node-2 80
ok "and for nobody else" closed node-1 80
ok "all else is closed" closed node-1 22
ok "for the member, too" closed node-2 22
# Who lets the member in, if it has its SSH there, is the rule of its org.
over() { SSH_CONNECTION="$(mesh4 node-2) 50000 $a4 80" mg A service "$@"; }
ok "a member is not to cut itself off" exits 1 over reset --org eosrio
ok "by what is said" said "tcp 80 from $(mesh4 node-2): services/default: deny"
ok "others' rules are not its own" exits 0 over deny --peer node-1 tcp 80
meshguard service delete --peer node-1 2

# --- A port, a range, all
meshguard service allow tcp 8000-9000
ok "a range" within 2 in_force "deny 3"
ok "is open for everybody" opens node-1 8080
ok "for the member, too" opens node-2 8080

# --- List all policies; show the effective policy for a peer
ok "list shows all of them" exits 0 mg A service list
ok "by their files" said "default  deny" "peer node-1 (services/peer/node-1.policy)" \
	"org eosrio (services/org/eosrio.policy)" "allow tcp 8000-9000"
ok "show shows those of a peer" exits 0 mg A service show node-1
ok "in order" said "services/peer/node-1.policy:1: allow tcp 5432" \
	"services/global.policy:1: allow tcp 8000-9000" "default: deny"

# --- The peer comes before the org and everybody, and these before the default
meshguard service deny --peer node-1 tcp 8080
ok "the rules of a peer" within 2 in_force "deny 4"
ok "come before the global ones" closed node-1 8080
ok "for that peer" opens node-2 8080

stop A node-1 node-2
done_testing
