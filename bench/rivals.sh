# rivals.sh - how bench/compare starts and stops what it measures. Sets `to`, the address of A inside,
# and pids_a, pids_b. Each rival has the interface vpn0 with an MTU of 1420 and the defaults of its
# package; none is tuned, and none is hindered.
# shellcheck shell=bash

# begin HOST COMMAND...: in the background, there; adds to pids_a or pids_b.
begin() {
	local n=$1
	shift
	(exec nsenter -t "${holder[$n]}" -m -n -- "$@") >>"$work/$mode.out" 2>&1 &
	if [ "$n" = A ]; then pids_a="$pids_a $!"; else pids_b="$pids_b $!"; fi
}
has_link() { on "$1" ip link show vpn0 >/dev/null 2>&1; }
# dressed: the interfaces get their addresses.
dressed() {
	local n at=0
	for n in A B; do
		at=$((at + 1))
		within 10 has_link $n >/dev/null || return 1
		on $n ip addr replace "10.9.0.$at/24" dev vpn0
		on $n ip link set vpn0 mtu 1420 up
	done
	to=10.9.0.1
}
answers() { within 20 on B ping -n -q -c 1 -W 1 -w 1 "$to" >/dev/null; }
other() { [ "$1" = A ] && echo B || echo A; }
number() { [ "$1" = A ] && echo 1 || echo 2; }

