#!/bin/bash
# One TCP stream through meshguard, and through wireguard-go, in turn (root, iperf3, wireguard-go):
#
#   bench/tunnel.sh [SECONDS [ROUNDS]]
#
# Two hosts in network namespaces, joined by a veth pair. Everything shares this machine's cores, so that
# throughput tells what both daemons and the TCP of both ends cost together; CPU seconds per GB are those of
# both daemons, and suffer least from a busy machine. Ratios within one run count, not figures. WGGO: another
# wireguard-go than that of the path. OTHER: another build/ of meshguard is measured, too. UP: more options of up.
. "$(dirname "$0")/../test/e2e/mesh.sh"

seconds=${1:-3} rounds=${2:-3} wggo=${WGGO:-wireguard-go}
node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24

# cpu PID...: seconds of all of them so far.
cpu() {
	local pid
	for pid; do
		sed 's/.*) //' "/proc/$pid/stat"
	done | awk -v hz="$(getconf CLK_TCK)" '{ s += $12 + $13 } END { print s / hz }'
}
# measure NAME ADDRESS PID...: one run from B to A; the daemons are PID.
measure() {
	local name=$1 to=$2 before after server
	shift 2
	on A iperf3 -s -1 -B "$to" >/dev/null 2>&1 &
	server=$!
	within 5 listens >/dev/null
	before=$(cpu "$@")
	on B iperf3 -c "$to" -t "$seconds" -J >"$work/iperf.json"
	after=$(cpu "$@")
	wait $server
	jq -r --arg n "$name" --argjson cpu "$(awk -v a="$after" -v b="$before" 'BEGIN { print a - b }')" \
		'.end.sum_received | "\($n) \(.bits_per_second / 1e6) \($cpu / (.bytes / 1e9))"' \
		"$work/iperf.json" | tee -a "$work/results" |
		awk '{ printf "%-16s %8.0f Mbit/s %8.2f CPU s/GB\n", $1, $2, $3 }'
}
listens() { on A ss -tln | grep -q :5201; }

meshguard() {
	MESHGUARD=$2
	# shellcheck disable=SC2086 # words
	up A ${UP:-}
	# shellcheck disable=SC2086 # words
	up B --seed 10.0.0.1:51821 ${UP:-}
	within 30 all_meet A B >/dev/null || { echo "the daemons do not meet" >&2; exit 1; }
	# shellcheck disable=SC2046 # two words
	measure "$1" "$(mesh4 A)" $(child_of A) $(child_of B)
	stop A B
}
wireguard() {
	local n pids=()
	for n in A B; do
		wg genkey >"$work/$n.wg"
	done
	for n in A B; do
		local other=B at=1
		[ $n = A ] || { other=A; at=2; }
		(exec nsenter -t "${holder[$n]}" -m -n -- env LOG_LEVEL=error "$wggo" -f wg0) >>"$work/wggo.log" 2>&1 &
		pids+=($!)
		within 5 on $n wg show wg0 >/dev/null
		on $n wg set wg0 private-key "$work/$n.wg" listen-port 51999 peer "$(wg pubkey <"$work/$other.wg")" \
			allowed-ips 10.9.0.0/24 endpoint "10.0.0.$((3 - at)):51999"
		on $n ip address add "10.9.0.$at/24" dev wg0
		on $n ip link set wg0 up mtu 1420
	done
	within 30 on B ping -c 1 -W 1 10.9.0.1 >/dev/null
	measure wireguard-go 10.9.0.1 "${pids[@]}"
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
}

for _ in $(seq "$rounds"); do
	measure veth 10.0.0.1
	meshguard meshguard "$root/build/meshguard"
	[ -z "${OTHER:-}" ] || meshguard meshguard-other "$OTHER/meshguard"
	command -v "$wggo" >/dev/null && wireguard
done
# Medians, and ratios of them to wireguard-go.
echo
sort -k1,1 -k2,2n "$work/results" | awk '{ n[$1]++; mbit[$1, n[$1]] = $2 } END { for (k in n) print k, mbit[k, int((n[k] + 1) / 2)] }' |
	sort >"$work/mbit"
sort -k1,1 -k3,3n "$work/results" | awk '{ n[$1]++; cost[$1, n[$1]] = $3 } END { for (k in n) print k, cost[k, int((n[k] + 1) / 2)] }' |
	sort >"$work/cost"
join "$work/mbit" "$work/cost" | awk '
	{ mbit[$1] = $2; cost[$1] = $3 }
	END {
		printf "%-16s %14s %10s %22s\n", "median", "TCP Mbit/s", "CPU s/GB", "ratios to wireguard-go"
		w = "wireguard-go"
		for (k in mbit) printf "%-16s %14.0f %10.2f %11.2f %10.2f\n", k, mbit[k], cost[k],
			mbit[w] ? mbit[k] / mbit[w] : 0, cost[w] ? cost[k] / cost[w] : 0
	}'
