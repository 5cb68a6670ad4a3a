#!/bin/bash
# Every ordered pair of kinds of NAT, one token and nothing else (docs/connect.md): what --generate
# predicts, whether it takes the token alone or a reply code, and what the joiner says where nothing
# can come of it.
#
# NAT_SET=short  eleven pairs that stand for the others (make check-nat-short)
# NAT_SET=full   all 144 (make check-nat): a quarter of an hour
# Pairs run side by side, NAT_JOBS at once, each in a world of its own. The table is printed, and
# kept in build/nat/token.table.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP NOT RUN: network namespaces need root"
	echo "$0: NOT RUN: network namespaces need root" >&2
	exit 0
fi
out=${B:-$here/../../build}/nat
mkdir -p "$out"
rm -f "$out"/token-*.run

kinds="public open fullcone addr home naked random seq hostfw home@home home@random blocked"
is_hard() { case $1 in random | seq | *@random) true ;; *) false ;; esac; }
lets_in() { case $1 in public | open | fullcone) true ;; *) false ;; esac; }
# wanted MAKER JOINER: PREDICTION OUTCOME WORD, as pair.sh says them.
wanted() {
	local says=closed
	[ "$1" != public ] || says=open
	[ "$1" != blocked ] || says=blocked
	! is_hard "$1" || says=symmetric
	if [ "$1" = blocked ] || [ "$2" = blocked ]; then
		echo "$says none blocked"
	elif lets_in "$1"; then
		echo "$says token connected"
	elif is_hard "$1" && is_hard "$2"; then
		echo "$says none symmetric"
	else
		echo "$says code connected"
	fi
}
pairs() {
	local a b
	if [ "${NAT_SET:-short}" = short ]; then
		printf '%s\n' "public random" "open naked" "fullcone home" "addr random" \
			"home home" "home@home naked" "home random" "random home" "random seq" \
			"blocked home" "hostfw blocked"
		return
	fi
	for a in $kinds; do
		for b in $kinds; do
			echo "$a $b"
		done
	done
}
one() {
	local patience=120
	case $(wanted "$1" "$2") in *none*) patience=10 ;; esac
	PATIENCE=$patience "$here/token_pair.sh" "$1" "$2" >"$out/token-$1-$2.run" 2>"$out/token-$1-$2.log"
}
export -f one wanted is_hard lets_in
export here out
pairs >"$out/token.pairs"
xargs -P "${NAT_JOBS:-3}" -L 1 bash -c 'one "$@"' one <"$out/token.pairs"

n=0
failed=0
: >"$out/token.matrix"
# Not `while read`: a test reads its own input.
while read -r a b <&4; do
	want=$(wanted "$a" "$b")
	read -r _ _ says outcome took word <"$out/token-$a-$b.run" || says=nothing outcome='' took='' word=''
	n=$((n + 1))
	state=ok
	if [ "$says $outcome $word" != "$want" ]; then
		state="not ok"
		failed=$((failed + 1))
	fi
	echo "$state $n - $a makes it, $b joins: $want (got: $says $outcome $word, $took ms)"
	[ "$state" = ok ] || tail -n 8 "$out/token-$a-$b.log" | sed 's/^/#   /'
	echo "$a $b $outcome $took" >>"$out/token.matrix"
done 4<"$out/token.pairs"
echo "1..$n"

# The table: who makes it down, who joins across; seconds from the start, or from the code.
awk -v kinds="$kinds" 'BEGIN { n = split(kinds, k, " ") }
	{ cell[$1 " " $2] = $3 == "token" || $3 == "code" ? sprintf("%s %.1f", $3, $4 / 1000) : $3 }
	END {
		printf "# %-12s", ""; for (i = 1; i <= n; i++) printf "%-12s", k[i]; print ""
		for (j = 1; j <= n; j++) {
			printf "# %-12s", k[j]
			for (i = 1; i <= n; i++) printf "%-12s", (k[j] " " k[i]) in cell ? cell[k[j] " " k[i]] : ""
			print ""
		}
	}' "$out/token.matrix" | tee "$out/token.table"
exit $((failed != 0))
