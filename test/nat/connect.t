#!/bin/bash
# One token and nothing else, behind NATs: what --generate says of each, and whether they connect; by
# the reply code where nothing comes in.
# shellcheck source=test/nat/lab.sh
. "$(dirname "$0")/lab.sh"

internet
host S
public S 9
mkdir -p "$work/stun"
# Two servers on two addresses: stund (RFC 5780) by itself.
(exec nsenter -t "${holder[S]}" -m -n -- stund -h 4.9.0.2 -a 4.9.0.3 -p 3478 -o 3479) >"$work/stun/log" 2>&1 &
listens() { on S ss -lun "sport = :3478" | grep -q 4.9.0.2; }
wait_for 10 "the STUN server listens" listens
servers="--stun 4.9.0.2:3478 --stun 4.9.0.3:3478"

# at N KIND NODE OPTIONS...: behind a NAT of its own, with a daemon that knows where it is seen.
at() {
	local n=$1 kind=$2 name=$3
	shift 3
	site "$n" "$kind" "$name" || return 1
	# shellcheck disable=SC2086 # two options
	up "$name" $servers "$@"
	within 10 knows "$name"
}
knows() { json "$1" '.node.reach.candidates[].source' | grep -q seen; }
# generates NODE, joins NODE TOKEN: in the background, as far as a token or a code, or the end.
generates() {
	rm -f "$work/$1.token" "$work/$1.status"
	(mg "$1" connect --generate >"$work/$1.token" 2>"$work/$1.says" </dev/null
		echo $? >"$work/$1.status") >/dev/null 2>&1 &
	within 10 grep -q mg:// "$work/$1.token"
}
joins() {
	rm -f "$work/$1.status"
	(mg "$1" connect --join "$2" >"$work/$1.code" 2>"$work/$1.says" </dev/null
		echo $? >"$work/$1.status") >/dev/null 2>&1 &
	within 20 grep -qE '^[0-9A-Z]{5}(-[0-9A-Z]{5}){3}$|^$' "$work/$1.code" "$work/$1.status" ||
		test -s "$work/$1.status"
}
status_is() { [ "$(cat "$work/$1.status" 2>/dev/null)" = "$2" ]; }
code_of() { cat "$work/$1.code"; }

n=10
# pair KIND-OF-A KIND-OF-B
pair() {
	a=A$n b=B$n
	node "$a" "$b"
	note "$1 and $2"
	at $n "$1" "$a" && at $((n + 1)) "$2" "$b"
	ok "both know where they are seen, $1 and $2" test $? = 0
	n=$((n + 2))
	ok "there is a token" generates "$a"
}

for kinds in "home home" "naked naked" "home naked" "naked home" "addr home" "home@home home"; do
	# shellcheck disable=SC2086 # two words
	pair $kinds
	ok "nothing comes in, and it says so" grep -q 'closed:' "$work/$a.says"
	ok "the joiner shows a code" joins "$b" "$(cat "$work/$a.token")"
	ok "and has no contact by himself" not test -s "$work/$b.status"
	from=$(now_us)
	ok "the code connects them" exits 0 mg "$a" connect --reply "$(code_of "$b")"
	note "$kinds: $((($(now_us) - from) / 1000)) ms after the code"
	ok "the joiner ends well" within 10 status_is "$b" 0
	ok "and who made the token" within 10 status_is "$a" 0
	ok "traffic passes" within 5 meets "$a" "$b"
	stop "$a" "$b"
done

# --- a member that both can reach hears for who made the token that somebody comes
node R
public R 8
# shellcheck disable=SC2086 # two options
up R $servers
for kinds in "home home" "naked naked"; do
	a=A$n b=B$n
	node "$a" "$b"
	trust_each_other R "$a"
	note "$kinds, and a member"
	at $n "${kinds% *}" "$a" --seed 4.8.0.2:51821 && at $((n + 1)) "${kinds#* }" "$b"
	ok "both know where they are seen, $kinds" test $? = 0
	n=$((n + 2))
	helps() { [ "$(peer "$a" R .nat)" = public ]; }
	ok "the member says that it is public" within 10 helps
	ok "there is a token" generates "$a"
	ok "and it says who will help" grep -q 'introducer R will help' "$work/$a.says"
	from=$(now_us)
	ok "the token alone connects them" exits 0 mg "$b" connect --join "$(cat "$work/$a.token")"
	note "$kinds, and a member: $((($(now_us) - from) / 1000)) ms"
	ok "and who made it ends well" within 10 status_is "$a" 0
	ok "traffic passes" within 5 meets "$a" "$b"
	ok "the member knows nobody new" same "$(find "$work/R.d/authorized_keys" -type f | wc -l)" $(((n - 22) / 2))
	stop "$a" "$b"
done
done_testing
