#!/bin/bash
# By IPv6 nothing is translated, but the router lets nobody in: a pinhole by PCP, from miniupnpd.
. "$(dirname "$0")/mesh.sh"

lan home
lan world
node A B
host R
on R sysctl -qw net.ipv6.conf.all.forwarding=1
on A sysctl -qw net.ipv6.conf.all.accept_ra=0
plug R home lan 2a01:7::1/64 192.168.7.1/24
plug A home eth0 2a01:7::2/64
plug R world wan 2a01:5::9/64 5.5.5.9/24
plug B world eth0 2a01:5::20/64
on R ip -6 addr add fe80::1/64 dev lan nodad
on A ip -6 route add default via fe80::1 dev eth0
on B ip -6 route add 2a01:7::/64 via 2a01:5::9
on R nft -f - <<-END
	table inet filter {
		chain forward { type filter hook forward priority 0; policy accept; ct state established accept; jump miniupnpd; iifname "wan" drop; }
		chain miniupnpd { }
	}
	table inet nat {
		chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
		chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; }
		chain prerouting_miniupnpd { }
		chain postrouting_miniupnpd { }
	}
END
cat >"$work/igd.conf" <<-END
	ext_ifname=wan
	ext_ifname6=wan
	listening_ip=lan
	enable_natpmp=yes
	enable_upnp=yes
	ext_perform_stun=no
	port=5000
	secure_mode=yes
	min_lifetime=20
	max_lifetime=86400
	uuid=00000000-0000-0000-0000-000000000008
	upnp_table_name=filter
	upnp_nat_table_name=nat
	upnp_forward_chain=miniupnpd
	upnp_nat_chain=prerouting_miniupnpd
	upnp_nat_postrouting_chain=postrouting_miniupnpd
	allow 1024-65535 192.168.7.0/24 1024-65535
	deny 0-65535 0.0.0.0/0 0-65535
END
(exec nsenter -t "${holder[R]}" -m -n -- miniupnpd -d -f "$work/igd.conf" -P "$work/igd.pid") >"$work/igd.out" 2>&1 &
wait_for 10 "the router opens pinholes" eval 'on R ss -lun6 "sport = :5351" | grep -q 5351'

reach() { json "$1" ".node.reach | $2"; }
is() { same "$(reach "$1" "$2")" "$3"; }
opened() { on R nft list ruleset | grep -q '2a01:7::2\|2a010007000000000000000000000002'; }
trust_each_other A B
up A
wait_for 10 "A runs" serves A
ok "a pinhole is asked for, and there" within 30 is A '.mappings[0] | .protocol + " " + .external' 'pcp [2a01:7::2]:51821'
ok "it is for two hours, and no NAT" eval 'at_least "$(reach A ".mappings[0].left_s")" 7000 && is A ".mappings[0].double_nat" false'
ok "the router says so, too" within 5 opened
up B --seed '[2a01:7::2]:51821'
ok "who knows nothing but that address comes in" within 20 meets4 B A
ok "which proves it: dialled back" within 10 is A .nat public
mg A netcheck --stun off >"$work/netcheck"
ok "netcheck tells it" grep -q '^mapped port  *\[2a01:7::2\]:51821 by pcp from fe80::1,' "$work/netcheck"
stop B A
ok "taken away at the end" within 10 not opened
rm -rf "$work/A.d/state" # or it calls B itself
on R conntrack -F 2>/dev/null
up B --seed '[2a01:7::2]:51821'
up A --map off
wait_for 10 "A runs" serves A
ok "--map off asks nobody" always 3 is A '.mappings | length' 0
ok "and nobody comes in" always 5 not meets4 B A
stop A B
done_testing
