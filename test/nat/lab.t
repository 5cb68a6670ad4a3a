#!/bin/bash
# The laboratory is what it says: a prober that is not ours finds each site's mapping and filtering.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

prober=$root/test/nat/prober.py
internet
host server direct
public server 1
public direct 2
on server "$prober" serve 4.1.0.2 4.1.0.3 >"$work/server.log" 2>&1 &
wait_for 10 "the prober serves" grep -q serving "$work/server.log"

kinds="open fullcone addr home naked random seq hostfw blocked
	home@home home@random naked@home fullcone@home home@fullcone seq@home hairpin"
declare -A want=(
	[direct]="mapping=none filter=none trap=no preserved=yes"
	[open]="mapping=one filter=none trap=no preserved=yes"
	[fullcone]="mapping=one filter=none trap=no preserved=yes"
	[addr]="mapping=one filter=address trap=no preserved=yes"
	[home]="mapping=one filter=port trap=no preserved=yes"
	[naked]="mapping=one filter=port trap=yes preserved=yes"
	[random]="mapping=port filter=port trap=no preserved=no"
	[seq]="mapping=port+seq filter=port trap=no preserved=no"
	[hostfw]="mapping=one filter=port trap=no preserved=yes"
	[blocked]="mapping=blocked"
	[home@home]="mapping=one filter=port trap=no preserved=yes"
	[home@random]="mapping=port filter=port trap=no preserved=no"
	[naked@home]="mapping=one filter=port trap=no preserved=yes"
	[fullcone@home]="mapping=one filter=port trap=no preserved=yes"
	[home@fullcone]="mapping=one filter=port trap=no preserved=yes"
	[seq@home]="mapping=port+seq filter=port trap=no preserved=no"
	[hairpin]="mapping=one filter=none trap=no preserved=yes"
)
declare -A number
n=10
for kind in $kinds; do
	host "c$n" "d$n"
	ok "a site of kind $kind can be made" site "$n" "$kind" "c$n" "d$n"
	number[$kind]=$n
	on "c$n" "$prober" kind 4.1.0.2 4.1.0.3 40100 "6.$n.0.2" >"$work/$kind.kind" 2>&1 &
	n=$((n + 1))
done
on direct "$prober" kind 4.1.0.2 4.1.0.3 40100 >"$work/direct.kind" 2>&1
found() { within 20 grep -q mapping "$work/$1.kind"; same "$(cat "$work/$1.kind")" "${want[$1]}"; }
for kind in direct $kinds; do
	ok "$kind: ${want[$kind]}" found "$kind"
done

# What one host of a site sends to the outside address of the other.
turns_back() {
	local n=${number[$1]} outside
	on "c$n" "$prober" hold 4.1.0.2 40200 >"$work/hold.$n" 2>&1 &
	within 5 grep -q '^6' "$work/hold.$n" || return 1
	read -r -a outside <"$work/hold.$n"
	on "d$n" "$prober" throw "${outside[@]}"
	within 1 grep -q got "$work/hold.$n"
}
ok "hairpin: what comes from inside is turned back" turns_back hairpin
ok "home: it is not" not turns_back home

# Hops: an opener with a TTL of 4 is seen beyond both NATs of its site, and never at another's.
dies() {
	on "c$1" ping -n -c 1 -W 1 -w 1 -t "$2" "6.${number[home]}.0.2" | grep -o 'From [0-9.]*' || true
}
ok "TTL 2 dies behind the NAT" same "$(dies "${number[open]}" 2)" "From 6.${number[open]}.0.1"
ok "TTL 4 dies at the other site's provider" same "$(dies "${number[open]}" 4)" \
	"From 5.${number[home]}.0.2"
done_testing
