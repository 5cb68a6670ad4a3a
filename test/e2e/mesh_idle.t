#!/bin/bash
# What a daemon costs that has three peers and nothing to do: wake-ups and memory, of both processes.
. "$(dirname "$0")/mesh.sh"

node A B C D
trust_each_other A B C D
lan wire
number=0
for n in A B C D; do
	number=$((number + 1))
	plug $n wire eth0 10.0.0.$number/24
	up $n --seed 10.0.0.1:51821
done
wait_for 10 "all meet" all_meet A B C D

# Times that the processes of a node were woken up so far.
woken() {
	local p
	for p in $(both_of "$1"); do
		cat "/proc/$p/status"
	done | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}
# kB of memory that is the process's alone and was written to.
private() {
	local p
	for p in $(both_of "$1"); do
		cat "/proc/$p/smaps_rollup"
	done | awk '/^Private_Dirty/ { n += $2 } END { print n }'
}
# The rates of ten seconds; the first ones after a start are for getting acquainted.
seconds=10
sleep 3
declare -A before
for n in A B C D; do
	before[$n]="$(woken $n) $(json $n .node.wakeups)"
done
sleep $seconds
for n in A B C D; do
	read -r switches turns <<<"${before[$n]}"
	turns=$(($(json $n .node.wakeups) - turns))
	switches=$(($(woken $n) - switches))
	note "$n, with three peers: $switches wake-ups of both processes and $turns turns of the loop in $seconds s, $(private $n) kB"
	ok "$n: at most ten wake-ups a second, both processes together" at_most $switches $((10 * seconds))
	ok "$n: status tells no more than that" at_most $turns $((10 * seconds))
	if sanitized; then
		skip "$n: memory" "a sanitizer's memory is not ours"
	else
		ok "$n: at most 4 MB of private dirty memory" at_most "$(private $n)" 4096
	fi
done
ok "nobody was lost meanwhile" all_meet A B C D
stop A B C D
done_testing
