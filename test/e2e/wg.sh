# wg.sh - what the tests of the plain WireGuard device share. Source it first.
# shellcheck shell=bash
# shellcheck disable=SC2034 # `daemon` is for the tests

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# --- namespaces

# ns NAME...: network namespaces with loopback up. `in_ns NAME COMMAND...` runs there.
ns() {
	local n
	for n; do
		ip netns add "$n"
		ip -n "$n" link set lo up
		ip netns exec "$n" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0
	done
}
in_ns() { ip netns exec "$@"; }
# cable NS1 IF1 NS2 IF2: a pair of ends that are up.
cable() {
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

# --- devices

has_socket() { [ -S "/run/wireguard/$1.sock" ]; }
# ours NS INTERFACE [WORDS...]: a device of ours, in the foreground of the background.
ours() {
	local n=$1 interface=$2
	shift 2
	ip netns exec "$n" "$MESHGUARD" wireguard -f "$@" "$interface" \
		>>"$work/$interface.log" 2>&1 &
	daemon=$!
	within 5 has_socket "$interface"
}
# theirs NS INTERFACE: a device of wireguard-go.
theirs() {
	LOG_LEVEL=error ip netns exec "$1" wireguard-go -f "$2" >>"$work/$2.log" 2>&1 &
	daemon=$!
	within 5 has_socket "$2"
}
# keys NAME...: $work/NAME.key, $work/NAME.pub, and the variable pub_NAME.
keys() {
	local n
	for n; do
		wg genkey >"$work/$n.key"
		wg pubkey <"$work/$n.key" >"$work/$n.pub"
		printf -v "pub_$n" %s "$(cat "$work/$n.pub")"
	done
}
# The endpoint, the handshake and the bytes of a device's only peer.
endpoint_of() { wg show "$1" endpoints | cut -f2; }
handshake_of() { wg show "$1" latest-handshakes | cut -f2; }
received_by() { wg show "$1" transfer | cut -f2; }
sent_by() { wg show "$1" transfer | cut -f3; }
has_handshake() { [ "$(handshake_of "$1")" -gt 0 ]; }
has_endpoint() { same "$(endpoint_of "$1")" "$2"; }
# pings NS ADDRESS [OPTIONS...]: ten, as fast as they come back, none lost.
pings() {
	local n=$1 to=$2 said
	shift 2
	said=$(ip netns exec "$n" ping -n -q -c 10 -f -W 1 -w 10 "$@" "$to")
	echo "$said"
	grep -q ', 0% packet loss' <<<"$said"
}
# pause MILLISECONDS: where the point is that time passes.
pause() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000))
	while [ ${EPOCHREALTIME/./} -lt $end ]; do sleep 0.05; done
}
