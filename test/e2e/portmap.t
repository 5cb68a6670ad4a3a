#!/bin/bash
# A router that maps ports (miniupnpd: PCP, NAT-PMP, UPnP), one that restarts, one behind another NAT, and
# such that lie.
. "$(dirname "$0")/mesh.sh"

lan home
lan world
node A B
host R E
# Addresses that look like the real Internet: miniupnpd and we refuse others.
plug A home eth0 192.168.7.2/24
plug R home lan 192.168.7.1/24
plug E home eth0 192.168.7.66/24
plug R world wan 5.5.5.9/24
plug B world eth0 5.5.5.20/24
on A ip route add default via 192.168.7.1
on R sysctl -qw net.ipv4.ip_forward=1
on R ip route add 239.0.0.0/8 dev lan

# rules [LINE]: port preserving, nobody comes in unasked; LINE: of its filter for packets from home.
rules() {
	on R nft -f - <<-END
		flush ruleset
		table ip filter {
			chain into {
				type filter hook input priority 0; iifname "wan" ct state new drop;
				${1:-}
			}
		}
		table inet filter {
			chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; iifname "wan" ct state new drop; }
			chain miniupnpd { }
		}
		table inet nat {
			chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
			chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; oifname "wan" masquerade; }
			chain prerouting_miniupnpd { }
			chain postrouting_miniupnpd { }
		}
	END
	on R conntrack -F 2>/dev/null
}
# igd NATPMP UPNP [LINE...]: the router's daemon.
igd() {
	cat >"$work/igd.conf" <<-END
		ext_ifname=wan
		listening_ip=lan
		enable_natpmp=$1
		enable_upnp=$2
		ext_perform_stun=no
		port=5000
		secure_mode=yes
		notify_interval=30
		min_lifetime=20
		max_lifetime=86400
		ipv6_disable=yes
		uuid=00000000-0000-0000-0000-000000000007
		upnp_table_name=filter
		upnp_nat_table_name=nat
		upnp_forward_chain=miniupnpd
		upnp_nat_chain=prerouting_miniupnpd
		upnp_nat_postrouting_chain=postrouting_miniupnpd
		$(printf '%s\n' "${@:3}")
		allow 1024-65535 192.168.7.0/24 1024-65535
		deny 0-65535 0.0.0.0/0 0-65535
	END
	(exec nsenter -t "${holder[R]}" -m -n -- miniupnpd -d -f "$work/igd.conf" -P "$work/igd.pid") >>"$work/igd.out" 2>&1 &
	igd_pid=$!
	if [ "$1" = yes ]; then
		wait_for 10 "the router maps" eval 'on R ss -lun "sport = :5351" | grep -q 5351'
	else
		wait_for 10 "the router maps" eval 'on R ss -ltn "sport = :5000" | grep -q 5000'
	fi
}
igd_ends() {
	kill "$igd_pid"
	wait "$igd_pid" 2>/dev/null
}

reach() { json "$1" ".node.reach | $2"; }
is() { same "$(reach "$1" "$2")" "$3"; }
candidate() { reach "$1" '.candidates[] | .endpoint + " " + .source' | grep -qx "$2"; }
# The router's own word.
translated() { on R nft list chain inet nat prerouting_miniupnpd | grep -q 'dnat ip to 192.168.7.2:51821'; }
by() { is A '.mappings[0].protocol' "$1"; }

trust_each_other A B

# --- each protocol
for protocol in pcp nat-pmp upnp; do
	case $protocol in
	pcp) rules && igd yes yes ;;
	nat-pmp) rules 'iifname "lan" udp dport 5351 @th,64,8 2 drop' && igd yes no ;;
	upnp) rules && igd no yes ;;
	esac
	up A
	wait_for 10 "A runs" serves A
	ok "$protocol maps the port" within 20 by $protocol
	ok "$protocol: the router says so, too" within 5 translated
	external=$(reach A '.mappings[0].external')
	ok "$protocol: it has a public address" same "${external%:*}" 5.5.5.9
	ok "$protocol: and is a candidate" within 5 candidate A "$external mapped"
	ok "$protocol: a lease of two hours" eval 'at_least "$(reach A ".mappings[0].left_s")" 7000'
	ok "$protocol: no one took us for open because of it" not is A .nat public
	up B --seed "$external"
	ok "$protocol: who knows nothing but that address comes in" within 10 meets4 B A
	[ $protocol != pcp ] || ok "the first time that proves it: dialled back" within 5 is A .nat public
	mg A netcheck >"$work/netcheck"
	ok "$protocol: netcheck tells it" grep -q "^mapped port  *$external by $protocol from 192.168.7.1, for" "$work/netcheck"
	ok "$protocol: and the member" grep -q '^members  *B: ' "$work/netcheck"
	stop B
	stop A
	ok "$protocol: taken away at the end" within 10 not translated
	igd_ends
