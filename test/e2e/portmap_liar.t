#!/bin/bash
# Attack 21: a router that says to have mapped the port, and maps nothing; by each protocol, as its true
# address, a victim's, and such as nobody has. It is a claim, and stays one.
. "$(dirname "$0")/mesh.sh"

lan home
lan world
node A B C
host R
plug A home eth0 192.168.7.2/24
plug R home lan 192.168.7.1/24
plug R world wan 5.5.5.9/24
plug B world eth0 5.5.5.20/24
plug C world eth0 5.5.5.30/24
on A ip route add default via 192.168.7.1
on R sysctl -qw net.ipv4.ip_forward=1
on R ip route add 239.0.0.0/8 dev lan
# Port preserving, and nobody comes in unasked.
on R nft -f - <<-END
	table ip nat {
		chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }
	}
	table ip filter {
		chain into { type filter hook input priority 0; iifname "wan" ct state new drop; }
	}
END

# liar PROTOCOL EXTERNAL
liar() {
	case $1 in
	upnp) set -- igd_liar.py 192.168.7.1 http://192.168.7.1:5000/root.xml /ctl \
		urn:schemas-upnp-org:service:WANIPConnection:1 "$2" ;;
	*) set -- pcp_liar.py 192.168.7.1 "$1" "$2" ;;
	esac
	rm -f "$work/liar"
	(exec nsenter -t "${holder[R]}" -m -n -- /usr/bin/python3 "$root/test/e2e/$1" "${@:2}") >"$work/liar" 2>&1 &
	liar_pid=$!
	wait_for 10 "the liar" grep -q ready "$work/liar"
}
liar_ends() {
	kill $liar_pid
	wait $liar_pid 2>/dev/null
	on R conntrack -F 2>/dev/null
}
reach() { json "$1" ".node.reach | $2"; }
is() { same "$(reach "$1" "$2")" "$3"; }
candidate() { reach "$1" '.candidates[] | .endpoint + " " + .source' | grep -qx "$2"; }
proved() { [ "$(reach A '[.nat, .dialled_back_age_s] | tostring')" != '["easy",null]' ] && [ "$(reach A .nat)" != unknown ]; }
# generates: what --generate says.
generates() {
	local pid
	(exec nsenter -t "${holder[A]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/A.d" \
		"$MESHGUARD" connect --generate) >"$work/token" 2>"$work/says" </dev/null &
	pid=$!
	within 20 grep -qE '^meshguard: (open|mapped|closed|introducer)' "$work/says"
	kill $pid
	wait $pid 2>/dev/null
	return 0
}
trust_each_other A B C

for protocol in pcp nat-pmp upnp; do
	liar $protocol 5.5.5.9
	capture C eth0 wire 'udp and src host 5.5.5.9'
	up A
	wait_for 10 "A runs" serves A
	ok "$protocol: the lie is heard" within 30 is A '.mappings[0] | .protocol + " " + .external' "$protocol 5.5.5.9:51821"
	generates
	ok "$protocol: a token says no more than that a router says so" grep -q '^meshguard: mapped: a router says' "$work/says"
	ok "$protocol: and not that it is open" not grep -q '^meshguard: open' "$work/says"
	# Who knows the address from the token, or the record, does not come in.
	up C --seed 5.5.5.9:51821
	wait_for 10 "C runs" serves C
	ok "$protocol: nobody comes in" always 5 eval 'not meets4 C A'
	ok "$protocol: not a datagram comes out" same "$(captured wire | wc -l)" 0
	ok "$protocol: so it is not believed" always 2 not proved
	# A calls B: that B answers proves nothing either.
	stop A
	on R conntrack -F 2>/dev/null
	up B
	up A --seed 5.5.5.20:51821
	ok "$protocol: A reaches B" within 20 meets4 A B
	ok "$protocol: the lie is heard again" within 30 is A '.mappings[0].protocol' $protocol
	ok "$protocol: a NAT, and nothing proved" within 10 is A '[.nat, .dialled_back_age_s] | tostring' '["easy",null]'
	ok "$protocol: nor later" always 5 not proved
	mg A netcheck --stun off >"$work/netcheck"
	ok "$protocol: netcheck does not know it as open" grep -q '^filtering  *unknown' "$work/netcheck"
	ok "$protocol: it carries no traffic of others" same "$(json A .node.relays)" false
	stop A B C
	uncapture wire
	liar_ends
done

# --- addresses that are not the router's
up B
for external in 8.8.8.8 10.0.0.1 0.0.0.0 100.64.3.4 127.0.0.1 224.0.0.1 192.168.7.1; do
	for protocol in pcp nat-pmp upnp; do
		liar $protocol $external
		up A --seed 5.5.5.20:51821
		ok "$protocol as $external: A and B meet all the same" within 20 meets4 A B
		ok "$protocol as $external: it is asked" within 30 eval 'grep -q asked "$work/liar" || grep -q POST "$work/liar"'
		ok "$protocol as $external: told to nobody" always 1 eval "not candidate A '$external:[0-9]* mapped'"
		ok "$protocol as $external: nothing is proved" within 10 is A '[.nat, .dialled_back_age_s] | tostring' '["easy",null]'
		ok "$protocol as $external: what is said is called useless" within 10 eval \
			'same "$(reach A ".mappings | map(select(.double_nat | not)) | length")" 0'
		stop A
		liar_ends
	done
done
stop B

done_testing
