#!/bin/bash
# What a running node tells: status, status --json, config show, wg show, wg show dump.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B
trusts A C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
up A
up B --seed 10.0.0.1:51821
wait_for 5 "the mesh comes up" all_meet A B
twin() { peer A "$1" .wireguard_key; }

# --- status --json
mg A status --json >"$work/json"
# is FILTER VALUE: of the report.
is() { same "$(jq -c "$1" <"$work/json")" "$2"; }
has_type() { same "$(jq -r "$1 | type" <"$work/json")" "$2"; }
ok "it is one JSON object" jq -e 'type == "object"' "$work/json"
ok "of version 1" is .version 1
ok "node: key" is .node.key "\"$(key_of A)\""
ok "node: IPv4 address" is .node.ipv4 "\"$(mesh4 A)\""
ok "node: IPv6 address" is .node.ipv6 "\"$(mesh6 A)\""
ok "node: prefix" is .node.prefix '"10.99.0.0/16"'
ok "node: interface" is .node.interface '"mg0"'
ok "node: port" is .node.port 51821
ok "node: MTU" is .node.mtu 1420
ok "node: mode" is .node.mode '"userspace"'
ok "node: directory" is .node.directory "\"$work/A.d\""
ok "node: trusted, alive, unusable keys" is '[.node.trusted, .node.alive, .node.unusable_keys]' '[2,1,0]'
for field in uptime_s wakeups sequence; do
	ok "node: $field is a number" has_type ".node.$field" number
done
ok "node: what seals packets" jq -e '.node.aead == "intel-ipsec-mb" or .node.aead == "libcrypto"' "$work/json"
verbose() { mg A status --verbose | grep -q "sealed and opened by $(jq -r .node.aead "$work/json"); kernel offloads: "; }
ok "--verbose says so, too" verbose
ok "node: sizes of tables" jq -e '.node.tables | length > 4 and all(.[]; .bytes > 0 and .entries >= .used)' "$work/json"
ok "node: tables are for 16,384 members" jq -e '[.node.tables[] | .entries] | max >= 16384' "$work/json"
ok "node: counters are numbers" jq -e '.node.counters | length > 20 and all(.[]; type == "number")' "$work/json"
ok "two peers, by name" is '[.peers[].name]' '["B","C"]'
b='.peers[0]'
ok "peer: key" is $b.key "\"$(key_of B)\""
ok "peer: addresses" is "[$b.ipv4, $b.ipv6]" "[\"$(mesh4 B)\",\"$(mesh6 B)\"]"
ok "peer: gossip and tunnel apart" is "[$b.state, $b.tunnel_up]" '["alive",true]'
ok "peer: endpoint and path" is "[$b.endpoint, $b.path]" '["10.0.0.2:51821","direct"]'
ok "peer: round-trip time" jq -e "$b.rtt_us > 0 and $b.rtt_us < 1000000" "$work/json"
ok "peer: a handshake seconds ago" jq -e "$b.handshake_age_s < 30 and (now - $b.handshake_at_s | fabs) < 30" "$work/json"
ok "peer: bytes each way" jq -e "$b.rx_bytes > 100 and $b.tx_bytes > 100" "$work/json"
ok "a trusted key that never answered is listed, with the reason" \
	is '[.peers[1].state, .peers[1].tunnel_up, .peers[1].reason]' '["unknown",false,"no-seed"]'
ok "no secret is in it" not grep -qF "$(head -c 40 "$work/A.d/identity.key")" "$work/json"