done

# --- a router that restarts with empty tables
for protocol in pcp nat-pmp upnp; do
	line=
	speaks="yes no"
	[ $protocol != nat-pmp ] || line='iifname "lan" udp dport 5351 @th,64,8 2 drop'
	[ $protocol != upnp ] || speaks="no yes"
	rules "$line"
	igd $speaks
	up A
	wait_for 10 "A runs" serves A
	ok "$protocol is there before the restart" within 20 by $protocol
	igd_ends
	rules "$line"
	ok "the router has forgotten" not translated
	igd $speaks
	start=$(now_us)
	ok "$protocol: mapped again within ten seconds" within 10 translated
	note "after $((($(now_us) - start) / 1000)) ms"
	stop A
	igd_ends
done

# --- another NAT above it: what it says is not what others see
rules
igd yes yes ext_ip=8.8.8.8
up B
wait_for 10 "B runs" serves B
up A --seed 5.5.5.20:51821
ok "a port is mapped" within 10 by pcp
ok "B sees where A is" within 10 candidate A '5.5.5.9:51821 seen'
ok "what the router says is no candidate" within 5 not candidate A '8.8.8.8:[0-9]* mapped'
ok "status says why" within 5 is A '.mappings[0].double_nat' true
stop A
stop B
igd_ends

# --- off
rules
igd yes yes
capture A eth0 off 'port 5351 or port 1900'
up A --map off
wait_for 10 "A runs" serves A
ok "--map off asks nobody" always 5 is A '.mappings | length' 0
uncapture off
ok "not a packet" same "$(captured off src host 192.168.7.2 | wc -l)" 0
stop A
igd_ends

# --- liars: nothing but the router is spoken to (attacks 19 and 20)
# lie HOST LOCATION [CONTROL [SERVICE]]: A meets it; connections of A and what the liar heard.
lie() {
	local n=$1 address=192.168.7.1
	shift
	[ "$n" = R ] || address=192.168.7.66
	(exec nsenter -t "${holder[$n]}" -m -n -- /usr/bin/python3 "$root/test/e2e/igd_liar.py" $address "$@") >"$work/liar" 2>&1 &
	liar_pid=$!
	wait_for 10 "the liar" grep -q ready "$work/liar"
	capture A eth0 lie 'tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn'
	up A
	wait_for 10 "A runs" serves A
	wait_for 15 "A searches" grep -q search "$work/liar"
	# The helper has ended when the pause begins.
	wait_for 30 "A gives up" eval '[ -z "$(pgrep -f "meshguard: upnp" || pgrep -x "meshguard: upnp")" ]'
	within 5 eval '[ "$(pgrep -P "${daemon[A]}" | wc -l)" = 1 ]' >/dev/null
	stop A
	uncapture lie
	kill $liar_pid
	wait $liar_pid 2>/dev/null
}
connections() { captured lie | sed -n 's/^IP 192.168.7.2.[0-9]* > \([^:]*\):.*/\1/p' | sort -u; }
rules
lie E http://192.168.7.66:5000/root.xml
ok "another host that answers the search is not spoken to" same "$(connections)" ''
lie R http://192.168.7.66:5000/root.xml
ok "nor is one that the router names" same "$(connections)" ''
for location in https://192.168.7.1:5000/ http://192.168.7.1:22/ http://192.168.7.1@192.168.7.66:5000/ http://router:5000/ \
	"http://192.168.7.1:5000/$(printf 'x%.0s' {1..600})" http://192.168.7.1:5000 http://192.168.7.11:5000/; do
	lie R "$location"
	ok "no connection: ${location:0:50}" same "$(connections)" ''
done
for control in http://192.168.7.66:5000/ctl '/ctl\r\nX: y' '/a b' //192.168.7.66:5000/ctl; do
	lie R http://192.168.7.1:5000/root.xml "$control"
	ok "the description was read ($control)" grep -q GET "$work/liar"
	ok "no command was sent" not grep -qE 'POST .*(X:|a b)' "$work/liar"
	ok "and nobody else was spoken to" same "$(connections)" 192.168.7.1.5000
done
lie R http://192.168.7.1:5000/root.xml /ctl 'urn:schemas-upnp-org:service:WANIPConnection:1\r\nX: y'
ok "a service with a line end in it gets no command" not grep -q POST "$work/liar"
lie R http://192.168.7.1:5000/root.xml
ok "a good one does" grep -q 'POST /ctl .*WANIPConnection:1#GetExternalIPAddress' "$work/liar"
ok "its refusal maps nothing" not translated

done_testing
