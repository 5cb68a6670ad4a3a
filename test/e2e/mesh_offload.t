#!/bin/bash
# Whatever the kernel helps with or does not, the same bytes come out at the other end: TCP of many
# segments both ways, and UDP datagrams that were sent as runs.
. "$(dirname "$0")/moves.sh"

# without WORDS: none of them is in use at A, whatever the kernel has.
without() {
	local word in_use
	in_use=" $(offloads A)"
	for word in ${1//,/ }; do
		[ "$word" = all ] && { [ -z "${in_use// /}" ]; return; }
		[ "$word" = ipsec-mb ] && { [ "$(json A .node.aead)" = libcrypto ]; return; }
		[[ "$in_use" != *" $word"* ]] || return 1
	done
}

run() {
	local name=$1 a=$2 b=$3
	# shellcheck disable=SC2086 # words
	up A ${a:+--no-offload $a}
	# shellcheck disable=SC2086 # words
	up B --seed 10.0.0.1:51821 ${b:+--no-offload $b}
	wait_for 30 "$name: they meet" all_meet A B
	[ -z "$a" ] || ok "$name: none of it is in use" without "$a"
	ok "$name: the same bytes" moves
	stop A B
}
run "all that the kernel has" "" ""
for off in tso uso udp-segment udp-gro tso,udp-gro ipsec-mb all; do
	run "without $off" "$off" "$off"
done
# Each alone: uso is more of what tso is.
run "with nothing but tso" uso,udp-segment,udp-gro,ipsec-mb uso,udp-segment,udp-gro,ipsec-mb
run "with nothing but tso and uso" udp-segment,udp-gro,ipsec-mb udp-segment,udp-gro,ipsec-mb
run "with nothing but udp-segment" tso,uso,udp-gro,ipsec-mb tso,uso,udp-gro,ipsec-mb
run "with nothing but udp-gro" tso,uso,udp-segment,ipsec-mb tso,uso,udp-segment,ipsec-mb
run "with nothing but ipsec-mb" tso,uso,udp-segment,udp-gro tso,uso,udp-segment,udp-gro
run "one without all, the other with it" all ""
done_testing
