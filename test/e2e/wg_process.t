#!/bin/bash
# The process of `meshguard wireguard`: how it starts, what it leaves, and when it ends.
. "$(dirname "$0")/wg.sh"

ns a
rmdir /run/wireguard
socket=/run/wireguard/wgp.sock
run() { ip netns exec a "$MESHGUARD" wireguard "$@"; }
status_of() { "$@" >/dev/null 2>"$work/said"; echo $?; }
has_link() { ip -n a link show "$1"; }
is_gone() { ! has_socket "$1" && ! has_link "$1"; }
# The processes of ours, all of them.
program=$(readlink -f "$MESHGUARD")
our_pids() {
	local p
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/exe" 2>/dev/null)" != "$program" ] || echo "${p#/proc/}"
	done
}
running() { [ -n "$(our_pids)" ]; }

# --- words
ok "no word: usage, 2" same "$(status_of run)" 2
ok "two interfaces: 2" same "$(status_of run a b)" 2
ok "an unknown option: 2" same "$(status_of run --frobnicate wgp)" 2
ok "the message names it" grep -q frobnicate "$work/said"
ok "a name of 16 bytes: 2" same "$(status_of run a234567890123456)" 2
ok "a name with a slash: 2" same "$(status_of run ../wgp)" 2
ok "nothing was left by these" eval '[ -z "$(ls /run/wireguard 2>/dev/null)" ]'
ok "row 39: show of a missing device fails" not wg show wgp

# --- the background
ok "it returns to the shell" same "$(status_of timeout 10 ip netns exec a "$MESHGUARD" wireguard wgp)" 0
ok "and the socket is there" has_socket wgp
ok "which is for root alone" eval '[[ $(stat -c %a $socket) = [67]00 ]]'
ok "in a folder where root alone can put one" eval '[[ $(stat -c %a /run/wireguard) = 7[05][05] ]]'
ok "the interface is there" has_link wgp
ok "with an MTU of 1420" eval 'ip -n a link show wgp | grep -q "mtu 1420"'
ok "wg show works" eval 'wg show wgp | grep -q "interface: wgp"'
ok "wg show interfaces lists it" same "$(wg show interfaces)" wgp
ok "a second one of that name is refused" not same "$(status_of run wgp)" 0
ok "in one line" same "$(wc -l <"$work/said")" 1
ok "and the first goes on" wg show wgp
ip -n a link del wgp
ok "it ends when the interface is deleted" within 5 is_gone wgp
ok "no process stays" within 5 not running

run wgp
rm $socket
ok "it ends when the socket is removed" within 5 is_gone wgp
ok "no process stays" within 5 not running

# --- the foreground
for signal in TERM INT; do
	# A shell ignores SIGINT for what it starts in the background.
	ip netns exec a env --default-signal=INT "$MESHGUARD" wireguard -f wgp 2>"$work/f.log" &
	daemon=$!
	ok "-f: the socket comes" within 5 has_socket wgp
	ok "-f: it stays in the foreground" kill -0 $daemon
	kill -$signal $daemon
	wait $daemon
	ok "SIG$signal ends it orderly" same $? 0
	ok "SIG$signal: interface and socket are gone" within 5 is_gone wgp
done
WG_PROCESS_FOREGROUND=1 ip netns exec a "$MESHGUARD" wireguard wgp 2>>"$work/f.log" &
daemon=$!
ok "WG_PROCESS_FOREGROUND=1: the socket comes" within 5 has_socket wgp
ok "WG_PROCESS_FOREGROUND=1 is -f" kill -0 $daemon
kill $daemon
wait $daemon
ok "it is gone" within 5 is_gone wgp

# --- killed hard
run wgp
# shellcheck disable=SC2046 # several words
kill -KILL $(our_pids)
ok "SIGKILL to all: no process stays" within 5 not running
ok "and no interface" within 5 not ip -n a link show dev wgp
ok "after SIGKILL the next start works" same "$(status_of timeout 10 ip netns exec a "$MESHGUARD" wireguard wgp)" 0
ok "and can be steered" wg set wgp listen-port 0
ip -n a link del wgp
within 5 is_gone wgp

# --- called by the other name
ln -s "$MESHGUARD" "$work/meshguard-wireguard"
ok "meshguard-wireguard NAME works" ip netns exec a "$work/meshguard-wireguard" wgp
ok "and makes the socket" has_socket wgp
begin=$(now_us)
ok "meshguard down: not its daemon: 4" same "$(status_of in_ns a "$MESHGUARD" down --interface wgp)" 4
ok "it says what ends it" grep -q 'ip link del wgp' "$work/said"
ok "at once" at_most $(($(now_us) - begin)) 5000000
ip -n a link del wgp
ok "and ends like the other" within 5 is_gone wgp

# --- what it says
for level in verbose error silent; do
	export LOG_LEVEL=$level
	ours a "wgl$level"
	unset LOG_LEVEL
	ip -n a link set "wgl$level" up
	within 5 eval '[ "$(wg show wgl$level listen-port)" != 0 ]'
	kill $daemon
	wait $daemon
done
ok "LOG_LEVEL=verbose tells that the interface is up" grep -q 'interface is up' "$work/wglverbose.log"
ok "LOG_LEVEL=error does not" same "$(cat "$work/wglerror.log")" ""
ok "nor does LOG_LEVEL=silent" same "$(cat "$work/wglsilent.log")" ""

# --- up and down
ours a wgp
keys one
ip -n a link set wgp up
wg set wgp private-key "$work/one.key"
has_port() { [ "$(wg show wgp listen-port)" != 0 ]; }
ok "up: a free port is chosen" within 5 has_port
port=$(wg show wgp listen-port)
bound() { in_ns a ss -Hlun "sport = :$1" | grep -q .; }
ok "and bound" bound "$port"
ok "for both families" same "$(in_ns a ss -Hlun "sport = :$port" | wc -l)" 2
ip -n a link set wgp down
ok "down: the port is closed" within 5 not bound "$port"
wg set wgp listen-port 7001
ok "a port set while down is not bound" not bound 7001
ip -n a link set wgp up
ok "but when it comes up" within 5 bound 7001
wg set wgp listen-port 7002
ok "a port changed while up is bound" bound 7002
ok "and the old one closed" not bound 7001
in_ns a /usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7003))
time.sleep(60)' &
other=$!
within 5 bound 7003
ok "a port that is taken is refused" eval \
	'wg set wgp listen-port 7003 2>&1 | grep -q "Address already in use"'
ok "and the old one stays" bound 7002
kill $other
ok "a port below 1024 works" eval 'wg set wgp listen-port 53 && bound 53'
ok "a firewall mark is taken" eval 'wg set wgp fwmark 0x42 && same "$(wg show wgp fwmark)" 0x42'
ok "and taken off" eval 'wg set wgp fwmark 0 && same "$(wg show wgp fwmark)" off'
kill $daemon
done_testing
