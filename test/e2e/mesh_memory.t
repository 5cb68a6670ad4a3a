#!/bin/bash
# What a node remembers and what it gives up: peers without a seed, and an IPv4 address that another
# key had first.
. "$(dirname "$0")/mesh.sh"

node A
host B C D
rooms="identity crypto base"
# shellcheck disable=SC2046,SC2086 # lists of words
${CC:-gcc} -std=gnu17 -D_GNU_SOURCE -O -iquote "$root/core" -iquote "$root/test" -o "$work/collide" \
	"$root/test/e2e/collide.c" $(printf "$root/core/%s/*.c " $rooms) -lsodium -lcrypto || exit 1
"$work/collide" "$work/B.d" "$work/C.d" || exit 1
mg D keygen >"$work/D.keygen"
trust_each_other A B C D
lan wire
number=0
for n in A B C D; do
	number=$((number + 1))
	plug $n wire eth0 10.0.0.$number/24
done
v4_of() { mg "$1" status --json | jq -r .node.ipv4; }
on_mg0() { on "$1" ip -4 -o addr show dev mg0 | grep -q "inet $2/16"; }
reaches() { on "$1" ping -n -c 1 -W 1 "$(v4_of "$2")" >/dev/null; }
alive() { [ "$(mg "$1" status --json | jq .node.alive)" = "$2" ]; }

# --- an address that another key has
up A --log-events
up B --seed 10.0.0.1:51821
wait_for 5 "A and B meet" alive A 1
first=$(v4_of B)
up C --seed 10.0.0.1:51821 --log-events
moved() { [ "$(v4_of B)" != "$(v4_of C)" ]; }
ok "two keys that meet on one address part" within 5 moved
# logged NAME EVENT SUBJECT BY: keys, or null.
logged() { grep '^{' "$work/$1.log" | jq -r '"\(.event) \(.subject) \(.by)"' | grep -q -x -F "$2 $3 $4"; }
ok "A tells that C lost the address that B holds" within 5 \
	logged A address_conflict "$(key_of C)" "$(key_of B)"
ok "C tells that it moved" within 5 logged C address_moved null null
note "B has $(v4_of B), C has $(v4_of C)"
ok "the interface of each has what its node says: B" within 2 on_mg0 B "$(v4_of B)"
ok "and C" within 2 on_mg0 C "$(v4_of C)"
gave_up() { ! on_mg0 C "$first"; }
ok "C gave its first address up" gave_up
ok "A reaches B by IPv4" within 5 reaches A B
ok "A reaches C by IPv4" within 5 reaches A C
c=$(v4_of C)
stop C
up C --seed 10.0.0.1:51821
ok "C keeps its address over a restart" within 5 on_mg0 C "$c"
ok "and is reached there" within 5 reaches A C

# --- peers without a seed
up D --seed 10.0.0.1:51821
wait_for 5 "everybody is there" alive D 3
remembers() { [ "$(stat -c %s "$work/$1.d/state/peers" 2>/dev/null)" = "$((51 * $2))" ]; }
ok "D writes down where the others are" within 70 remembers D 3
killed D
killed A
killed B
killed C
for n in A B C D; do up $n; done
ok "all four meet again without any seed within 5 s" within 5 eval 'alive A 3 && alive D 3'
ok "and talk" within 5 reaches D B
done_testing
