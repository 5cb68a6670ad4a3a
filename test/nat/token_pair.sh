#!/bin/bash
# token_pair.sh KIND KIND - two sites with real daemons, two STUN servers, one token and nothing
# else: what `connect --generate` at the first predicts, and how it ends. One line:
#
#   KIND KIND PREDICTION OUTCOME MILLISECONDS WORD
#
# PREDICTION is the first word of its line. OUTCOME: token: the token alone was enough; code: it
# took the reply code; none: neither within PATIENCE seconds, or no code was shown. The time is from
# the joiner's start, or from the code. WORD is the first one that the joiner says after its
# fingerprints: connected, code, symmetric, blocked or unseen.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

kind_a=$1 kind_b=$2 patience=${PATIENCE:-60}
place() { if [ "$2" = public ]; then public "$3" "$1"; else site "$1" "$2" "$3"; fi; }
internet
host S
public S 9
node A B
place 11 "$kind_a" A && place 12 "$kind_b" B || exit 1
(exec nsenter -t "${holder[S]}" -m -n -- stund -h 4.9.0.2 -a 4.9.0.3 -p 3478 -o 3479) >"$work/stund" 2>&1 &
listens() { on S ss -lun "sport = :3478" | grep -q 4.9.0.2; }
within 20 listens || exit 1
for n in A B; do
	up $n --stun 4.9.0.2:3478 --stun 4.9.0.3:3478
done

# Two servers have told, where any can.
told() { [ "$(json "$1" '[.node.reach.stun[]? | select(.mapped)] | length')" = 2 ]; }
for n in "$kind_a A" "$kind_b B"; do
	within 20 serves "${n#* }" || exit 1
	[ "${n% *}" = blocked ] || within 20 told "${n#* }" || { json "${n#* }" .node.reach >&2; cat "$work/stund" >&2; exit 1; }
done

# starts NODE WORDS...: in the background; what it prints, says and ends with is in $work/NODE.*.
starts() {
	local n=$1
	shift
	(mg "$n" connect "$@" >"$work/$n.out" 2>"$work/$n.says" </dev/null
		echo $? >"$work/$n.status") >/dev/null 2>&1 &
}
words() { sed 's/^meshguard: //' "$work/$1.says"; }
prediction() { words A | grep -oE '^(open|introducer|closed|symmetric|blocked)\b'; }
code() { grep -E '^[0-9A-Z]{5}(-[0-9A-Z]{5}){3}$' "$work/B.out"; }
word() {
	if words B | grep -q '^connected with'; then echo connected
	elif code >/dev/null; then echo code
	else words B | grep -oE '^(symmetric|blocked|unseen)\b' || echo -
	fi
}
ended_well() { [ "$(cat "$work/A.status" 2>/dev/null) $(cat "$work/B.status" 2>/dev/null)" = "0 0" ]; }
tunnel() { meets A B && meets B A; }

starts A --generate --name b
within 30 prediction >/dev/null || { cat "$work/A.says" >&2; exit 1; }
starts B --join "$(cat "$work/A.out")" --name a
from=$(now_us)
outcome=none took=-
spoke() { [ "$(word)" != - ]; }
within 30 spoke >/dev/null || { cat "$work/B.says" >&2; exit 1; }
said=$(word)
# Until somebody has carried a code there is time for the token alone.
within 5 ended_well >/dev/null
if ended_well; then
	outcome=token
elif [ "$said" = code ]; then
	from=$(now_us)
	mg A connect --reply "$(code)" >"$work/reply.says" 2>&1 &
	within "$patience" ended_well >/dev/null && outcome=code
else
	within "$patience" ended_well >/dev/null && outcome=token
fi
if [ $outcome != none ]; then
	took=$((($(now_us) - from) / 1000))
	within 20 tunnel >/dev/null || outcome=dead
fi
echo "$kind_a $kind_b $(prediction) $outcome $took $(word)"
if [ -n "${KEEP_LOGS:-}" ]; then
	cp "$work"/*.log "$work"/*.says "$work"/*.out "$KEEP_LOGS"
fi
