# lib.sh - what all end-to-end tests share: a world of their own, hosts and cables in it, TAP.
# Source it first.
#
# The test is run again in name spaces of its own: mounts (a private /run, so that sockets and the
# names of network namespaces meet nobody), network, and processes. When the test ends, for whatever
# reason, the kernel ends all that it started and removes all that it made.
# shellcheck shell=bash

if [ -z "${MESHGUARD_TEST_INSIDE:-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "1..0 # SKIP NOT RUN: network namespaces need root"
		echo "$0: NOT RUN: network namespaces need root" >&2
		exit 0
	fi
	MESHGUARD_TEST_INSIDE=1 exec unshare --mount --net --pid --fork --mount-proc --kill-child \
		bash "$0" "$@"
fi
set -u
export LC_ALL=C
umask 077

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MESHGUARD=${MESHGUARD:-$root/build/meshguard}
case $MESHGUARD in /*) ;; *) MESHGUARD=$PWD/$MESHGUARD ;; esac
export MESHGUARD
[ -x "$MESHGUARD" ] || { echo "Bail out! there is no $MESHGUARD"; exit 1; }
# Everything that a test writes is on this private file system and goes with it.
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
work=/run/test
mkdir -p /run/netns /run/wireguard "$work"
chmod 700 /run/wireguard

clean_up() {
	local pids
	pids=$(jobs -p)
	# shellcheck disable=SC2086 # one word each
	[ -z "$pids" ] || kill $pids 2>/dev/null
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# --- TAP

tests=0
failed=0
# ok NAME COMMAND...: passes when the command succeeds; what it prints is shown when it fails.
ok() {
	local name=$1 output status
	shift
	tests=$((tests + 1))
	output=$("$@" 2>&1)
	status=$?
	if [ $status = 0 ]; then
		echo "ok $tests - $name"
		return 0
	fi
	echo "not ok $tests - $name"
	failed=$((failed + 1))
	echo "#   failed ($status): $*"
	[ -z "$output" ] || printf '%s\n' "$output" | tail -n 20 | sed 's/^/#   /'
	return 1
}
# skip NAME REASON: counted and shown.
skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}
# A remark in the output of the test, from within `ok` too.
exec 3>&1
note() { printf '# %s\n' "$*" >&3; }
not() { ! "$@"; }
# same GOT WANT: equal texts.
same() {
	[ "$1" = "$2" ] && return 0
	printf 'got:  %s\nwant: %s\n' "$1" "$2"
	return 1
}
# at_most GOT LIMIT, at_least GOT LIMIT: whole numbers.
at_most() { echo "got: $1, at most: $2" && [ "$1" -le "$2" ]; }
at_least() { echo "got: $1, at least: $2" && [ "$1" -ge "$2" ]; }
# exits STATUS COMMAND...: ends with that status; what it says on either stream is in $work/said.
exits() {
	local want=$1 got
	shift
	"$@" >"$work/said" 2>&1
	got=$?
	[ "$got" = "$want" ] && return 0
	echo "exit status $got, want $want: $*"
	cat "$work/said"
	return 1
}
# said TEXT...: all of them are in what the last `exits` saw.
said() {
	local t
	for t; do
		grep -qF -- "$t" "$work/said" || { echo "not said: $t"; cat "$work/said"; return 1; }
	done
}
# A sanitizer's words in any log are a failure, whatever the process did afterwards.
no_report() {
	! grep -lE 'ERROR: .*Sanitizer|WARNING: .*Sanitizer|runtime error:|^BUG' "$work"/*.log 2>/dev/null
}
done_testing() {
	if compgen -G "$work/*.log" >/dev/null; then
		ok "no log holds a failed assertion or a sanitizer's report" no_report
	fi
	echo "1..$tests"
	if [ $failed != 0 ]; then
		for log in "$work"/*.log; do
			[ -s "$log" ] || continue
			echo "# --- $(basename "$log")"
			tail -n 40 "$log" | sed 's/^/# /'
		done
	fi
	exit $((failed != 0))
}

# Microseconds of the wall clock.
now_us() { echo "${EPOCHREALTIME/./}"; }
# within SECONDS COMMAND...: polls until the command succeeds.
within() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ ${EPOCHREALTIME/./} -ge $end ]; then
			echo "timed out: $*"
			"$@"
			return 1
		fi
		sleep 0.05
	done
}
# wait_for SECONDS DESCRIPTION COMMAND...: what the rest of the test cannot do without.
wait_for() {
	local seconds=$1 what=$2
	shift 2
	within "$seconds" "$@" >/dev/null && return 0
	ok "$what" within 1 "$@"
	done_testing
}
# always SECONDS COMMAND...: succeeds again and again for so long.
always() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	while [ ${EPOCHREALTIME/./} -lt $end ]; do
		"$@" || { echo "failed in between: $*"; return 1; }
		sleep 0.05
	done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
# True if the program under test carries a sanitizer, whose memory is no measure of ours.
sanitized() { grep -q -m 1 -a -e __asan_init -e __tsan_init "$MESHGUARD"; }

# --- hosts

# A host has a network namespace and a mount namespace of its own, held by a process that does
# nothing: commands on one host share /run/meshguard and /run/wireguard, and hosts do not.
declare -A holder
holds() {
	mount -t tmpfs -o mode=755 tmpfs /run/meshguard && mount -t tmpfs -o mode=700 tmpfs /run/wireguard &&
		ip link set lo up &&
		sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 &&
		: >"$1" && exec tail -f /dev/null
}
export -f holds
host() {
	local n
	mkdir -p /run/meshguard
	for n; do
		unshare --mount --net bash -c "holds $work/$n.holds" >"$work/$n.host.log" 2>&1 &
		holder[$n]=$!
		wait_for 5 "host $n" test -e "$work/$n.holds"
	done
}
# on HOST COMMAND...: there. The names of `ip netns` work too. The working directory may be lost.
on() {
	local n=$1
	shift
	if [ -n "${holder[$n]:-}" ]; then
		nsenter -t "${holder[$n]}" -m -n -- "$@"
	else
		ip netns exec "$n" "$@"
	fi
}

# lan NAME: a bridge that hosts are plugged into.
lan() {
	ip link add name "$1" type bridge mcast_snooping 0
	ip link set dev "$1" up
	# Where netfilter sees bridged frames, it must not judge them.
	[ ! -e /proc/sys/net/bridge ] || sysctl -qw net.bridge.bridge-nf-call-iptables=0 \
		net.bridge.bridge-nf-call-ip6tables=0
}
plugs=0
# plug HOST LAN INTERFACE ADDRESS/LEN...: a cable, with these addresses at the host's end.
plug() {
	local n=$1 bridge=$2 interface=$3 address
	shift 3
	plugs=$((plugs + 1))
	ip link add "port$plugs" type veth peer name "$interface" netns "${holder[$n]}"
	ip link set dev "port$plugs" master "$bridge" up
	on "$n" ip link set dev "$interface" up
	for address; do
		on "$n" ip addr add "$address" dev "$interface" || return 1
	done
}
# One answered ping, waited for up to a second.
reaches() { on "$1" ping -n -q -c 1 -W 1 -w 1 "$2"; }

# capture HOST INTERFACE NAME FILTER: to $work/NAME.pcap, from now until uncapture.
declare -A capturing
capture() {
	local n=$1 interface=$2 name=$3
	shift 3
	(exec nsenter -t "${holder[$n]}" -m -n -- tcpdump -Z root --immediate-mode -U -n -i "$interface" \
		-w "$work/$name.pcap" "$@") 2>"$work/$name.tcpdump" &
	capturing[$name]=$!
	wait_for 5 "capture on $n" grep -q 'listening on' "$work/$name.tcpdump"
}
uncapture() {
	kill -TERM "${capturing[$1]}"
	wait "${capturing[$1]}"
	unset "capturing[$1]"
}
# captured NAME FILTER: one line a packet.
captured() {
	local name=$1
	shift
	tcpdump -n -t -r "$work/$name.pcap" "$@" 2>/dev/null
}
