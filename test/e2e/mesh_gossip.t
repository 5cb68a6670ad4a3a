#!/bin/bash
# Membership alone: three nodes of a user without rights on one host's loopback, and a whole node beside them.
. "$(dirname "$0")/mesh.sh"

host H
# What a user without rights can reach.
own=/run/gossip
mkdir -m 755 "$own"
cp "$MESHGUARD" "$own/meshguard"
chmod 755 "$own/meshguard"
install -d -m 700 -o nobody -g nogroup "$own/home"
# as NAME WORDS...: the command of that user, with the configuration of that node.
as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --bounding-set=-all --inh-caps=-all
	env "XDG_RUNTIME_DIR=$own/home")
as() {
	local n=$1
	shift
	on H "${as_nobody[@]}" "MESHGUARD_CONFIG_DIR=$own/home/$n.d" "$own/meshguard" "$@"
}
declare -A port=([A]=20001 [B]=20002 [C]=20003)
# starts NAME OPTIONS...
starts() {
	local n=$1
	shift
	(exec nsenter -t "${holder[H]}" -m -n -- "${as_nobody[@]}" "MESHGUARD_CONFIG_DIR=$own/home/$n.d" \
		"$own/meshguard" up --stun off --gossip-only --interface "g$n" --port "${port[$n]}" "$@") >>"$work/$n.log" 2>&1 &
	daemon[$n]=$!
}
says() { as "$1" status --interface "g$1" --json | jq -r "$2"; }
# sees NAME OTHER STATE
sees() { [ "$(says "$1" ".peers[] | select(.name == \"$2\") | .state")" = "$3" ]; }
all_see() {
	local a b
	for a in A B C; do
		for b in A B C; do
			[ $a = $b ] || sees $a $b alive || return 1
		done
	done
}
# logged NAME EVENT KEY
logged() { grep '^{' "$work/$1.log" | jq -c "[.event, .subject]" | grep -q -F "[\"$2\",\"$3\"]"; }

for n in A B C; do
	as $n keygen >"$work/$n.keygen"
done
key() { cat "$own/home/$1.d/identity.pub"; }
for n in A B C; do
	for other in A B C; do
		[ $n = $other ] || as $n trust "$(key $other)" --name $other >/dev/null
	done
	starts $n --announce 127.0.0.1 --seed 127.0.0.1:20001 --log-events
done
ok "three on one host see each other" within 5 all_see
ok "B and C have a path that is no seed's" [ "$(says B '.peers[] | select(.name == "C") | .path')" = direct ] ||
	says B '.peers[]'
ok "status tells the mode" [ "$(says A .node.mode)" = gossip-only ]
ok "and for people" grep -q 'mode gossip-only' <(as A status --interface gA)
ok "no interface was made" [ "$(on H ip -o link show | wc -l)" = 1 ]
rights() { for p in $(both_of "$1"); do grep -E '^(Cap(Inh|Prm|Eff|Amb)|Uid)' "/proc/$p/status"; done | awk '{ print $2 }' | sort -u; }
ok "neither process has a right" [ "$(rights A | tr '\n' ' ')" = "0000000000000000 65534 " ]
ok "the socket is the user's" on H test -S "$own/home/meshguard/$(on H stat -L -c %i /proc/self/ns/net)/gA.sock"
ok "one name runs once" not as A up --gossip-only --interface gA --port 20009
ok "nor is it an interface's" not as A up --gossip-only --interface lo --port 20009
ok "an interface needs rights" not as A up --port 20009
ok "events are told with their subject" logged B member_alive "$(key C)"

# --- more trusted keys than room
port[S]=20004
as S keygen >"$work/S.keygen"
for other in A B C; do
	as S trust "$(key $other)" --name $other >/dev/null
done
starts S --max-members 2 --log-events
room() { says S '.node | [.max_members, .trusted, .left_out_keys]' | jq -c .; }
room_is() { [ "$(room)" = "$1" ]; }
ok "a third key finds no room" within 5 room_is '[2,2,1]'
ok "which is said once" [ "$(grep -c 'trusted keys left out: 1, with room for 2' "$work/S.log")" = 1 ]
ok "and told as an event" grep -q '"event":"trust_full".*"value":1}' "$work/S.log"
ok "and shown" grep -q 'trusted keys left out: 1' <(as S status --interface gS)
as S revoke A >/dev/null
ok "it has room once another is revoked" within 5 room_is '[2,2,0]'
stop S

# --- a whole node: it is a member of theirs, and gets no tunnel
mkdir "$work/W.d"
daemon[W]=
whole() { on H env "MESHGUARD_CONFIG_DIR=$work/W.d" "$MESHGUARD" "$@"; }
whole keygen >"$work/W.keygen"
whole trust "$(key A)" --name A >/dev/null
as A trust "$(cat "$work/W.d/identity.pub")" --name W >/dev/null
(exec nsenter -t "${holder[H]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/W.d" "$MESHGUARD" up --stun off \
	--seed 127.0.0.1:20001) >"$work/W.log" 2>&1 &
daemon[W]=$!
ok "a whole node sees it alive" within 5 sees A W alive
ok "the whole node's daemon is root's" on H test -S "/run/meshguard/$(on H stat -L -c %i /proc/self/ns/net)/mg0.sock"
ok "its packets reach nobody" not on H ping -n -q -c 3 -i 0.3 -W 1 "$(mesh4 A)"
counter() { says A ".node.counters.$1"; }
ok "its handshakes are not answered" at_least "$(counter drop_gossip_only)" 1
ok "nor any packet" [ "$(counter wireguard_handshakes_received)" = 0 ]
ok "nor asked for" [ "$(counter wireguard_handshakes_sent)" = 0 ]

# --- death and leave
killed C
ok "a kill is noticed" within 10 logged A member_dead "$(key C)"
on H rm -r "$own/home/C.d/state"
starts C --announce 127.0.0.1 --seed 127.0.0.1:20001
ok "and the return" within 5 all_see
# As a disk does that takes its time: a new peer cache is to be saved three seconds after the start.
kill -STOP "${daemon[C]}"
alive_to_others() { sees A C alive && sees B C alive; }
ok "who waits for the disk is alive" always 12 alive_to_others
kill -CONT "${daemon[C]}"
ok "down by its user" as B down --interface gB
ended B
ok "a leave is seen" within 2 logged A member_left "$(key B)"
stop A C W
ok "nothing is left" [ -z "$(find "$own/home/meshguard" -type s -o -name '*.state')" ]
done_testing
