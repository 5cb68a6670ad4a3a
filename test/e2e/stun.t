#!/bin/bash
# A host behind routers asks STUN servers that others wrote (coturn, stund) and such that lie: what it
# believes, what it tells the others, and that nothing waits for them.
. "$(dirname "$0")/mesh.sh"

lan home
lan street
lan world
node A B
host R S
# Home - router - Internet. Addresses that look like the real Internet: others are refused.
plug A home eth0 192.168.7.2/24
plug R home lan 192.168.7.1/24
plug R world wan 5.5.5.9/24
plug S world eth0 5.5.5.1/24 5.5.5.2/24 5.5.5.3/24 5.5.5.4/24 2a01:5::1/64
plug B world eth0 5.5.5.20/24 2a01:5::20/64
on A ip route add default via 192.168.7.1
on R sysctl -qw net.ipv4.ip_forward=1

# router KIND: easy keeps one port for all destinations, hard takes another one for each.
router() {
	local how=
	[ "$1" = hard ] && how='random,fully-random'
	on R nft -f - <<-END
		flush ruleset
		table ip nat {
			chain post { type nat hook postrouting priority 100; oifname "wan" masquerade $how; }
		}
		table ip filter {
			chain into { type filter hook input priority 0; iifname "wan" ct state new drop; }
		}
	END
	on R conntrack -F 2>/dev/null
}

# --- the servers of others
mkdir -p "$work/turn"
(exec nsenter -t "${holder[S]}" -m -n -- turnserver -n --stun-only --no-cli --no-tls --no-dtls \
	-L 5.5.5.1 -L 2a01:5::1 -p 3478 -l stdout --simple-log --pidfile "$work/turn/pid" \
	--userdb "$work/turn/db") >"$work/turn/out" 2>&1 &
(exec nsenter -t "${holder[S]}" -m -n -- stund -h 5.5.5.2 -a 5.5.5.3 -p 3478 -o 3479) >"$work/turn/stund" 2>&1 &
listens() { on "$1" ss -lun "sport = :$2" | grep -q "$3"; }
wait_for 10 "coturn listens" listens S 3478 '5.5.5.1:'
wait_for 10 "stund listens" listens S 3478 '5.5.5.2:'
# liar ADDRESS PORT WORDS...
liar() {
	local log=$work/liar.$1.$2
	(exec nsenter -t "${holder[S]}" -m -n -- /usr/bin/python3 "$root/test/e2e/stun_liar.py" "$@") >"$log" 2>&1 &
	liar_pid=$!
	wait_for 10 "the server $1:$2" grep -q ready "$log"
}
asked() { grep -c : "$work/liar.$1.$2"; }

reach() { json "$1" ".node.reach | $2"; }
counter() { json "$1" ".node.counters.$2"; }
is() { same "$(reach "$1" "$2")" "$3"; }
mapped_by() { reach "$1" ".stun[] | select(.server == \"$2\") | .mapped"; }
saw() { same "$(mapped_by "$1" "$2")" "$3"; }
candidate() { reach "$1" '.candidates[] | .endpoint + " " + .source' | grep -qx "$2"; }
count_is() { same "$(counter "$1" "$2")" "$3"; }

# --- a NAT with one port for all
router easy
up A --stun 5.5.5.1:3478 --stun 5.5.5.2:3478
wait_for 10 "A runs" serves A
ok "coturn tells the router's address" within 5 saw A 5.5.5.1:3478 5.5.5.9:51821
ok "stund tells the same" within 5 saw A 5.5.5.2:3478 5.5.5.9:51821
ok "two that agree: an easy NAT" within 5 is A .nat easy
ok "a port that is kept makes it no public address" not is A .nat public
ok "the address is a candidate" candidate A '5.5.5.9:51821 seen'
ok "and so is the one of its own" candidate A '192.168.7.2:51821 interface'
ok "stund offers another address, and that is no fault" count_is A stun_drop_malformed 0
mg A status >"$work/status"
ok "status tells the kind" grep -q 'NAT *easy' "$work/status"
mg A netcheck >"$work/netcheck"
ok "netcheck tells what is seen" grep -qx 'IPv4  *5.5.5.9:51821' "$work/netcheck"
ok "netcheck tells that UDP works" grep -qx 'UDP  *works' "$work/netcheck"
ok "netcheck tells the NAT" grep -q '^NAT  *easy' "$work/netcheck"
net() { mg "$1" netcheck --json | jq -r "$2"; }
ok "netcheck --json: of IPv4 and IPv6" same "$(net A '[.udp, .ipv4, .ipv6, .filtering] | @csv')" \
	'true,"5.5.5.9:51821",,"address-and-port-dependent"'
ok "netcheck --json: a daemon was asked, how it maps" same "$(net A '[.daemon, .mapping, .reach.nat] | @csv')" \
	'true,"endpoint-independent","easy"'
stop A

# --- one that takes another for each
router hard
up A --stun 5.5.5.1:3478 --stun 5.5.5.2:3478
wait_for 10 "A runs" serves A
ok "two that disagree: a hard NAT" within 5 is A '.nat | .[0:4]' hard
ok "neither is a candidate" not candidate A '5.5.5.9:[0-9]* seen'
stop A

# --- no NAT
up B --stun 5.5.5.1:3478 --stun 5.5.5.2:3478 --stun '[2a01:5::1]:3478'
wait_for 10 "B runs" serves B
ok "an address of its own: public" within 5 is B .nat public
ok "IPv6 is asked, too" within 5 saw B '[2a01:5::1]:3478' '[2a01:5::20]:51821'
stop B

