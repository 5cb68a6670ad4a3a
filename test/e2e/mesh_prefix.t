#!/bin/bash
# The widest IPv4 prefix: three nodes inside 10.0.0.0/8.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B C
lan wire
number=0
for n in A B C; do
	number=$((number + 1))
	plug $n wire eth0 192.168.7.$number/24
done
up A --prefix 10.0.0.0/8
up B --prefix 10.0.0.0/8 --seed 192.168.7.1:51821
up C --prefix 10.0.0.0/8 --seed 192.168.7.1:51821
alive() { [ "$(json "$1" .node.alive)" = 2 ]; }
for n in A B C; do
	wait_for 5 "$n sees the others" alive $n
done
# meets_all: each reaches each by the IPv4 address that status tells.
meets_all() {
	local a b
	for a in A B C; do
		for b in A B C; do
			[ $a = $b ] || reaches $a "$(json $b .node.ipv4)" || return 1
		done
	done
}
ok "each reaches each by IPv4" within 5 meets_all
for n in A B C; do
	ok "status of $n tells the prefix" same "$(json $n .node.prefix)" 10.0.0.0/8
	ok "its address is inside" eval '[[ $(json $n .node.ipv4) == 10.* ]]'
	ok "and on its interface" on $n sh -c "ip -4 -o addr show dev mg0 | grep -q 'inet $(json $n .node.ipv4)/8'"
done
ok "it is not that of /16" not same "$(json A .node.ipv4)" "$(mesh4 A)"
ok "config show tells it" same "$(mg A config show --json | jq -r .settings.prefix.value)" 10.0.0.0/8
ok "for people, too" grep -q 'prefix 10.0.0.0/8' <(mg B status)
stop A B C
done_testing
