#!/bin/bash
# attack_29: 100,000 initiations a second with a right mac1, each from another address. Pings of a peer
# are answered, a new handshake is made at once, and what goes back is less than what came.
. "$(dirname "$0")/mesh.sh"

seconds=${FLOOD_SECONDS:-8}
node A B C
host X
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
plug X wire eth0 10.0.0.9/24
# The addresses of nobody are behind X, so that what goes there can be counted.
on A ip route add 198.18.0.0/16 via 10.0.0.9
on A sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
on X nft -f - <<'N'
table inet watch {
	counter back { }
	counter cookies { }
	counter others { }
	chain p {
		type filter hook prerouting priority -300
		ip daddr 198.18.0.0/16 counter name back
		ip daddr 198.18.0.0/16 udp length 72 @th,64,32 0x03000000 counter name cookies drop
		ip daddr 198.18.0.0/16 counter name others drop
	}
}
N
counted() { on X nft list counter inet watch "$1" | sed -n "s/.*$2 \([0-9]*\).*/\1/p"; }
rooms="identity crypto base"
# shellcheck disable=SC2046,SC2086 # lists of words
${CC:-gcc} -std=gnu17 -D_GNU_SOURCE -O2 -iquote "$root/core" -iquote "$root/test" -o "$work/initiations" \
	"$root/test/e2e/initiations.c" $(printf "$root/core/%s/*.c " $rooms) -lsodium -lcrypto || exit 1

up A
up B --seed 10.0.0.1:51821
wait_for 30 "A and B meet" all_meet A B
dropped_by_kernel() { on A awk '$2 ~ /:CA6D$/ { n += $NF } END { print n + 0 }' /proc/net/udp; }
private() { awk '/^Private_Dirty/ { print $2 }' "/proc/$(child_of A)/smaps_rollup"; }
flooding() { [ "$(counted back packets)" -gt "$1" ]; }
lost=$(dropped_by_kernel)
(exec nsenter -t "${holder[X]}" -m -n -- "$work/initiations" "$(key_of A)" 10.0.0.1 51821 198.18.0.0 100000 \
	"$seconds") >"$work/sent" 2>"$work/sent.log" &
sender=$!
wait_for 30 "A is under load: it asks for cookies" flooding 0
memory=$(private)
# In the first seconds the new member comes, and B pings until after the end.
on B ping -n -i 0.05 -c $((seconds * 20)) -W 5 -w $((seconds + 20)) "$(mesh4 A)" >"$work/ping" 2>&1 &
pinging=$!
began=$(now_us)
up C --seed 10.0.0.1:51821
ok "a new peer comes in during the flood" within 30 meets4 C A
took=$((($(now_us) - began) / 1000))
wait $sender
after=$(private)
wait $pinging
read -r _ sent bytes _ cpu <"$work/sent"
note "$sent initiations in $seconds s, for $cpu s of CPU; the kernel dropped $(($(dropped_by_kernel) - lost)) of all datagrams"
note "$(counted cookies packets) cookie replies; the new peer was there after $took ms; $(grep loss "$work/ping")"
note "private dirty memory: $memory kB, and $after kB at the end"
ok "initiations were sent" at_least "$sent" $((seconds * 2000))
ok "what goes back are cookie replies alone" same "$(counted others packets)" 0
ok "and less than came" at_most "$(counted back bytes)" "$bytes"
answered=$(grep -c 'bytes from' "$work/ping")
# 1 in a hundred may be lost; where the machine has no time to empty the socket, the kernel drops.
allowed=$((seconds * 20 / 100))
[ "$(($(dropped_by_kernel) - lost))" = 0 ] || allowed=$((seconds * 20 * 3 / 4))
ok "at most $allowed of $((seconds * 20)) pings are lost" at_least "$answered" $((seconds * 20 - allowed))
if sanitized; then
	skip "memory does not grow" "a sanitizer's memory is not ours"
else
	ok "memory does not grow by more than a peer" at_most "$after" $((memory + 256))
fi
ok "afterwards all meet" within 30 all_meet A B C
stop A B C
done_testing
