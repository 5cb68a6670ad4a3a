#!/bin/bash
# connect: one token makes two strangers peers, once, and they find each other again.
. "$(dirname "$0")/mesh.sh"

node A B C D E F
lan wire
# Addresses as the Internet has them.
plug A wire eth0 2.0.0.1/24
plug B wire eth0 2.0.0.2/24
plug C wire eth0 2.0.0.3/24
plug D wire eth0 2.0.0.4/24
plug E wire eth0 2.0.0.5/24
plug F wire eth0 2.0.0.6/24

# generates NAME WORDS...: in the background; the token is in $work/NAME.token, its words in
# $work/NAME.says. What its user types is in `typed`, a file.
typed=/dev/null
generates() {
	local n=$1 pid
	shift
	rm -f "$work/$n.token" "$work/$n.status"
	{
		nsenter -t "${holder[$n]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/$n.d" \
			"$MESHGUARD" connect --generate "$@" <"$typed" >"$work/$n.token" 2>"$work/$n.says" &
		pid=$!
		echo $pid >"$work/$n.generating"
		wait $pid
		echo $? >"$work/$n.status"
	} &
	wait_for 20 "a token of $n" grep -q mg:// "$work/$n.token"
}
# generated NAME STATUS: it ends with that.
generated() {
	within 20 test -s "$work/$1.status" || return 1
	[ "$(cat "$work/$1.status")" = "$2" ] || { cat "$work/$1.status" "$work/$1.says"; return 1; }
}
token_of() { cat "$work/$1.token"; }
join() {
	local n=$1
	shift
	mg "$n" connect --join "$@"
}
tunnel() { [ "$(peer "$1" "$2" .tunnel_up)" = true ]; }
files() { find "$work/$1.d/$2" -type f 2>/dev/null | wc -l; }

# --- one minute: nobody comes to D, and E finds nobody there; looked at in the end
generates D --in 1
mg D down >/dev/null
(mg E connect --join "$(token_of D)" >"$work/E.code" 2>"$work/E.says"; echo $? >"$work/E.status") &

# --- with running daemons
up A --port 4000
up B
wait_for 10 "A" serves A
wait_for 10 "B" serves B
generates A --name bob
ok "on standard output is the token alone" same "$(wc -l <"$work/A.token") $(head -c 5 "$work/A.token")" "1 mg://"
ok "who is reached from everywhere says so" grep -q 'open: your peer needs this token alone' "$work/A.says"
ok "the invitation is a secret" same "$(stat -c %a "$work"/A.d/invitations/*)" 600
ok "B joins" exits 0 join B "$(token_of A)" --name alice
ok "and says with whom" said "connected with alice"
ok "A ends well" generated A 0
ok "and says with whom, too" grep -q "connected with bob" "$work/A.says"
ok "A trusts B" same "$(cat "$work/A.d/authorized_keys/bob.pub")" "$(key_of B)"
ok "B trusts A" same "$(cat "$work/B.d/authorized_keys/alice.pub")" "$(key_of A)"
ok "each has told the other's fingerprint" same \
	"$(sed -n 's/.*connected with bob.*key: //p' "$work/A.says")" \
	"$(sed -n "s/.*fingerprint of this host's key: //p" "$work/said")"
ok "the tunnel is up at A" tunnel A bob
ok "and at B" tunnel B alice
ok "traffic passes" meets A B
ok "A knows where B was" same "$(cat "$work/A.d/seeds/bob.seed")" 2.0.0.2:51821
ok "B knows where A was" same "$(cat "$work/B.d/seeds/alice.seed")" 2.0.0.1:4000
ok "config show has it" grep -q '^bob  *2.0.0.2:51821' <(mg A config show)
ok "for programs, too" same "$(mg A config show --json | jq -c .saved_seeds)" '[{"name":"bob","endpoint":"2.0.0.2:51821"}]'
ok "no secret is left at A" not grep -rq mg:// "$work/A.d/invitations"
ok "nor at B" not grep -rq mg:// "$work/B.d/joins"
ok "A lists the invitation as used" grep -q 'used.*bob' <(mg A connect --list)

# --- a second one who comes by it
token=$(token_of A)
ok "a second joiner is told so" exits 4 join C "$token"
ok "in one line" said "used by somebody else"
ok "and nobody trusts anybody" same "$(files C authorized_keys) $(files A authorized_keys)" "0 1"
ok "a daemon that was started for it is gone" exits 3 mg C status

# --- a reboot
stop A B
rm -f "$work/A.d/state/peers" "$work/B.d/state/peers"
up A --port 4000
up B
ok "after a reboot they find each other without flags" within 10 meets B A

# --- wrong tokens
before=$(files C joins)
broken=$(printf %s "$token" | sed 's/.$/A/; t')
[ "$broken" != "$token" ] || broken=$(printf %s "$token" | sed 's/.$/Q/')
middle=${token:0:100}$(printf %s "${token:100:1}" | tr 'A-Za-z' 'B-ZAb-za')${token:101}
[ "$middle" != "$token" ] || middle=${token:0:100}A${token:101}
ok "an edited token is refused" exits 2 join C "$broken"
ok "edited anywhere" exits 2 join C "$middle"
ok "and said so" said "not a token that can be used"
ok "no daemon was started for it" exits 3 mg C status
ok "nothing was written" same "$(files C joins)" "$before"

# --- a token that ended well here, and whose maker is trusted no more
mv "$work/B.d/authorized_keys/alice.pub" "$work/alice.pub"
ok "an old token does not pass for a new one" exits 4 join B "$token"
ok "and says why" said "does not trust its maker any more"
mv "$work/alice.pub" "$work/B.d/authorized_keys/alice.pub"
ok "with the key back it has ended well" exits 0 join B "$token"

