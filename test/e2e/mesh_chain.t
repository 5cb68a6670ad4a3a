#!/bin/bash
# Three nodes; B and C know only A. Everybody meets everybody within 5 s of the last one's start.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B C
lan wire
number=0
for n in A B C; do
	number=$((number + 1))
	plug $n wire eth0 10.0.0.$number/24 fd00::$number/64
done

# met WORDS: what happens from here on, and how long it took.
met() {
	local begin
	begin=$(now_us)
	ok "$1: all three ping each other by IPv4 and IPv6 within 5 s" within 5 all_meet A B C
	note "$1: after $((($(now_us) - begin) / 1000)) ms"
}
knows_all() { [ "$(json "$1" .node.alive)" = 2 ]; }
# over A B ENDPOINT...: the path of A to B is one of these.
over() {
	local path
	path=$(peer "$1" "$2" .endpoint)
	shift 2
	printf '%s\n' "$@" | grep -qxF "$path"
}

up A
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
met "IPv4 below"
for n in A B C; do
	ok "$n counts two living peers" within 5 knows_all $n
done
ok "B and C talk directly" within 5 over B C 10.0.0.3:51821 '[fd00::3]:51821'
ok "and so do C and B" within 5 over C B 10.0.0.2:51821 '[fd00::2]:51821'
# The least MTU of IPv6, and one full packet of the tunnel.
ok "full packets pass" on B ping -n -q -c 3 -i 0.2 -w 5 -M "do" -s 1392 "$(mesh4 C)"
ok "longer ones pass in fragments" on B ping -n -q -c 3 -i 0.2 -w 5 -M dont -s 4000 "$(mesh4 C)"
ok "longer ones pass in fragments, IPv6" on B ping -n -q -c 3 -i 0.2 -w 5 -s 4000 "$(mesh6 C)"
stop A B C

# The seed last, for nodes that remember nobody.
rm -f "$work"/[BC].d/state/peers
up C --seed 10.0.0.1:51821
up B --seed 10.0.0.1:51821
ok "without the seed nobody is found" not within 2 meets4 B C
up A
met "the seed started last"
stop A B C

# Nothing but IPv6 below.
for n in A B C; do
	on $n ip -4 addr flush dev eth0
done
up A
up B --seed '[fd00::1]:51821'
up C --seed '[fd00::1]:51821'
met "IPv6 only below"
ok "B and C talk directly" within 5 over B C '[fd00::3]:51821'
stop A B C

# Each on a port of its own.
up A --port 4000
up B --seed '[fd00::1]:4000' --port 4001
up C --seed '[fd00::1]:4000' --port 4002
met "other ports"
ok "B and C talk directly" within 5 over B C '[fd00::3]:4002'
stop A B C

# A name for a seed.
echo "fd00::1 first.example" >/run/hosts
chmod 644 /run/hosts
[ -e /etc/hosts ] || : >/etc/hosts # a minimal system has none
on B mount --bind /run/hosts /etc/hosts
up A
up B --seed first.example:51821
ok "a seed by name" within 5 meets B A
stop A B
done_testing