# wireguard PROGRAM PEERS
wireguard() {
	local program=$1 peers=$2 n
	command -v "$program" >/dev/null || return 1
	for n in A B; do [ -s "$work/$n.wg" ] || wg genkey >"$work/$n.wg"; done
	for n in A B; do
		begin $n env LOG_LEVEL=error "$program" -f vpn0
		within 10 on $n wg show vpn0 >/dev/null || return 1
		on $n wg set vpn0 private-key "$work/$n.wg" listen-port 51999 \
			peer "$(wg pubkey <"$work/$(other $n).wg")" allowed-ips "10.9.0.$(number "$(other $n)")/32" \
			endpoint "10.0.0.$(number "$(other $n)"):51999"
		[ "$peers" -le 1 ] || "$tools/keys" --wireguard $((peers - 1)) | awk '
			{ print "[Peer]\nPublicKey = " $1 "\nAllowedIPs = 10.8." int(NR / 250) "." NR % 250 "/32" }' >"$work/peers.conf"
		[ "$peers" -le 1 ] || on $n wg addconf vpn0 "$work/peers.conf"
	done
	dressed
}
# meshguard WHAT: peers-N, rules-N, or all.
meshguard() {
	local n count=${1#*-}
	for n in A B; do
		rm -rf "$work/$n.d/services" "$work/$n.d/state"
		rm -f "$work/$n.d"/authorized_keys/peer-*.pub
	done
	case $1 in
	peers-1 | rules-0) ;;
	peers-*)
		for n in A B; do "$tools/keys" "$work/$n.d/authorized_keys" $((count - 1)); done
		;;
	rules-*)
		mkdir -p "$work/A.d/services"
		echo deny >"$work/A.d/services/default"
		{
			seq 1 $((count - 2)) | sed 's/^/allow tcp /'
			echo "allow icmp"
			echo "allow tcp 5201"
		} >"$work/A.d/services/global.policy"
		;;
	esac
	up A
	up B --seed 10.0.0.1:51821
	to=$(mesh4 A)
	within 30 all_meet A B >/dev/null || return 1
	pids_a=$(both_of A) pids_b=$(both_of B)
}
nebula_config() {
	cat <<C
pki: { ca: $work/nebula/ca.crt, cert: $work/nebula/$1.crt, key: $work/nebula/$1.key }
static_host_map: { "10.9.0.$(number "$(other "$1")")": ["10.0.0.$(number "$(other "$1")"):4242"] }
lighthouse: { am_lighthouse: false }
listen: { host: 0.0.0.0, port: 4242 }
tun: { dev: vpn0, mtu: 1420 }
logging: { level: error }
firewall: { outbound: [{ port: any, proto: any, host: any }], inbound: [{ port: any, proto: any, host: any }] }
C
}
nebula() {
	local n
	command -v nebula-cert >/dev/null || return 1
	if [ ! -d "$work/nebula" ]; then
		mkdir "$work/nebula"
		(cd "$work/nebula" && nebula-cert ca -name bench &&
			for n in A B; do nebula-cert sign -name $n -ip "10.9.0.$(number $n)/24"; done) >&2
	fi
	for n in A B; do
		nebula_config $n >"$work/nebula/$n.yml"
		begin $n "$(type -P nebula)" -config "$work/nebula/$n.yml"
	done
	within 10 has_link B >/dev/null && within 10 has_link A >/dev/null
	to=10.9.0.1
}
tinc() {
	local n
	type -P tincd >/dev/null || return 1
	if [ ! -d "$work/tinc" ]; then
		for n in A B; do
			mkdir -p "$work/tinc/$n/hosts"
			printf '%s\n' "Name = $n" "ConnectTo = $(other $n)" "Interface = vpn0" "Port = 655" \
				>"$work/tinc/$n/tinc.conf"
			printf '%s\n' "Address = 10.0.0.$(number $n)" "Subnet = 10.9.0.$(number $n)/32" \
				>"$work/tinc/$n/hosts/$n"
			tincd -c "$work/tinc/$n" -K2048 </dev/null >/dev/null 2>&1
		done
		cp "$work/tinc/A/hosts/A" "$work/tinc/B/hosts/"
		cp "$work/tinc/B/hosts/B" "$work/tinc/A/hosts/"
	fi
	for n in A B; do
		begin $n "$(type -P tincd)" -D -c "$work/tinc/$n" --pidfile="$work/tinc/$n.pid"
	done
	dressed
}
fastd() {
	local n
	type -P fastd >/dev/null || return 1
	for n in A B; do
		[ -s "$work/fastd.$n" ] || "$(type -P fastd)" --generate-key >"$work/fastd.$n" 2>/dev/null
	done
	for n in A B; do
		cat >"$work/fastd.$n.conf" <<C
mode tun;
interface "vpn0";
method "salsa2012+umac";
mtu 1420;
bind 10.0.0.$(number $n):10000;
secret "$(awk '/^Secret/ { print $2 }' "$work/fastd.$n")";
peer "other" {
	key "$(awk '/^Public/ { print $2 }' "$work/fastd.$(other $n)")";
	remote 10.0.0.$(number "$(other $n)"):10000;
}
C
		begin $n "$(type -P fastd)" -c "$work/fastd.$n.conf"
	done
	dressed
}
openvpn() {
	local n print role
	type -P openvpn >/dev/null || return 1
	for n in A B; do
		[ -s "$work/openvpn.$n.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
			-nodes -days 2 -subj "/CN=$n" -keyout "$work/openvpn.$n.key" -out "$work/openvpn.$n.crt" 2>/dev/null
	done
	for n in A B; do
		role=(--tls-client)
		[ $n = B ] || role=(--tls-server --dh none)
		print=$(openssl x509 -in "$work/openvpn.$(other $n).crt" -noout -fingerprint -sha256 | cut -d= -f2)
		begin $n "$(type -P openvpn)" --dev vpn0 --dev-type tun --proto udp --local "10.0.0.$(number $n)" \
			--remote "10.0.0.$(number "$(other $n)")" --ifconfig "10.9.0.$(number $n)" "10.9.0.$(number "$(other $n)")" \
			--cert "$work/openvpn.$n.crt" --key "$work/openvpn.$n.key" --peer-fingerprint "$print" \
			--tun-mtu 1420 --disable-dco --data-ciphers AES-256-GCM --verb 1 \
			"${role[@]}"
	done
	within 10 has_link A >/dev/null && within 10 has_link B >/dev/null
	to=10.9.0.1
}
plain() {
	local n
	for n in A B; do begin $n "$tools/plain" vpn0 51998 "10.0.0.$(number "$(other $n)")"; done
	dressed
}

# start MODE [VARIANT]: and waits until A is reached through it.
start() {
	local mode=$1 what=${2:-all}
	case $mode in
	raw) to=10.0.0.1 ;;
	plain | nebula | tinc | fastd | openvpn) $mode || return 1 ;;
	meshguard) meshguard "$what" || return 1 ;;
	wireguard-go | newer)
		local program=wireguard-go peers=1
		[ "$mode" = wireguard-go ] || program=$WGGO
		case $what in peers-*) peers=${what#peers-} ;; esac
		wireguard "$program" "$peers" || return 1
		;;
	*) return 1 ;;
	esac
	answers
}
# Processes of ours by their id; those of the mesh in order.
finish() {
	local n
	for n in A B; do
		[ -z "${daemon[$n]:-}" ] || stop $n
	done
	[ "$1" = meshguard ] || [ -z "$pids_a$pids_b" ] || {
		kill $pids_a $pids_b
		wait $pids_a $pids_b
	} 2>/dev/null
	for n in A B; do within 10 not has_link $n >/dev/null; done
}

versions() {
	echo "meshguard $("$MESHGUARD" version | head -n 1 | sed 's/^meshguard //')"
	local package
	for package in wireguard-go nebula tinc fastd openvpn; do
		dpkg-query -W -f '${Package} ${Version} (Debian)\n' $package 2>/dev/null
	done
	[ -z "${WGGO:-}" ] || echo "newer: $("$WGGO" --version 2>/dev/null | head -n 1)"
}
