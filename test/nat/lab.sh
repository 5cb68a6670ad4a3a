# lab.sh - an internet in network namespaces: a core, public hosts, and sites behind NATs of every
# kind. Source it first; it brings lib.sh and mesh.sh of the end-to-end tests with it, so that
# everything lies in a world of its own: laboratories run side by side and meet nobody.
#
#   internet                        the core router
#   public HOST N                   HOST is 4.N.0.2 (and .3), without any NAT
#   site N KIND HOST [HOST]         hosts as 192.168.N.2 and .3 behind a NAT whose address is 6.N.0.2
#   isolate N                       hosts of the site do not reach each other by its LAN
#   neighbour N KIND HOST           one more NAT at the CGNAT of site N, with 192.168.(100+N).0/24
#   forget_flows N                  the NATs of the site forget what they know
#
# A host is one of lib.sh (`host`, `node`). Between two sites are three routers, as there are at
# least in reality: what leaves with a TTL of 4 dies before it reaches the other site's NAT, but
# passes two NATs of its own. With NEAR=1 there is only the core.
#
# KIND: open      1:1, address alone is translated, nothing is filtered
#       fullcone  one outside port, open for all (as after a port mapping)
#       addr      one outside port, open for addresses that were sent to
#       home      Linux masquerade that drops what comes unasked: port preserved, filter by port
#       naked     the same that does not drop it: what comes unasked takes the port away (see nat.md)
#       random    another outside port for each destination, by chance
#       seq       the same, one after the other
#       hairpin   fullcone that also turns back what comes from inside
#       hostfw    home, and the host drops what comes unasked, too
#       blocked   no UDP at all
#       KIND@CGN  KIND behind another NAT, of kind CGN, at the provider: 100.64.N.0/24 in between
#
# nft: names of chains begin with c_, because input, forward and so on are reserved words.
# shellcheck shell=bash

# shellcheck source=test/e2e/mesh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/mesh.sh"

# router NAME: forwards; bridged frames are not judged (br_netfilter is on in each new namespace).
router() {
	ip netns add "$1" || return 1
	ip -n "$1" link set dev lo up
	ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0 || return 1
	[ ! -e /proc/sys/net/bridge ] ||
		ip netns exec "$1" sysctl -qw net.bridge.bridge-nf-call-iptables=0 \
			net.bridge.bridge-nf-call-ip6tables=0
}
# cable A IFA ADDRESS/LEN B IFB ADDRESS/LEN: "-" is no address.
cable() {
	ip link add name "$2" netns "${holder[$1]:-$1}" type veth \
		peer name "$5" netns "${holder[$4]:-$4}" || return 1
	on "$1" ip link set dev "$2" up
	on "$4" ip link set dev "$5" up
	[ "$3" = - ] || on "$1" ip addr add "$3" dev "$2"
	[ "$6" = - ] || on "$4" ip addr add "$6" dev "$5"
}
internet() { router core; }
public() {
	cable core "p$2" "4.$2.0.1/24" "$1" eth0 "4.$2.0.2/24"
	on "$1" ip addr add "4.$2.0.3/24" dev eth0
	on "$1" ip route add default via "4.$2.0.1"
}

