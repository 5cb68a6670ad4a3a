#!/bin/bash
# 100,000 random, truncated and replayed datagrams a second at the port of a node: nobody is lost,
# pings are answered, nothing goes back but cookie replies and two answers a second to the calls of
# each member, which may be replays; memory does not grow.
. "$(dirname "$0")/mesh.sh"

seconds=${FLOOD_SECONDS:-5}
rate=100000
node A B C
host X
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24 fd00::1/64
plug B wire eth0 10.0.0.2/24 fd00::2/64
plug C wire eth0 10.0.0.3/24 fd00::3/64
plug X wire eth0 10.0.0.9/24 fd00::9/64
${CC:-gcc} -O2 -Wall -o "$work/flood" "$root/test/e2e/flood.c" || exit 1

# What X replays: all that A was sent from the first moment, first contact and handshakes included.
capture A eth0 seen "udp and dst port 51821"
up A
up B --seed 10.0.0.1:51821
up C --seed '[fd00::1]:51821'
wait_for 5 "the mesh comes up" all_meet A B C
on B ping -n -q -i 0.01 -c 50 -w 5 -s 900 "$(mesh4 A)" >/dev/null
uncapture seen
seen=$(captured seen | wc -l)
ok "there is something to replay" at_least "$seen" 60

private() { awk '/^Private_Dirty/ { print $2 }' "/proc/$(child_of "$1")/smaps_rollup"; }
counter() { json A ".node.counters.$1"; }
dropped_by_kernel() { on A awk '$2 ~ /:CA6D$/ { n += $NF } END { print n + 0 }' /proc/net/udp /proc/net/udp6; }
flood() { on X "$work/flood" "$1" 51821 $rate "$2" "$work/seen.pcap"; }

# Tables that strangers fill are capped; a first flood takes them to their caps.
flood 10.0.0.1 1 >/dev/null
flood fd00::1 1 >/dev/null
memory=$(private A)
processed=$(counter datagrams)
kernel=$(dropped_by_kernel)
deaths=$(($(json B .node.counters.swim_deaths) + $(json C .node.counters.swim_deaths) + $(counter swim_deaths)))

on B ping -n -i 0.2 -c $((seconds * 5)) -w $((seconds + 2)) "$(mesh4 A)" >"$work/ping4" 2>&1 &
ping4=$!
on C ping -n -i 0.2 -c $((seconds * 5)) -w $((seconds + 2)) "$(mesh6 A)" >"$work/ping6" 2>&1 &
ping6=$!
half=$(((seconds + 1) / 2))
flood 10.0.0.1 $half >"$work/flood4"
flood fd00::1 $half >"$work/flood6"
wait $ping4 $ping6
note "$(cat "$work/flood4"), IPv4"
note "$(cat "$work/flood6"), IPv6"
note "the kernel dropped $(($(dropped_by_kernel) - kernel)) of them, the daemon judged $(($(counter datagrams) - processed))"
note "pings during the flood: $(grep -h loss "$work/ping4"), $(grep -h loss "$work/ping6")"
note "private dirty memory of the node process: $memory kB before, $(private A) kB after"

read -r _ sent bytes _ answers answer_bytes _ cookies < <(cat "$work/flood4" "$work/flood6" |
	awk '{ for (i = 1; i <= NF; i++) n[i] += $i } END { print "sent", n[2], n[3], "answers", n[5], n[6], "cookies", n[8] }')
# 100,000 a second are tried; a host that does other things at the same time sends fewer.
ok "at least half of 100,000 a second were sent" at_least $sent $((rate * half))
# B and C called A; four at once, for IPv4 and IPv6 together.
ok "whatever else was answered is two a second to calls of B and C" \
	at_most $((answers - cookies)) $((2 * (4 + 2 * (seconds + 4))))
ok "and less than came in" at_most "$answer_bytes" "$bytes"
answered() { at_least "$(grep -c 'bytes from' "$1")" $((seconds * 5 / 2)); }
ok "pings are answered, IPv4" answered "$work/ping4"
ok "pings are answered, IPv6" answered "$work/ping6"
ok "nobody was declared dead" same \
	"$(($(json B .node.counters.swim_deaths) + $(json C .node.counters.swim_deaths) + $(counter swim_deaths)))" "$deaths"
for n in A B C; do
	ok "$n still counts two living peers" same "$(json $n .node.alive)" 2
done
if sanitized; then
	skip "memory does not grow" "a sanitizer's memory is not ours"
else
	ok "memory does not grow" at_most "$(private A)" $((memory + 128))
fi
ok "afterwards all meet" within 5 all_meet A B C
stop A B C
done_testing