# --- status for people
mg A status >"$work/text"
ok "status shows the peer" grep -qE "^B +$(mesh4 B) +alive +up .* 10\.0\.0\.2:51821" "$work/text"
ok "and the silent one" grep -qE "^C +$(mesh4 C)" "$work/text"
ok "without colour, for this is no terminal" not grep -q $'\033' "$work/text"
on_terminal() { script -qec "nsenter -t ${holder[A]} -m -n -- $* $MESHGUARD status" /dev/null </dev/null; }
ok "with colour on a terminal" eval 'on_terminal env TERM=xterm | grep -q $'"'\033'"
ok "but not with NO_COLOR" eval '! on_terminal env TERM=xterm NO_COLOR=1 | grep -q $'"'\033'"
ok "the key log warns" eval 'mg B up --interface mg7 --port 4007 --debug-keylog "$work/keys" --detach 2>&1 | grep -qi "key"'
mg B down --interface mg7 >/dev/null 2>&1
ok "and is for its owner alone" same "$(stat -c %a "$work/keys")" 600

# --- config show
ok "config show: where the directory comes from" eval 'mg A config show | grep -q MESHGUARD_CONFIG_DIR'
ok "config show: trusted keys" eval 'mg A config show | grep -qF "$(key_of B)"'
ok "config show --json is JSON" eval 'mg A config show --json | jq -e .'
ok "and no secret is in it" eval '! mg A config show --json | grep -qF "$(head -c 40 "$work/A.d/identity.key")"'

# --- wg show
shows() { on A wg show mg0 "$@"; }
ok "wg: both peers are there, or the one that answered" shows peers
ok "wg: B under its twin key" eval 'shows peers | grep -qxF "$(twin B)"'
ok "wg: the endpoint" eval 'shows endpoints | grep -qxF "$(twin B)	10.0.0.2:51821"'
ok "wg: the allowed addresses are the mesh addresses" same \
	"$(shows allowed-ips | grep -F "$(twin B)" | cut -f2 | tr ' ' '\n' | sort)" \
	"$(printf '%s\n' "$(mesh4 B)/32" "$(mesh6 B)/128" | sort)"
ok "wg: the handshake" eval '[ $(($(date +%s) - $(shows latest-handshakes | grep -F "$(twin B)" | cut -f2))) -lt 30 ]'
ok "wg: the port" same "$(shows listen-port)" 51821
ok "wg: no private key" same "$(shows private-key)" "(none)"
ok "wg: no preshared key" eval '! shows preshared-keys | grep -v "(none)"'
ok "wg show dump: the interface without its key" eval 'shows dump | head -n 1 | grep -q "^(none)"'
ok "wg show dump: a line for the peer" eval 'shows dump | grep -qF "$(twin B)	(none)	10.0.0.2:51821"'
ok "wg showconf has no private key" eval '! on A wg showconf mg0 | grep -q PrivateKey'
before=$(shows dump | cut -f1-4)
ok "it cannot be changed by wg: the port" not on A wg set mg0 listen-port 4000
ok "nor a peer removed" not on A wg set mg0 peer "$(twin B)" remove
ok "nor a key set" not on A wg set mg0 private-key "$work/A.d/identity.key"
ok "all is as it was" same "$(shows dump | cut -f1-4)" "$before"
transfer() { shows transfer | grep -F "$(twin B)"; }
then=$(transfer)
on A ping -n -q -i 0.01 -c 20 -w 5 -s 1000 "$(mesh4 B)" >/dev/null
grew() { # OLD NEW COLUMN
	at_least $(($(cut -f"$3" <<<"$2") - $(cut -f"$3" <<<"$1"))) 20000
}
ok "wg: bytes received are counted" grew "$then" "$(transfer)" 2
ok "wg: bytes sent are counted" grew "$then" "$(transfer)" 3

# --- who may ask
ok "the control socket is not for everybody" same "$(on A find /run/meshguard -name mg0.sock -printf %m)" 660
stranger() { on A setpriv --reuid 4711 --regid 4711 --clear-groups env HOME=/nonexistent /run/meshguard.bin "$@"; }
cp "$MESHGUARD" /run/meshguard.bin
chmod 755 /run/meshguard.bin
ok "a stranger is refused: 4" exits 4 stranger status
ok "and cannot end it: 4" exits 4 stranger down
ok "it runs" serves A
stop A B
done_testing
