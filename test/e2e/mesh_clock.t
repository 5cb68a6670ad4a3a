#!/bin/bash
# Clocks that lie: handshakes go on, since the highest timestamp issued is kept ahead of use.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
${CC:-gcc} -shared -fPIC -O -o "$work/wallclock.so" "$root/test/e2e/wallclock.c" || exit 1
years=$((10 * 365 * 86400))
# up_with VARIABLE=VALUE NAME OPTIONS...: the daemon sees another wall clock; intervals are as ever.
up_with() {
	local clock=$1 n=$2
	shift 2
	(exec nsenter -t "${holder[$n]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/$n.d" "$clock" \
		"LD_PRELOAD=$work/wallclock.so" ASAN_OPTIONS=verify_asan_link_order=0 \
		"$MESHGUARD" up --stun off "$@") >>"$work/$n.log" 2>&1 &
	daemon[$n]=$!
}
year() { env "$1" LD_PRELOAD="$work/wallclock.so" date +%Y; }
handshakes() { json A '.node.counters | .wireguard_handshakes_sent + .wireguard_handshakes_received'; }
more_than() { [ "$(handshakes)" -gt "$1" ]; }

ok "a clock can be faked" same "$(year WALLCLOCK_START=10)" 1970
up A
up B --seed 10.0.0.1:51821
wait_for 5 "they meet" all_meet A B

# again WHAT HOW...: B is killed and starts with another clock; A goes on.
again() {
	local what=$1 before
	shift
	before=$(handshakes)
	killed B
	"$@" --seed 10.0.0.1:51821
	ok "attack_39: $what: they meet" within 5 all_meet A B
	ok "attack_39: $what: by a new handshake" within 5 more_than "$before"
}
again "ten years back" up_with WALLCLOCK_OFFSET=-$years B
again "still ten years back" up_with WALLCLOCK_OFFSET=-$years B
again "a boot in 1970" up_with WALLCLOCK_START=10 B
again "ten years ahead" up_with WALLCLOCK_OFFSET=$years B
again "then corrected" up B
again "and started again" up B
again "and in 1970 after that" up_with WALLCLOCK_START=10 B

# Both are wrong, and differently.
killed A
up_with WALLCLOCK_START=1000000000 A
ok "attack_39: both clocks are wrong: they meet" within 5 all_meet A B
stop A B
done_testing