# nat_rules KIND WAN-ADDRESS LAN-NET CLIENT: for nft. Interfaces are wan and lan.
nat_rules() {
	local kind=$1 address=$2 net=$3 client=$4 i
	local masquerade="oifname wan ip saddr $net masquerade"
	echo "table ip nat {"
	case $kind in fullcone | addr | hairpin)
		# Masquerade keeps the port while it is free, so outside port = inside port.
		cat <<-EOF
		map inside { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 120s; size 65536; }
		set asked { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 120s; size 65536; }
		chain c_learn { type filter hook forward priority 10; policy accept;
			iifname lan ip saddr $net meta l4proto udp update @inside { udp sport : ip saddr }
			iifname lan ip saddr $net meta l4proto udp update @asked { udp sport . ip daddr }
		}
		EOF
	esac
	echo "chain c_before { type nat hook prerouting priority dstnat; policy accept;"
	case $kind in
	open) echo "iifname wan ip daddr $address dnat to $client" ;;
	fullcone) echo "iifname wan ip daddr $address meta l4proto udp dnat to udp dport map @inside" ;;
	addr) echo "iifname wan ip daddr $address udp dport . ip saddr @asked dnat to udp dport map @inside" ;;
	hairpin) echo "ip daddr $address meta l4proto udp dnat to udp dport map @inside" ;;
	esac
	echo "}"
	echo "chain c_after { type nat hook postrouting priority srcnat; policy accept;"
	case $kind in
	open) echo "oifname wan ip saddr $net snat to $address" ;;
	random) echo "$masquerade random,fully-random" ;;
	seq) # by a map: a bare number would be stored in the order of bytes of this host
		printf 'oifname wan ip saddr %s meta l4proto udp masquerade to :numgen inc mod 1024 map { ' "$net"
		for i in {0..1023}; do printf '%d : %d, ' "$i" $((40000 + i)); done
		echo '}'
		echo "$masquerade"
		;;
	hairpin)
		echo "$masquerade"
		echo "oifname lan ip saddr $net ct status dnat snat to $address"
		;;
	*) echo "$masquerade" ;;
	esac
	printf '}\n}\ntable ip filter {\n'
	echo "chain c_forward { type filter hook forward priority filter; policy accept;"
	case $kind in
	blocked) echo "meta l4proto udp drop" ;;
	open) ;;
	*)
		echo "iifname wan ct state new ct status dnat accept"
		echo "iifname wan ct state new,invalid drop"
		;;
	esac
	echo "}"
	# What comes unasked, and is dropped here, leaves no flow behind that would hold the port.
	[ "$kind" = naked ] || cat <<-EOF
		chain c_input { type filter hook input priority filter; policy accept;
			iifname wan meta l4proto udp ct state new drop
		}
	EOF
	echo "}"
}
# nat NAMESPACE KIND...: as nat_rules.
nat() {
	local where=$1
	shift
	nat_rules "$@" | on "$where" nft -f -
}
# inner ROUTER ADDRESS/LEN: its inner network, with an Ethernet switch.
inner() {
	on "$1" ip link add name lan type bridge mcast_snooping 0
	on "$1" ip link set dev lan up
	on "$1" ip addr add "$2" dev lan
}
site() {
	local n=$1 kind=${2%@*} cgn=${2#*@} up=core address=6.$1.0.2 gate=6.$1.0.1 h i=2
	local firewall=
	[ "$cgn" != "$2" ] || cgn=
	[ "$kind" != hostfw ] || { kind=home; firewall=1; }
	shift 2
	if [ -z "${NEAR:-}" ]; then
		router "isp$n"
		cable core "s$n" "5.$n.0.1/30" "isp$n" up "5.$n.0.2/30"
		on core ip route add "6.$n.0.0/24" via "5.$n.0.2"
		on "isp$n" ip route add default via "5.$n.0.1"
		up=isp$n
	fi
	router "nat$n"
	if [ -n "$cgn" ]; then
		router "cgn$n"
		cable "$up" "s$n" "$gate/24" "cgn$n" wan "$address/24"
		on "cgn$n" ip route add default via "$gate"
		inner "cgn$n" "100.64.$n.1/24"
		cable "cgn$n" l2 - "nat$n" wan "100.64.$n.2/24"
		on "cgn$n" ip link set dev l2 master lan
		nat "cgn$n" "$cgn" "$address" "100.64.$n.0/24" "100.64.$n.2" || return 1
		address=100.64.$n.2
		gate=100.64.$n.1
	else
		cable "$up" "s$n" "$gate/24" "nat$n" wan "$address/24"
	fi
	on "nat$n" ip route add default via "$gate"
	inner "nat$n" "192.168.$n.1/24"
	for h; do
		cable "nat$n" "l$i" - "$h" eth0 "192.168.$n.$i/24"
		on "nat$n" ip link set dev "l$i" master lan
		on "$h" ip route add default via "192.168.$n.1"
		[ -z "$firewall" ] || on "$h" nft add table inet host '{ chain c_in {
			type filter hook input priority filter; policy accept;
			iifname eth0 meta l4proto udp ct state new drop; }; }' || return 1
		i=$((i + 1))
	done
	nat "nat$n" "$kind" "$address" "192.168.$n.0/24" "192.168.$n.2"
}
isolate() {
	local port
	for port in l2 l3; do
		on "nat$1" ip link set dev $port type bridge_slave isolated on || return 1
	done
}
neighbour() {
	local n=$1 far=$((100 + $1))
	router "near$n"
	cable "cgn$n" l3 - "near$n" wan "100.64.$n.3/24"
	on "cgn$n" ip link set dev l3 master lan
	cable "near$n" lan "192.168.$far.1/24" "$3" eth0 "192.168.$far.2/24"
	on "near$n" ip route add default via "100.64.$n.1"
	on "$3" ip route add default via "192.168.$far.1"
	nat "near$n" "$2" "100.64.$n.3" "192.168.$far.0/24" "192.168.$far.2"
}
forget_flows() {
	local where
	for where in "nat$1" "cgn$1" "near$1"; do
		[ -e "/run/netns/$where" ] || continue
		on "$where" conntrack -F >/dev/null 2>&1
		on "$where" nft flush map ip nat inside 2>/dev/null
		on "$where" nft flush set ip nat asked 2>/dev/null
	done
	return 0
}
