#!/bin/bash
# connect --generate --qr: what the terminal shows is read by a program that is not ours.
# shellcheck source=test/e2e/mesh.sh
. "$(dirname "$0")/mesh.sh"

node A
lan wire
plug A wire eth0 2.0.0.1/24
up A
wait_for 30 "A" serves A
# shows COLUMNS LOCALE: first word; all of it is in $work/qr.
shows() {
	on A env "MESHGUARD_CONFIG_DIR=$work/A.d" "LC_ALL=$2" TERM=xterm /usr/bin/python3 "$root/test/e2e/qr.py" "$1" \
		"$MESHGUARD" connect --generate --qr >"$work/qr" 2>&1
	cat "$work/qr"
	[ "$(head -n 1 "$work/qr")" = "$3" ]
}
ok "a terminal with UTF-8 shows the token" shows 80 C.UTF-8 same
ok "one without UTF-8, too" shows 200 C same
ok "a file has it" shows 0 C same
ok "one that is too narrow shows none" shows 50 C.UTF-8 none
ok "and says how wide it must be" grep -qE 'needs a terminal of [5-7][0-9] columns, and this one has 50' "$work/qr"
ok "without UTF-8 it must be twice as wide" shows 80 C none
ok "and says so" grep -q 'columns without UTF-8, and this one has 80' "$work/qr"

# With eight addresses, of which seven are IPv6, a token is as long as it can be.
for n in 1 2 3 4 5 6 7; do
	on A ip addr add "2001:470:$n::1/64" dev eth0
done
has_eight() { [ "$(json A '.node.reach.candidates | length')" = 8 ]; }
wait_for 30 "eight addresses" has_eight
ok "the longest token is shown" shows 100 C.UTF-8 same
ok "a terminal of 80 columns shows it or says what it needs" \
	bash -c "$(declare -f shows on); $(declare -p holder work root MESHGUARD)
		shows 80 C.UTF-8 same || grep -q 'needs a terminal of' $work/qr"
done_testing
