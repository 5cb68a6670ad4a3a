#!/bin/bash
# Every unordered pair of kinds of NAT (docs/nat.md): by what path two daemons meet, and how soon.
#
# NAT_SET=short  ten pairs that stand for the others, two runs each (make check-nat-short)
# NAT_SET=full   all pairs three times, and 100 runs of home with home and with random
#                (make check-nat)
# Pairs run side by side, NAT_JOBS at once, each in a world of its own. The table is printed, and
# kept in build/nat/matrix.
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
rm -f "$out"/*.runs

kinds="public open fullcone addr home naked random seq hostfw home@home home@random blocked"
is_hard() { case $1 in random | seq | *@random) true ;; *) false ;; esac; }
# wanted KIND KIND: what physics allows without a relay.
wanted() {
	if [ "$1" = blocked ] || [ "$2" = blocked ]; then
		echo none
	elif is_hard "$1" && is_hard "$2"; then
		echo indirect
	else
		echo direct
	fi
}
# limit KIND KIND: milliseconds.
limit() { if is_hard "$1" || is_hard "$2"; then echo 4000; else echo 2000; fi; }

pairs() {
	local a b rest
	if [ "${NAT_SET:-short}" = short ]; then
		printf '%s\n' "home home 3" "naked home 2" "naked naked 2" "random home 2" \
			"random naked 2" "random addr 2" "seq home 2" "public random 2" \
			"home@home hostfw 2" "random home@random 1" "blocked home 1"
		return
	fi
	echo "home home 100"
	echo "home random 100"
	rest=$kinds
	for a in $kinds; do
		for b in $rest; do
			case "$a $b" in "home home" | "home random") continue ;; esac
			echo "$a $b 3"
		done
		rest=${rest#* }
	done
}
one() {
	local patience=12
	[ "$(wanted "$1" "$2")" = direct ] || patience=5
	[ "$(wanted "$1" "$2")" != none ] || patience=3
	PATIENCE=$patience "$here/pair.sh" "$1" "$2" "$3" >"$out/$1-$2.runs" 2>"$out/$1-$2.log"
}
export -f one wanted is_hard
export here out
pairs >"$out/pairs"
xargs -P "${NAT_JOBS:-3}" -L 1 bash -c 'one "$@"' one <"$out/pairs"

# percentile P FILE: of the milliseconds, at least so many of 100 are not above it.
percentile() {
	awk '$4 == "direct" || $4 == "relay" { print $5 }' "$2" | sort -n |
		awk -v p="$1" '{ t[NR] = $1 } END { i = int((NR * p + 99) / 100); print NR ? t[i] : "-" }'
}
n=0
failed=0
: >"$out/matrix"
# Not `while read`: a test reads its own input.
while read -r a b runs <&4; do
	want=$(wanted "$a" "$b")
	file=$out/$a-$b.runs
	got=$(awk '{ print $4 }' "$file" | sort | uniq -c | awk '{ printf "%s%s %s", s, $2, $1; s = ", " }')
	n=$((n + 1))
	p50=$(percentile 50 "$file")
	high=$p50
	[ "$runs" != 100 ] || high=$(percentile "$(is_hard "$b" && echo 95 || echo 99)" "$file")
	good=1
	case $want in
	none) [ "$got" = "none $runs" ] || good=0 ;;
	indirect) # by a relay, where a member is willing
		case "$got" in "" | *direct*) good=0 ;; esac
		;;
	direct)
		# In a hundred a birthday may go wrong (1.7 of 100 after half of its probes).
		if [ "$runs" = 100 ] && is_hard "$b"; then
			[ "$(awk '$4 == "direct"' "$file" | wc -l)" -ge 95 ] || good=0
		else
			[ "$got" = "direct $runs" ] || good=0
		fi
		if [ "$high" = - ] || [ "$high" -gt "$(limit "$a" "$b")" ]; then good=0; fi
		;;
	esac
	state="ok"
	if [ $good = 0 ]; then
		state="not ok"
		failed=$((failed + 1))
	fi
	echo "$state $n - $a with $b: $want (got: ${got:-nothing}; median $p50 ms, high $high ms)"
	[ $good = 1 ] || tail -n 5 "$out/$a-$b.log" | sed 's/^/#   /'
	echo "$a $b $want $p50 $high ${got:-nothing}" >>"$out/matrix"
done 4<"$out/pairs"
echo "1..$n"

# The table: seconds of the median where a direct path came, else what came.
awk -v kinds="$kinds" 'BEGIN { n = split(kinds, k, " ") }
	{ w = $6 ~ /^direct/ ? sprintf("%.2f", $4 / 1000) : $6; cell[$1 " " $2] = cell[$2 " " $1] = w }
	END {
		printf "# %-12s", ""; for (i = 1; i <= n; i++) printf "%-12s", k[i]; print ""
		for (j = 1; j <= n; j++) {
			printf "# %-12s", k[j]
			for (i = 1; i <= n; i++) printf "%-12s", (k[j] " " k[i]) in cell ? cell[k[j] " " k[i]] : ""
			print ""
		}
	}' "$out/matrix" | tee "$out/table"
exit $((failed != 0))
