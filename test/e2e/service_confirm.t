#!/bin/bash
# Changes of the service rules that are rolled back unless they are confirmed: whoever dies.
. "$(dirname "$0")/mesh.sh"

node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
up A
up B --seed 10.0.0.1:51821
wait_for 10 "the mesh comes up" all_meet A B
rules=$work/A.d/services

waits() { [ -e "$work/A.d/services.pending" ]; }
tidied() { ! waits && [ ! -e "$work/A.d/services.before" ] && [ ! -e "$rules/undone" ]; }
policy() { cat "$rules/global.policy" 2>/dev/null; }
same_policy() { [ "$(policy)" = "$1" ]; }
shows() { mg A status | grep -qF "$1"; }

# --- rolled back after the time
ok "a change that is to be confirmed" exits 0 mg A service default deny --confirm-within 10s
ok "it says how" said "rolled back at" "(in 10s) unless: meshguard service confirm"
ok "it is in force" within 2 not meets4 B A
ok "status says that it waits" shows "rolled back in"
ok "list says it" grep -q "^a change waits for its confirmation; it is rolled back at" <(mg A service list)
ok "status --json says until when" grep -qE '"services_pending_ms":[0-9]+' <(mg A status --json)
ok "a second change joins it" exits 0 mg A service allow tcp 22
ok "and says so" said "this one is rolled back with it"
ok "not before its time" always 3 waits
ok "after its time both are gone" within 12 not test -e "$rules"
ok "in the daemon, too" within 2 meets4 B A
ok "it says so" within 2 grep -q "was not confirmed in time: those of before are back" "$work/A.log"
ok "nothing waits any more" tidied
ok "status agrees" grep -q '"services_pending_ms":null' <(mg A status --json)
ok "confirming it comes too late" exits 5 mg A service confirm
ok "it says so" said "too late: the change is rolled back"
ok "after that there is nothing to confirm" exits 1 mg A service confirm
ok "it says so" said "no change of the service rules waits"

# --- confirmed
mg A service allow icmp >/dev/null
ok "a change" exits 0 mg A service deny --at 1 icmp --confirm-within 10s
ok "a second one gives both more time" exits 0 mg A service allow tcp 22 --confirm-within 12s
ok "and is confirmed" exits 0 mg A service confirm
confirmed=$(policy)
ok "nothing waits any more" tidied
ok "it is in force" within 2 not meets4 B A
stays() { [ "$(policy)" = "$confirmed" ] && ! meets4 B A; }
ok "after the time, too" always 13 stays

# --- who asked for it dies
mg A service reset >/dev/null
mg A service allow icmp >/dev/null
ok "it is allowed" within 2 meets4 B A
# The shell, and all that it started, dies as soon as the change is made.
on A env "MESHGUARD_CONFIG_DIR=$work/A.d" bash -c \
	'"$MESHGUARD" service deny --at 1 icmp --confirm-within 10s; kill -KILL $$' >/dev/null 2>&1
ok "a change whose shell was killed" same "$(policy)" $'deny icmp\nallow icmp'
ok "is rolled back all the same" within 12 same_policy "allow icmp"
ok "and nothing waits any more" within 2 tidied
# The command, at any point.
old_or_new() { same_policy "allow icmp" || same_policy $'deny icmp\nallow icmp'; }
killed_at() {
	on A env "MESHGUARD_CONFIG_DIR=$work/A.d" timeout -s KILL "$1" "$MESHGUARD" service deny \
		--at 1 icmp --confirm-within 10s >/dev/null 2>&1
	old_or_new || echo "after $1 s: $(policy)"
}
wrong=$(for ms in 001 003 005 010 015 020 030 040 050 060 070 080 090 100 120; do killed_at "0.$ms"; done)
ok "a command that is killed leaves the old rules or the new ones" same "$wrong" ""
ok "and in the end the old ones" within 12 tidied
ok "which are in their place" same_policy "allow icmp"

