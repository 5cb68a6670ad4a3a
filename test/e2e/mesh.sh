# mesh.sh - what the tests of the mesh share: nodes with keys, daemons on hosts. Source it first.
# shellcheck shell=bash

# shellcheck source=test/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# node NAME...: a host with an identity in $work/NAME.d. Its mesh addresses: mesh4 NAME, mesh6 NAME.
node() {
	local n
	host "$@"
	for n; do
		mg "$n" keygen >"$work/$n.keygen" || ok "keygen of $n" false
	done
}
# mg NAME WORDS...: the command meshguard on that host, with that node's configuration.
mg() {
	local n=$1
	shift
	on "$n" env "MESHGUARD_CONFIG_DIR=$work/$n.d" "$MESHGUARD" "$@"
}
mesh4() { awk '/^mesh IPv4/ { print $3 }' "$work/$1.keygen"; }
mesh6() { awk '/^mesh IPv6/ { print $3 }' "$work/$1.keygen"; }
key_of() { cat "$work/$1.d/identity.pub"; }

# trusts NAME OTHER...: one way.
trusts() {
	local n=$1 other
	shift
	for other; do
		mg "$n" trust "$work/$other.d/identity.pub" --name "$other" >/dev/null || return 1
	done
}
# trust_each_other NAME...: all ways round.
trust_each_other() {
	local a b
	for a; do
		for b; do
			[ "$a" = "$b" ] || trusts "$a" "$b" || return 1
		done
	done
}

# up NAME OPTIONS...: the daemon, in the background; does not wait for anything.
# daemon[NAME] is its process id: that of the privileged process, whose only child is the node.
# Nobody on the Internet is asked: no STUN servers but those that are named.
declare -A daemon
up() {
	local n=$1
	shift
	case " $* " in *" --stun "*) ;; *) set -- "$@" --stun off ;; esac
	(exec nsenter -t "${holder[$n]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/$n.d" \
		"$MESHGUARD" up "$@") >>"$work/$n.log" 2>&1 &
	daemon[$n]=$!
}
child_of() { pgrep -P "${daemon[$1]}"; }
both_of() { echo "${daemon[$1]} $(child_of "$1")"; }
# ended NAME: waits for the daemon and returns its exit status.
ended() {
	local status
	within 10 gone "${daemon[$1]}" || return 99
	wait "${daemon[$1]}"
	status=$?
	unset "daemon[$1]"
	return $status
}
# stop NAME...: orderly.
stop() {
	local n
	for n; do
		kill -TERM "${daemon[$n]}"
		ended "$n"
	done
}
# killed NAME: SIGKILL to both processes, at once.
killed() {
	# shellcheck disable=SC2046 # two words
	kill -KILL $(both_of "$1")
	wait "${daemon[$1]}" 2>/dev/null
	unset "daemon[$1]"
}
serves() { mg "$1" status >/dev/null; }

# json NAME FILTER: of `status --json`.
json() { mg "$1" status --json | jq -r "$2"; }
# peer NAME OTHER FILTER: what NAME says about its peer OTHER.
peer() { mg "$1" status --json | jq -r --arg name "$2" ".peers[] | select(.name == \$name) | $3"; }

# A ping by IPv4 and by IPv6 mesh address.
meets4() { reaches "$1" "$(mesh4 "$2")"; }
meets6() { reaches "$1" "$(mesh6 "$2")"; }
meets() { meets4 "$1" "$2" && meets6 "$1" "$2"; }
# all_meet NAME...: everybody, both families, both ways.
all_meet() {
	local a b
	for a; do
		for b; do
			[ "$a" = "$b" ] || meets "$a" "$b" || return 1
		done
	done
}