# --- liars (attack 17)
router easy
liar 5.5.5.4 4001 127.0.0.1:5 10.0.0.1:5 100.64.0.1:5 224.0.0.1:5 10.99.1.1:5 169.254.1.1:5 203.0.113.1:5 5.5.5.9:0 silent
lies=8
# Each start asks once: the answer ends the transaction, whatever it says.
for i in $(seq 1 $lies); do
	up A --stun 5.5.5.4:4001
	wait_for 10 "A runs" serves A
	ok "a lie is refused and counted ($(sed -n "$((i + 1))s/.* //p" "$work/liar.5.5.5.4.4001"))" \
		within 5 count_is A stun_drop_address 1
	ok "and nothing came of it" is A '[.nat, (.candidates | length)] | tostring' '["unknown",1]'
	stop A
done
kill $liar_pid
# A victim's address: one observation is no proof that we are open, and another one is stronger.
liar 5.5.5.4 4001 8.8.8.8:53
up A --stun 5.5.5.4:4001 --stun 5.5.5.1:3478 --stun 5.5.5.2:3478
wait_for 10 "A runs" serves A
ok "all three answered" within 5 count_is A stun_answers 3
ok "two that agree outvote a liar" within 5 is A .nat easy
ok "his address is told to nobody" not candidate A '8.8.8.8:53 seen'
stop A
kill $liar_pid
# Late ones; wrong ids, other addresses, two at once.
liar 5.5.5.4 4001 late
up A --stun 5.5.5.4:4001
wait_for 10 "A runs" serves A
ok "an answer that comes late counts" within 15 saw A 5.5.5.4:4001 5.5.5.9:51821
stop A
kill $liar_pid
liar 5.5.5.4 4001 id elsewhere twice
up A --stun 5.5.5.4:4001
wait_for 10 "A runs" serves A
ok "a wrong id, another source and a second answer do not" within 10 eval \
	'at_least "$(counter A stun_drop_unasked)" 2'
ok "one answer was taken" count_is A stun_answers 1
stop A
kill $liar_pid

# --- nothing waits
router easy
trust_each_other A B
up B
wait_for 10 "B runs" serves B
capture A eth0 start 'udp and src port 51821'
start=$(now_us)
up A --stun 5.5.5.77:3478 --stun nowhere.invalid:3478 --seed 5.5.5.20:51821 --log-events
ok "silent servers and names without an address delay nothing" within 5 meets4 A B
note "first ping after $((($(now_us) - start) / 1000)) ms"
uncapture start
first() { captured start | sed -n 's/^IP 192.168.7.2.51821 > \(.*\): .*/\1/p' | sed -n 1p; }
ok "the first datagram is the STUN request" same "$(first)" 5.5.5.77.3478
steps() {
	jq -r '.event' <<<"$(grep '^{' "$work/A.log")" | grep -xE \
		'identity_loaded|mesh_address_derived|interface_made|addresses_assigned|stun_asked|seeds_called|serving' |
		tr '\n' ' '
}
ok "the log shows the start in its order" within 5 eval 'same "$(steps)" \
	"identity_loaded mesh_address_derived interface_made addresses_assigned stun_asked seeds_called serving "'
ok "the member tells what no server did" within 5 candidate A '5.5.5.9:51821 seen'
stop A

# --- who has members asks no more; who is alone does
liar 5.5.5.4 4001 true
up A --stun 5.5.5.4:4001 --seed 5.5.5.20:51821
wait_for 10 "A runs" serves A
ok "A and B meet" within 5 meets4 A B
ok "a server was asked at the start" within 5 count_is A stun_answers 1
before=$(asked 5.5.5.4 4001)
ok "and not again while a member tells" always 30 eval "same \"\$(asked 5.5.5.4 4001)\" $before"
stop B
ok "alone again, it asks" within 60 eval 'at_least "$(asked 5.5.5.4 4001)" $((before + 1))'
# Another network, another address.
before=$(asked 5.5.5.4 4001)
on A ip addr add 192.168.7.3/24 dev eth0
ok "a change of the network asks at once" within 10 eval 'at_least "$(asked 5.5.5.4 4001)" $((before + 1))'
stop A

# --- addresses that are nobody's business
printf 'deny 192.168.0.0/16 # home\ndeny 5.5.5.20\n' >"$work/A.d/addresses"
up A --stun 5.5.5.1:3478
wait_for 10 "A runs" serves A
ok "what is not denied is told" within 5 candidate A '5.5.5.9:51821 seen'
ok "a network that is denied is not" not candidate A '192.168.7.2:51821 interface'
stop A
echo 'deny home' >>"$work/A.d/addresses"
ok "a bad line stops the start" exits 1 timeout 10 nsenter -t "${holder[A]}" -m -n -- \
	env "MESHGUARD_CONFIG_DIR=$work/A.d" "$MESHGUARD" up --stun off
ok "and is named" said "$work/A.d/addresses:3: it must be"
rm "$work/A.d/addresses"

# --- off
up A --stun off
wait_for 10 "A runs" serves A
ok "who asked nobody does not know" same "$(net A .udp)" null
ok "nor does netcheck ask anybody" same "$(net A '[.mapping, .filtering] | @csv')" '"unknown","unknown"'
ok "--stun off asks nobody" is A '.stun | length' 0
ok "the step is told all the same" count_is A stun_requests 0
stop A

done_testing