# --- the daemon dies
ok "a change" exits 0 mg A service deny --at 1 icmp --confirm-within 10s
killed A
ok "the daemon is dead, and the change waits" waits
up A
wait_for 10 "A is back" serves A
ok "a daemon that starts before the time goes on waiting" shows "rolled back in"
ok "and rolls back" within 12 same_policy "allow icmp"
ok "for the node, too" within 10 meets4 B A
ok "a change" exits 0 mg A service deny --at 1 icmp --confirm-within 10s
killed A
overdue() { grep -q "not confirmed in time; it is rolled back when a daemon runs" <(mg A service list); }
ok "when the time is over without a daemon" within 12 overdue
ok "the change is still there" same_policy $'deny icmp\nallow icmp'
ok "confirming it comes too late, and rolls back" exits 5 mg A service confirm
ok "it says so" said "too late"
ok "it does" same_policy "allow icmp"
up A
wait_for 10 "A is back" serves A

# --- the mark is emptied
ok "a change" exits 0 mg A service deny --at 1 icmp --confirm-within 10s
true >"$work/A.d/services.pending"
ok "a mark that was emptied under the daemon" always 2 same_policy $'deny icmp\nallow icmp'
ok "does not keep it from rolling back in time" within 12 same_policy "allow icmp"
ok "nothing waits any more" within 2 tidied
ok "a change" exits 0 mg A service deny --at 1 icmp --confirm-within 1h
killed A
true >"$work/A.d/services.pending"
up A
ok "a daemon that finds an empty one rolls back at once" within 5 same_policy "allow icmp"
ok "it says so" within 2 grep -q "services.pending was damaged" "$work/A.log"
ok "nothing waits any more" within 2 tidied
wait_for 10 "A is back" serves A

# --- the connection over which it is made
over() { local SSH_CONNECTION=$1 && shift && export SSH_CONNECTION && mg A service "$@"; }
for address in "$(mesh4 B)" "$(mesh6 B)"; do
	ok "a change that would cut it is refused" exits 1 over "$address 50000 $(mesh4 A) 22" deny tcp
	ok "by its rule" said "tcp 22 from $address: services/global.policy:2: deny tcp"
	ok "another server's port is not concerned" \
		exits 0 over "$address 50000 $(mesh4 A) 22" deny tcp 23
	mg A service delete 2 >/dev/null
done
ok "with a confirmation it is made" \
	exits 0 over "$(mesh4 B) 50000 $(mesh4 A) 22" deny tcp --confirm-within 10s
ok "and warned about" said "this cuts the connection over which you are here" "rolled back at"
ok "it is rolled back" within 12 same_policy "allow icmp"

# --- a command that is held up until its time is over changes nothing any more
mkfifo "$work/stuck"
exec 9<>"$work/stuck"
dd if=/dev/zero of="$work/stuck" bs=4096 count=100 oflag=nonblock 2>/dev/null
# It has something to say before it writes, and nobody reads it.
(over "$(mesh4 B) 50000 $(mesh4 A) 22" deny tcp --confirm-within 10s 2>"$work/stuck") >/dev/null &
stuck=$!
ok "a command waits to be heard" within 5 waits
ok "the daemon does not wait for it longer than two seconds" within 14 tidied
ok "nothing was changed" same_policy "allow icmp"
timeout 1 cat <"$work/stuck" >"$work/heard"
wait $stuck
ok "when it goes on it gives up" same $? 5
timeout 1 cat <"$work/stuck" >>"$work/heard"
ok "it says so" grep -qa "nothing was changed: the time for the confirmation was over" "$work/heard"
ok "really" same_policy "allow icmp"
exec 9>&-

# --- the same directory by another name
ln -s "$work/A.d" "$work/other.d"
other() { on A env "MESHGUARD_CONFIG_DIR=$work/other.d" "$MESHGUARD" "$@"; }
ok "the daemon's directory may be called otherwise" \
	exits 0 other service deny udp --confirm-within 10s
ok "and confirmed so" exits 0 other service confirm
mg A service delete 2 >/dev/null

# --- without anybody who would roll back
ok "another interface has no daemon" exits 3 mg A service deny all --confirm-within 1m --interface mg7
ok "it says so" said "nobody would roll the change back: meshguard is not running on mg7"
ok "nothing was changed" same_policy "allow icmp"
stop A
ok "nor without any daemon" exits 3 mg A service deny all --confirm-within 1m
ok "nothing was changed" same_policy "allow icmp"
ok "nothing waits" tidied

stop B
done_testing