# --- revoking
ok "who is revoked" mg A revoke bob
ok "is not looked for any more" not test -e "$work/A.d/seeds/bob.seed"
trusts A B

# --- asking first
mkfifo "$work/answer"
typed=$work/answer
declines() { echo n >"$work/answer"; }
accepts() { echo y >"$work/answer"; }
asked() { grep -q 'let him in' "$work/A.says"; }
nobody() { same "$(files A authorized_keys) $(files C authorized_keys)" "1 0"; }
for answer in declines accepts; do
	# Its writer stays until the end, or the reader would see it at once.
	exec 4<>"$work/answer"
	generates A --confirm --name carol
	(mg C connect --join "$(token_of A)" --name alice >"$work/C.says" 2>&1; echo $? >"$work/C.status") &
	ok "the user is asked" within 10 asked
	ok "and nobody is trusted before" always 2 nobody
	$answer
	case $answer in
	declines)
		ok "no: nobody came in" generated A 4
		ok "and the other one is told" within 10 grep -q 4 "$work/C.status"
		ok "nobody is trusted" nobody
		rm -f "$work/C.status"
		;;
	accepts)
		ok "yes: in he comes" generated A 0
		ok "and knows" within 10 grep -q 0 "$work/C.status"
		ok "both trust" same "$(key_of C)" "$(cat "$work/A.d/authorized_keys/carol.pub")"
		;;
	esac
	exec 4>&-
done
typed=/dev/null
ok "a name that is taken is refused before" exits 4 mg A connect --generate --name carol
mg C down >/dev/null
rm -rf "$work"/[AC].d/{authorized_keys/{carol,alice}.pub,seeds/{carol,alice}.seed}

# --- cancelling
generates A
id=$(mg A connect --list | awk '$2 == "open" { print $1 }')
ok "one is cancelled" exits 0 mg A connect --cancel "$id"
ok "who waits is told" generated A 4
ok "it is gone" not test -e "$work/A.d/invitations/$id"
generates A --in 1
id=$(mg A connect --list | awk '$2 == "open" { print $1 }')
kill -TERM "$(cat "$work/A.generating")"
ok "an interrupted one is void" generated A 1
ok "and gone" not test -e "$work/A.d/invitations/$id"

# --- a code for a peer who is called and does not come: A cannot send to him
on A ip route add blackhole 2.0.0.3/32
# begins HOST FILE WORDS...: in the background, as $begun; what it says is in that file.
begins() {
	local n=$1 file=$2
	shift 2
	nsenter -t "${holder[$n]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/$n.d" \
		"$MESHGUARD" "$@" >"$work/$file" 2>&1 &
	begun=$!
}
generates A
id=$(mg A connect --list | awk '$2 == "open" { print $1 }')
begins C C.code connect --join "$(token_of A)"
joining=$begun
code='^[0-9A-Z]{5}(-[0-9A-Z]{5}){3}$'
wait_for 20 "the code of C" grep -qE "$code" "$work/C.code"
code=$(grep -E "$code" "$work/C.code")
begins A replied connect --reply "$code"
wait_for 10 "the call" test -e "$work/A.d/invitations/$id.reply"
kill -TERM $begun
wait $begun
ended=$?
ok "an interrupted reply has failed" same $ended 1
ok "and says what stays" grep -q 'interrupted: your peer is still called' "$work/replied"
rm "$work/A.d/invitations/$id.reply"
begins A replied connect --reply "$code"
wait_for 10 "the next call" test -e "$work/A.d/invitations/$id.reply"
mg A connect --cancel "$id" >/dev/null
wait $begun
ended=$?
ok "a reply to what is cancelled ends" same $ended 4
ok "and says so" grep -q 'the invitation was cancelled' "$work/replied"
ok "who made it is told" generated A 4
begun=$joining
kill -TERM $begun
wait $begun
ended=$?
ok "and the joiner gives up" same $ended 1
on A ip route del blackhole 2.0.0.3/32

# --- without daemons
stop A B
generates A --name carol --interface mgx
ok "a daemon is started for it" mg A status --interface mgx
ok "C joins with one of its own" exits 0 join C - --name alice --interface mgy < <(token_of A)
ok "A ends well again" generated A 0
ok "both stay up" all_meet A C
ok "until down" exits 0 mg C down --interface mgy
mg A down --interface mgx >/dev/null

# --- without rights: keys and addresses are exchanged
chmod 711 "$work"
mkdir "$work/xdg"
chown -R 65534:65534 "$work/F.d" "$work/xdg"
as_nobody() {
	on F setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent \
		"XDG_RUNTIME_DIR=$work/xdg" "MESHGUARD_CONFIG_DIR=$work/F.d" "$MESHGUARD" "$@"
}
generates A --name fred
ok "who may make no interface joins, too" exits 0 as_nobody connect --join "$(token_of A)" --name alice
ok "and is told how to go on" said "connected with alice" "sudo meshguard up"
ok "no daemon stays" exits 3 as_nobody status
ok "A trusts him" same "$(cat "$work/A.d/authorized_keys/fred.pub")" "$(key_of F)"
ok "A ends well" generated A 0

# --- a minute is over
ended_with() { [ "$(cat "$work/$1.status")" = "$2" ]; }
ok "nobody came to D in time" within 70 ended_with D 5
ok "and it says so" grep -q 'nobody came in time: the token has expired' "$work/D.says"
ok "E gives up then" within 5 ended_with E 5
ok "and says so, too" grep -q 'expired before there was contact' "$work/E.says"
ok "until then it showed the code for D, once" same "$(grep -cE '^[0-9A-Z]{5}(-[0-9A-Z]{5}){3}$' "$work/E.code")" 1
ok "nothing is left of either" same "$(files D invitations) $(files E joins)" "0 0"

done_testing
