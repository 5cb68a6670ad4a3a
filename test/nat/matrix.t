#!/bin/bash
# Every unordered pair of kinds of NAT (docs/nat.md): by what path two daemons meet, and how soon.
#
# NAT_SET=short  a dozen pairs that stand for the others (make check-nat-short)
# NAT_SET=full   all pairs three times, and 100 runs of home with home and with each kind that is
#                symmetric (make check-nat)
# NAT_ONLY       of those, the pairs that match this pattern of grep -E
# Two public members know both sides, help, and relay where there is no direct path; "alone" behind
# a pair: they help, but do not relay. Pairs run side by side, NAT_JOBS at once, each in a world of
# its own. The table is printed, and kept in build/nat/matrix.
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

base="public open fullcone addr home naked random seq hostfw blocked"
behind="open@home fullcone@home addr@home home@home naked@home random@home seq@home hostfw@home"
behind="$behind home@random home@seq"
kinds="$base $behind"
maps() { # KIND: how it gives outside ports; what one of two NATs does, both do
	case $1 in *random*) echo random ;; *seq*) echo seq ;; *) echo one ;; esac
}
# wanted KIND KIND: the success matrix of docs/nat.md. What is symmetric on both sides needs a
# relay, but that two that count their ports can be predicted.
wanted() {
	local both
	both=$(maps "$1"),$(maps "$2")
	case "$1,$2" in
	blocked,* | *,blocked) echo none ;;
	*,lan | hairpin,isolated | *@hairpin,cgn) echo direct ;;
	*,isolated | *,cgn) echo relay ;;
	*) case $both in *one* | seq,seq) echo direct ;; *) echo relay ;; esac ;;
	esac
}
# limit KIND KIND: milliseconds.
limit() { case $(maps "$1"),$(maps "$2") in one,one) echo 2000 ;; *) echo 4000 ;; esac; }

all_pairs() {
	local a b rest=$kinds hundred
	hundred="home,home home,random home,seq"
	for a in ${hundred}; do echo "${a%,*} ${a#*,} 100"; done
	for a in $kinds; do
		for b in $rest; do
			case " $hundred " in *" $a,$b "*) continue ;; esac
			echo "$a $b 3"
		done
		rest=${rest#* }
	done
	for a in home naked random seq hostfw hairpin; do
		echo "$a lan 3"
		echo "$a isolated 3"
	done
	for a in home@home home@hairpin home@random; do echo "$a cgn 3"; done
	echo "random random 3 alone"
	echo "random seq 3 alone"
}
pairs() {
	if [ "${NAT_SET:-short}" = full ]; then
		all_pairs
	else
		printf '%s\n' "home home 3" "naked home 2" "naked naked 2" "random home 2" \
			"random naked 2" "random addr 2" "seq home 2" "seq seq 2" "public random 2" \
			"home@home hostfw 2" "home lan 2" "home isolated 1" "hairpin isolated 2" \
			"random home@random 2" "random random 1 alone" "blocked home 1"
	fi | grep -E "${NAT_ONLY:-.}"
}
file_of() { echo "$out/$1-$2${4:+-$4}"; }
one() {
	local patience=12 relay=auto file
	file=$(file_of "$@")
	case $(wanted "$1" "$2") in relay) patience=5 ;; none) patience=3 ;; esac
	[ -z "${4:-}" ] || relay=off
	RELAY=$relay PATIENCE=$patience "$here/pair.sh" "$1" "$2" "$3" >"$file.runs" 2>"$file.log"
}
export -f one wanted maps file_of
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
while read -r a b runs alone <&4; do
	want=$(wanted "$a" "$b")
	[ -z "$alone" ] || want=none
	file=$(file_of "$a" "$b" "$runs" "$alone").runs
	got=$(awk '{ print $4 }' "$file" | sort | uniq -c | awk '{ printf "%s%s %s", s, $2, $1; s = ", " }')
	n=$((n + 1))
	p50=$(percentile 50 "$file")
	high=$p50 least=$runs
	# In a hundred a birthday may go wrong (1.7 of 100 after half of its probes).
	if [ "$runs" = 100 ]; then
		case $(maps "$b") in one) high=99 ;; *) high=95 least=95 ;; esac
		high=$(percentile $high "$file")
	fi
	good=1
	[ "$(awk -v want="$want" '$4 == want' "$file" | wc -l)" -ge "$least" ] || good=0
	[ "$(wc -l <"$file")" = "$runs" ] || good=0
	case $want in
	direct) if [ "$high" = - ] || [ "$high" -gt "$(limit "$a" "$b")" ]; then good=0; fi ;;
	none) [ -z "$alone" ] || ! grep -v both-symmetric "$file" >&2 || good=0 ;;
	esac
	state="ok"
	if [ $good = 0 ]; then
		state="not ok"
		failed=$((failed + 1))
	fi
	echo "$state $n - $a with $b${alone:+ without a relay}: $want (got: ${got:-nothing}; median $p50 ms, high $high ms)"
	[ $good = 1 ] || tail -n 5 "${file%.runs}.log" | sed 's/^/#   /'
	echo "$a $b${alone:+-alone} $want $p50 $high ${got:-nothing}" >>"$out/matrix"
done 4<"$out/pairs"
echo "1..$n"

# The table: seconds of the median where a direct path came, else what came.
awk -v kinds="$kinds lan isolated cgn" 'BEGIN { n = split(kinds, k, " ") }
	{ w = $6 ~ /^direct/ ? sprintf("%.2f", $4 / 1000) : $6; cell[$1 " " $2] = cell[$2 " " $1] = w }
	END {
		printf "# %-14s", ""; for (i = 1; i <= n; i++) printf "%-14s", k[i]; print ""
		for (j = 1; j <= n; j++) {
			printf "# %-14s", k[j]
			for (i = 1; i <= n; i++) printf "%-14s", (k[j] " " k[i]) in cell ? cell[k[j] " " k[i]] : ""
			print ""
		}
	}' "$out/matrix" | tee "$out/table"
exit $((failed != 0))
