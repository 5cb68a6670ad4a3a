#!/bin/bash
# Starting and ending: refusals, crashes, left-overs, the background. Exit codes as promised.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
has_link() { on "$1" ip link show "${2:-mg0}"; }
address_works() { on "$1" ping -n -q -c 1 -w 1 "$(mesh4 "$1")" && on "$1" ping -n -q -c 1 -w 1 "$(mesh6 "$1")"; }
# No trace of a daemon in the host's folders.
no_trace() { on "$1" bash -c 'shopt -s nullglob; set -- /run/meshguard/*/* /run/wireguard/*; echo "$*"; [ $# = 0 ]'; }

# --- without what it needs
host E
ok "without an identity: 1" exits 1 on E env "MESHGUARD_CONFIG_DIR=$work/none" "$MESHGUARD" up
ok "it says how to make one" said "meshguard keygen" "$work/none"
ok "in one line" same "$(wc -l <"$work/said")" 1
without() { # CAPABILITY COMMAND...
	local capability=$1
	shift
	on A env "MESHGUARD_CONFIG_DIR=$work/A.d" setpriv "--bounding-set=-$capability" \
		"--inh-caps=-$capability" "$@"
}
ok "without CAP_NET_ADMIN: 1" exits 1 without net_admin "$MESHGUARD" up
ok "it names the capability" said CAP_NET_ADMIN
ok "in one line" same "$(wc -l <"$work/said")" 1
ok "and left nothing" not has_link A
ok "nor a file" no_trace A
ok "a malformed seed: 2" exits 2 mg A up --seed 'no host:x'
ok "an unknown option: 2" exits 2 mg A up --sead 10.0.0.2:51821
ok "it suggests the one that was meant" said -- --seed
ok "status without a daemon: 3" exits 3 mg A status
ok "down with nothing there: 3" exits 3 mg A down

# --- one daemon
up A
wait_for 5 "the daemon serves" serves A
ok "it says that it is up" within 5 grep -qx 'meshguard: mg0 is up on UDP port 51821;.*' "$work/A.log"
ok "its address works" address_works A
ok "the network process is not root" not same "$(ps -o user= -p "$(child_of A)")" root
ok "and has no capability" grep -q '^CapEff:[[:space:]]*0*$' "/proc/$(child_of A)/status"
ok "nor may get one" grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$(child_of A)/status"
ok "a second one on this interface: 1" exits 1 mg A up --port 4000
ok "it names the process" said "process ${daemon[A]}" mg0
ok "a second one on this port: 1" exits 1 mg A up --interface mg1
ok "it names the process" said "process ${daemon[A]}" 51821
ok "and left no interface" not has_link A mg1
ok "the first goes on" serves A
on A mkdir -p "$work/other.d"
on A env "MESHGUARD_CONFIG_DIR=$work/other.d" "$MESHGUARD" keygen >"$work/other.keygen"
other() { on A env "MESHGUARD_CONFIG_DIR=$work/other.d" "$MESHGUARD" "$@"; }
ok "another identity, interface and port: both run" other up --interface mg1 --port 4001 --detach
ok "with a status each" eval 'other status --interface mg1 | grep -q "UDP port 4001" && mg A status | grep -q "UDP port 51821"'
ok "config show tells of the daemon's directory" grep -qF "daemon: $work/A.d" <(other config show)
ok "but not to whom that is the same" not grep -q "another" <(mg A config show)
ok "down of the second" other down --interface mg1
ok "leaves the first" serves A
ok "down: 0" exits 0 mg A down
ok "the interface is gone when it returns" not has_link A
ended A
ok "and the daemon ended with 0" same $? 0
ok "no trace of it" no_trace A
for signal in TERM INT; do
	# A shell ignores SIGINT for what it starts in the background.
	(exec nsenter -t "${holder[A]}" -m -n -- env --default-signal=INT "MESHGUARD_CONFIG_DIR=$work/A.d" \
		"$MESHGUARD" up) >>"$work/A.log" 2>&1 &
	daemon[A]=$!
	wait_for 5 "the daemon serves" serves A
	kill -$signal "${daemon[A]}"
	ended A
	ok "SIG$signal: it ends with 0" same $? 0
	ok "and leaves no interface" not has_link A
	ok "nor a file" no_trace A
done

# --- killed
up A
wait_for 5 "the daemon serves" serves A
parent=${daemon[A]}
child=$(child_of A)
kill -KILL "$child"
ended A
ok "the network process killed: the other ends with 1" same $? 1
ok "and cleans up" not has_link A
ok "files, too" no_trace A

up A
wait_for 5 "the daemon serves" serves A
parent=${daemon[A]}
child=$(child_of A)
kill -KILL "$parent"
wait "$parent" 2>/dev/null
ok "the privileged process killed: the other ends" within 2 gone "$child"
up A
ok "the next start works" within 5 serves A
ok "its address works" address_works A

killed A
up A
ok "both killed: the next start works" within 5 serves A
ok "its address works" address_works A
killed A
mg A down >/dev/null 2>&1
ok "both killed, then down: cleaned up, or the kernel did" grep -qx '[03]' <<<$?
ok "no interface is left" not has_link A
ok "down again: 3" exits 3 mg A down

# --- left-overs, told apart by their alias
up A
wait_for 5 "the daemon serves" serves A
alias=$(on A ip -j link show mg0 | jq -r '.[0].ifalias')
stop A
ok "the alias says whose it is" grep -q '^meshguard' <<<"$alias"
on A ip tuntap add mg0 mode tun
on A ip link set mg0 alias "$alias"
ok "down removes a left-over of ours without a daemon: 0" exits 0 mg A down
ok "it is gone" not has_link A
on A ip tuntap add mg0 mode tun
on A ip link set mg0 alias "$alias"
up A
ok "up removes a left-over of ours" within 5 address_works A
stop A
for alias in "" "kept for something"; do
	on A ip link add mg0 type bridge
	[ -z "$alias" ] || on A ip link set mg0 alias "$alias"
	ok "somebody else's mg0 (alias '$alias'): down refuses with 3" exits 3 mg A down
	ok "somebody else's mg0: up refuses with 1" exits 1 mg A up
	ok "it names it" said mg0
	ok "and it is there" has_link A
	on A ip link del mg0
done

# --- the background
on A timeout 20 env "MESHGUARD_CONFIG_DIR=$work/A.d" "$MESHGUARD" up --stun off --detach >"$work/A.detach.log" 2>&1
ok "--detach returns with 0" same $? 0
ok "when it returns the address is usable" address_works A
ok "and the status, too" serves A
# Processes of the one in the background.
detached() { pgrep -f "^$MESHGUARD up --stun off --detach"; }
ok "two processes stay" same "$(detached | wc -l)" 2
ok "a second one says who is there: 1" exits 1 mg A up --detach
ok "by its number" said "process"
up B --seed 10.0.0.1:51821
ok "it works as the other does" within 5 meets B A
ok "down ends it" mg A down
ok "nothing is left" no_trace A
ok "no process either" within 2 not detached
ok "B says that it left" within 2 eval '[ "$(peer B A .state)" = left ]'
stop B

# --- the interface is taken away
up A
wait_for 5 "the daemon serves" serves A
on A ip link del mg0
ok "without its interface it ends" within 5 gone "${daemon[A]}"
ended A
ok "which is a failure: 1" same $? 1
ok "and leaves no file" no_trace A
done_testing
