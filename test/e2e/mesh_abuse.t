#!/bin/bash
# What others do to a running daemon's interface and directory: it mends what it can, and traffic
# comes back.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
up A
up B --seed 10.0.0.1:51821
wait_for 5 "the mesh comes up" all_meet A B
both=$(both_of A)
node_says() { same "$(json "$1" "$2")" "$3"; }

# --- the interface
on A ip link set dev mg0 down
ok "with the interface down nothing passes" not meets4 A B
on A ip link set dev mg0 up
ok "up again: both families work again" within 5 all_meet A B
ok "IPv6 addresses are flushed" on A timeout 5 ip -6 addr flush dev mg0
ok "a flushed IPv6 address comes back" within 5 all_meet A B
ok "IPv4 addresses are flushed" on A timeout 5 ip -4 addr flush dev mg0
ok "a flushed IPv4 address too" within 5 all_meet A B
on A ip link set dev mg0 mtu 1000
ok "an MTU too small for IPv6 leaves IPv4" within 5 meets4 A B
ok "status tells the MTU of now" within 5 node_says A .node.mtu 1000
on A ip link set dev mg0 mtu 1420
ok "with the old one both families work" within 5 all_meet A B
on A ip link set dev mg0 down
on A ip link set dev mg0 name other0 up
ok "under another name too" within 5 all_meet A B
on A ip link set dev other0 down
on A ip link set dev other0 name mg0 up
ok "and again under the old one" within 5 all_meet A B

# --- the configuration directory
d=$work/A.d
mv "$d" "$d.away"
ok "without its directory it trusts nobody" within 5 node_says A .node.trust_unreadable true
mkdir "$d"
ok "an empty one in its place is read" within 5 node_says A .node.trust_unreadable false
rmdir "$d"
ok "that this one is gone is noticed" within 5 node_says A .node.trust_unreadable true
mv "$d.away" "$d"
ok "with the old one back all is well" within 10 all_meet A B
cp -a "$d" "$d.copy"
mv "$d" "$d.old" && mv "$d.copy" "$d"
mg A revoke B >"$work/revoke.said"
ok "a directory put in its place is followed" within 5 node_says A .node.trusted 0
ok "a pipe that nobody writes to as a key" exits 0 mkfifo "$d/authorized_keys/pipe.pub"
trusts A B 2>/dev/null
ok "holds nobody" within 5 all_meet A B
ok "and is counted" same "$(json A .node.unusable_keys)" 1

# --- no descriptors left for a while
prlimit --pid "${daemon[A]}" --nofile=5:
touch "$d/authorized_keys/note.pub"
ok "a trust store that cannot be opened admits nobody" within 5 node_says A .node.trusted 0
prlimit --pid "${daemon[A]}" --nofile=1024:
ok "and is read again by itself" within 10 all_meet A B
ok "the same two processes run" same "$(both_of A)" "$both"

# --- killed and started again at once, while the old one still dies
for n in 1 2 3 4 5 6 7 8 9 10; do
	kill -KILL "${daemon[A]}"
	mg A up --detach >>"$work/A.log" 2>&1 || { n=failed; break; }
	daemon[A]=$(on A bash -c 'cat /run/meshguard/*/mg0.state' | awk '/^pid/ { print $2 }')
done
ok "ten times killed and started at once" same "$n" 10
ok "and all is well" within 5 all_meet A B
mg A down >/dev/null

# --- a full disk
mkdir "$d.small"
cp -a "$d/identity.key" "$d/identity.pub" "$d/authorized_keys" "$d.small/"
on A mount -t tmpfs -o size=64k,mode=700 tmpfs "$d"
on A cp -a "$d.small/." "$d/"
on A dd if=/dev/zero "of=$d/fill" bs=4k 2>/dev/null
up A
ok "on a full disk it comes up" within 5 all_meet A B
unsaved() { same "$(grep -c 'state/clock was not saved' "$work/A.log")" "$1"; }
ok "it says that nothing is saved" within 5 unsaved 1
on A rm "$d/fill"
on_disk() { on A test -s "$d/state/clock" -a -s "$d/state/peers"; }
ok "once there is room all is saved" within 15 on_disk
ok "and was complained of once" unsaved 1
mg A down >/dev/null
ended A
on A umount "$d"

# --- nobody reads what it says
mkfifo "$work/words"
tail -f /dev/null 4<"$work/words" &
(exec nsenter -t "${holder[A]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/A.d" \
	"$MESHGUARD" up --stun off --seed 10.0.0.2:51821) >"$work/words" 2>&1 &
daemon[A]=$!
wait_for 5 "it comes up" all_meet A B
dd if=/dev/zero of="$work/words" bs=1 count=70000 oflag=nonblock 2>/dev/null
touch "$work/A.d/authorized_keys/unusable.pub"
ok "an unusable key is counted" within 5 node_says A .node.unusable_keys 2
mg A revoke B >"$work/revoke.said" 2>&1
ok "a revocation is not held up by what cannot be said" within 2 node_says A .node.trusted 0
ok "nor is the end" exits 0 mg A down
stop B
done_testing
