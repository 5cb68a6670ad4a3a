#!/bin/bash
# What `meshguard netcheck` says of NATs of each kind, without a daemon and without rights: by the STUN
# servers of others that have two addresses (coturn, stund), and how long a NAT keeps a mapping.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

internet
host S D
public S 9
public D 8
mkdir -p "$work/turn"
(exec nsenter -t "${holder[S]}" -m -n -- turnserver -n --stun-only --no-cli --no-tls --no-dtls \
	-L 4.9.0.2 -L 4.9.0.3 -p 3478 --alt-listening-port 3479 -l stdout --simple-log \
	--pidfile "$work/turn/pid" --userdb "$work/turn/db") >"$work/turn/out" 2>&1 &
on S ip addr add 4.9.0.4/24 dev eth0
on S ip addr add 4.9.0.5/24 dev eth0
(exec nsenter -t "${holder[S]}" -m -n -- stund -h 4.9.0.4 -a 4.9.0.5 -p 3478 -o 3479) >"$work/turn/stund" 2>&1 &
listens() { on S ss -lun "sport = :$1" | grep -q "$2:"; }
wait_for 10 "coturn listens" listens 3478 4.9.0.2
wait_for 10 "coturn listens at its other address and port" listens 3479 4.9.0.3
wait_for 10 "stund listens" listens 3478 4.9.0.4

# check NAME HOST OPTIONS...: in the background, by nobody; to $work/NAME.json
check() {
	local name=$1 h=$2
	shift 2
	(exec nsenter -t "${holder[$h]}" -m -n -- setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$work/meshguard" netcheck --json "$@") >"$work/$name.json" 2>"$work/$name.says" &
}
cp "$MESHGUARD" "$work/meshguard"
chmod 755 "$work" "$work/meshguard"
said_of() { jq -r '[.daemon, .udp, .ipv4, .mapping, .filtering, .hairpin] | map(tostring) | join(" ")' "$work/$1.json"; }
# Outside ports are by chance.
told() { same "$(said_of "$1" | sed 's/:[0-9][0-9]* / /')" "$2"; }

# --- how long a mapping lives
n=10
# NAME SECONDS: a home whose router forgets after so long.
forgetful() {
	host "$1"
	site "$n" home "$1" || return 1
	on "nat$n" sysctl -qw net.netfilter.nf_conntrack_udp_timeout="$2" \
		net.netfilter.nf_conntrack_udp_timeout_stream="$2" || return 1
	n=$((n + 1))
}
forgetful f10 10 && forgetful f20 20
ok "there are routers that forget after 10 and 20 s" test $? = 0
check f10 f10 --stun 4.9.0.2:3478 --lifetime
check f20 f20 --stun 4.9.0.2:3478 --lifetime
check other f10 --stun 4.9.0.4:3478 --lifetime

# --- NATs of each kind
kinds="open fullcone addr home naked random seq hairpin blocked home@home hostfw"
declare -A want=(
	[D]="false true 4.8.0.2 none open null"
	[open]="false true 6.N.0.2 endpoint-independent open false"
	[fullcone]="false true 6.N.0.2 endpoint-independent open false"
	[addr]="false true 6.N.0.2 endpoint-independent address-dependent false"
	[home]="false true 6.N.0.2 endpoint-independent address-and-port-dependent false"
	[naked]="false true 6.N.0.2 endpoint-independent address-and-port-dependent false"
	[random]="false true 6.N.0.2 address-and-port-dependent address-and-port-dependent false"
	[seq]="false true 6.N.0.2 address-and-port-dependent address-and-port-dependent false"
	[hairpin]="false true 6.N.0.2 endpoint-independent open true"
	[blocked]="false false null unknown unknown null"
	[home@home]="false true 6.N.0.2 endpoint-independent address-and-port-dependent false"
	[hostfw]="false true 6.N.0.2 endpoint-independent address-and-port-dependent false"
)
for kind in $kinds; do
	host "c$n"
	ok "a site of kind $kind can be made" site $n "$kind" "c$n"
	check "coturn.$kind" "c$n" --stun 4.9.0.2:3478
	check "stund.$kind" "c$n" --stun 4.9.0.4:3478
	want[$kind]=${want[$kind]/N/$n}
	n=$((n + 1))
done
check coturn.D D --stun 4.9.0.2:3478
check stund.D D --stun 4.9.0.4:3478
for kind in D $kinds; do
	for server in coturn stund; do
		wait_for 30 "an answer ($kind, $server)" grep -q '}' "$work/$server.$kind.json"
		ok "$kind by $server: ${want[$kind]}" told "$server.$kind" "${want[$kind]}"
	done
done

# --- what was begun first
lives() { within 150 grep -q '}' "$work/$1.json" && same "$(jq .lifetime_s "$work/$1.json")" "$2"; }
ok "stund cannot answer to another port" lives other null
ok "and that is said" grep -q 'no STUN server .* can measure the lifetime' "$work/other.says"
ok "20 s: it lives 18 s at least" lives f20 18
ok "10 s: it lives 8 s at least" lives f10 8

done_testing
