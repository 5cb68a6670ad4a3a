#!/bin/bash
# pair.sh KIND KIND RUNS - two sites, real daemons, and two public members that both know: by what
# path the two meet, and how soon. One line a run:
#
#   KIND KIND RUN direct|relay|none MILLISECONDS REASON
#
# The time is from the moment at which both know of each other (each has the other's record) to that
# at which both have the path that they end with; traffic flows all the while, and a relay may
# carry it before. REASON is what `status` says of who has no path, "-" else. Both daemons start
# anew for each run, and the NATs forget.
#
# The second KIND may also be a place that is shared with the first one:
#   lan        the same LAN
#   isolated   the same NAT, whose LAN does not carry from one host to another
#   cgn        behind a home router of its own at the CGNAT of the first one, which is KIND@CGN
#
# PATIENCE is how many seconds a direct path is waited for; RELAY what --relay is of the two
# public members; KEEP_LOGS a directory for what the daemons say.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

kind_a=$1 kind_b=$2 runs=$3 patience=${PATIENCE:-12}
place() { if [ "$2" = public ]; then public "$3" "$1"; else site "$1" "$2" "$3"; fi; }
internet
node r s a b
public r 1
public s 2
# The lab's full cone knows its hosts apart by their ports alone.
declare -A port=([a]=51821 [b]=51821)
case $kind_a in *hairpin) port[b]=51822 ;; esac
case $kind_b in
lan) site 11 "$kind_a" a b ;;
isolated) site 11 "$kind_a" a b && isolate 11 ;;
cgn) site 11 "$kind_a" a && neighbour 11 home b ;;
*) place 11 "$kind_a" a && place 12 "$kind_b" b ;;
esac || exit 1
trust_each_other r s a b || exit 1
up r --relay "${RELAY:-auto}"
up s --relay "${RELAY:-auto}" --seed 4.1.0.2:51821
within 20 serves r && within 20 serves s || exit 1

# first NODE EVENT OTHER: when that happened first in this run, in nanoseconds.
first() {
	jq -rR --arg event "$2" --arg key "$(key_of "$3")" 'fromjson? |
		select(.event == $event and .subject == $key) | .boot_ns' "$work/$1.log" 2>/dev/null |
		head -n 1
}
path() { peer "$1" "$2" '.path // "none"'; }
is_direct() { [ "$(path a b)" = direct ] && [ "$(path b a)" = direct ]; }
# When NODE took the first of the paths that it has kept to since: of that kind, direct (from one
# direct address to a better one is no other path) or by one of the public members.
taken() {
	jq -nrR --arg key "$(key_of "$2")" '[inputs | fromjson? | select(.subject == $key and
		(.event == "path_up" or .event == "endpoint_changed" or .event == "path_lost")) |
		{ at: .boot_ns, how: (if .event == "path_lost" then "none"
			elif (.endpoint | test("^4[.][12][.]0[.]")) then "relay" else "direct" end) }] |
		reduce .[] as $e ({}; if .how == $e.how then . else $e end) | .at' \
		"$work/$1.log" 2>/dev/null
}
# Both by the same kind of path; or none, which both are sure of.
is_settled() {
	local how
	how=$(path a b)
	[ "$(path b a)" = "$how" ] && [ "$how" != none ]
}
# talks NODE OTHER: a packet five times a second, until quiet.
talks() {
	(exec nsenter -t "${holder[$1]}" -n -- ping -q -i 0.2 "$(mesh4 "$2")") >/dev/null 2>&1 &
	talker=$!
}
quiet() { kill "$talker" && wait "$talker" 2>/dev/null; }
later() { if [ "$1" -gt "$2" ]; then echo "$1"; else echo "$2"; fi; }

for ((run = 1; run <= runs; run++)); do
	rm -f "$work/a.log" "$work/b.log"
	rm -rf "$work"/[ab].d/state
	for n in a b; do
		up $n --seed 4.1.0.2:51821 --seed 4.2.0.2:51821 --log-events --port "${port[$n]}"
	done
	within 10 serves a && within 10 serves b || exit 1
	# Somebody wants to talk: no packet, no relay. Who cannot send at all is never heard of.
	talks a b
	within "$patience" is_direct >/dev/null
	is_direct || within 10 is_settled >/dev/null
	how=$(path a b) took=- why=-
	[ "$how" != none ] || why=$(peer a b '.reason // "-"')
	if [ "$how" != none ] && [ "$(path b a)" = "$how" ]; then
		knew=$(later "$(first a member_alive b)" "$(first b member_alive a)")
		met=$(later "$(taken a b)" "$(taken b a)")
		took=$(((met - knew) / 1000000))
		[ $took -ge 0 ] || took=0
	fi
	echo "$kind_a $kind_b $run $how $took $why"
	if [ -n "${KEEP_LOGS:-}" ]; then
		for n in a b r s; do
			mg $n status --json >"$KEEP_LOGS/$kind_a-$kind_b-$run-$n.json"
			cp "$work/$n.log" "$KEEP_LOGS/$kind_a-$kind_b-$run-$n.log"
		done
	fi
	quiet
	stop a b
	forget_flows 11
	forget_flows 12
done
