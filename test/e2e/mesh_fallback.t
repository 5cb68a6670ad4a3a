#!/bin/bash
# What the kernel, or the network card, lacks is done without, and the same bytes come out: kernels
# before Linux 4.18, 5.12 and 6.2, and a card that refuses runs of datagrams (EIO).
. "$(dirname "$0")/moves.sh"

${CC:-gcc} -O1 -Wall -shared -fPIC -o "$work/old_kernel.so" "$root/test/e2e/old_kernel.c" -ldl || exit 1
words() { tr ' ' '\n' <<<"$(offloads "$1")" | sed /^$/d | sort | paste -sd' '; }
up A
wait_for 30 "what this kernel has" serves A
kernel=$(words A)
note "this kernel has: $kernel"
stop A
# but WORD...: what this kernel has, without these.
but() {
	local w said=""
	for w in $kernel; do
		[[ " $* " = *" $w "* ]] || said="$said $w"
	done
	echo ${said# }
}
has() { same "$(words "$1")" "$2"; }
# old NAME OLD-KERNEL BEFORE AFTER: what is in use; -: it may have changed already.
old() {
	local name=$1 old=$2 before=$3 after=$4 n
	for n in A B; do
		local seed=()
		[ $n = A ] || seed=(--seed 10.0.0.1:51821)
		LD_PRELOAD=$work/old_kernel.so OLD_KERNEL=$old up $n "${seed[@]}"
	done
	wait_for 30 "$name: they meet" all_meet A B
	[ "$before" = - ] || ok "$name: in use at first: ${before:-nothing}" has A "$before"
	ok "$name: the same bytes" moves
	ok "$name: in use afterwards: ${after:-nothing}" has A "$after"
	stop A B
}
old "a kernel without UDP_SEGMENT" no-segment "$(but udp-segment)" "$(but udp-segment)"
old "a kernel without UDP_GRO" no-gro "$(but udp-gro)" "$(but udp-gro)"
old "a kernel whose UDP_GRO loses data" lossy-gro "$(but udp-gro)" "$(but udp-gro)"
old "a TUN without USO" no-uso "$(but uso)" "$(but uso)"
old "a TUN without TSO" no-tso "$(but uso tso)" "$(but uso tso)"
old "a kernel without any of it" no-segment,no-gro,no-uso,no-tso "" ""
case " $kernel " in
*" udp-segment "*)
	old "a card that refuses runs (EIO)" eio - "$(but udp-segment)"
	old "a path that refuses runs (EMSGSIZE)" emsgsize - "$(but udp-segment)"
	;;
*) skip "runs that are refused" "this kernel has none" ;;
esac
done_testing
