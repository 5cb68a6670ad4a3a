#!/bin/bash
# While a key changes the daemon runs both: who accepted the new one reaches it there, who did not
# goes on with the old one, and no connection is cut: not by --finish, nor by the end of the overlap
# for the new key, nor by a restart for longer than it takes. --cancel takes the new one away.
. "$(dirname "$0")/mesh.sh"

node A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
trust_each_other A B C
up A --mdns # which goes on with the new key when the old one is gone
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
wait_for 15 "they meet" all_meet A B C

# Both addresses of a key of B's, as A computes them.
addresses_of() { mg A config show --json | jq -r ".trusted[] | select(.name == \"$1\") | .ipv4, .ipv6"; }
second() { json B ".node.second.$1"; }
tunnel_addresses() { on B ip -j addr show dev mg0 | jq -r '.[0].addr_info[].local' | sort | xargs; }

# talk NAME HOST ADDRESS: one TCP connection for the whole test, that says something ten times a
# second; how often it was answered is in $work/NAME.talk.
cat >"$work/talk.py" <<'PY'
import socket, sys, threading, time
def serve(family, at):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((at, 7000)); s.listen()
    open(sys.argv[2] + str(int(family)), "w").close()
    def one(c):
        while data := c.recv(1000):
            c.sendall(data)
    while True:
        threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()
if sys.argv[1] == "serve":
    threading.Thread(target=serve, args=(socket.AF_INET6, "::"), daemon=True).start()
    serve(socket.AF_INET, "0.0.0.0")
c = socket.create_connection((sys.argv[2], 7000), 5)
c.settimeout(30)
count = 0
while True:
    c.sendall(b"%08d" % count)
    if c.recv(8, socket.MSG_WAITALL) != b"%08d" % count: sys.exit("cut")
    count += 1
    open(sys.argv[3], "w").write("%d\n" % count)
    time.sleep(0.1)
PY
(exec nsenter -t "${holder[B]}" -m -n -- python3 "$work/talk.py" serve "$work/ready.") >"$work/serve.out" 2>&1 &
wait_for 10 "a server on B" eval '[ "$(ls "$work"/ready.* | wc -l)" = 2 ]'
talk() {
	(exec nsenter -t "${holder[$2]}" -m -n -- python3 "$work/talk.py" talk "$3" "$work/$1.talk") \
		>"$work/talk.$1.log" 2>&1 &
	echo $! >"$work/$1.pid"
	within 10 test -s "$work/$1.talk"
}
hush() { local n; for n; do kill "$(cat "$work/$n.pid")"; rm -f "$work/$n.talk"; done; }
goes_on() {
	local n before
	for n; do
		kill -0 "$(cat "$work/$n.pid")" || return 1
		before=$(cat "$work/$n.talk")
		within 10 eval '[ "$(cat "$work/$n.talk")" -gt '"$((before + 3))"' ]' || return 1
	done
}

old=$(key_of B)
old4=$(mesh4 B) old6=$(mesh6 B)
ok "A connects to B" talk A.old A "$old4"
ok "C connects to B" talk C.old C "$old6"

# --- cancelled
ok "B announces another key" mg B rotate --overlap 2h
new=$(mg B export --next)
new_runs() { [ "$(second role)" = next ] && [ "$(second key)" = "$new" ]; }
ok "the daemon runs it at once" within 3 new_runs
ok "the interface has the addresses of both" within 3 eval '[ "$(tunnel_addresses | wc -w)" = 4 ]'
ok "status shows it" eval 'mg B status | grep -q "new key    $new"'
ok "the old one is the main one" same "$(json B .node.key)" "$old"
ok "B takes it back" mg B rotate --cancel
ok "and it is gone at once" within 3 eval '[ "$(second role)" = null ]'
ok "with its addresses" within 3 eval '[ "$(tunnel_addresses | wc -w)" = 2 ]'
ok "nothing was cut" goes_on A.old C.old

# --- accepted by A
ok "B announces it again" mg B rotate --overlap 2h
ok "the same key" same "$(mg B export --next)" "$new"
ok "which runs at once" within 3 new_runs
heard() { [ "$(peer "$1" B .successor)" = "$new" ]; }
ok "A and C hear of it" within 5 eval 'heard A && heard C'
ok "A accepts it" mg A trust --successor B
mapfile -t there < <(addresses_of B)
new4=${there[0]} new6=${there[1]}
ok "A reaches B under the new key at once" within 2 reaches A "$new4"
ok "by IPv6, too" within 2 reaches A "$new6"
ok "and under the old one" reaches A "$old4"
ok "C reaches the old one" eval 'reaches C "$old4" && reaches C "$old6"'
ok "and not the new one" not reaches C "$new4"
ok "A has both entries" same "$(json A '[.peers[] | select(.path) | .name] | sort | join(" ")')" "B B.old C"
ok "C has one" same "$(json C '[.peers[].name] | sort | join(" ")')" "A B"
ok "status of B counts who has accepted" within 3 eval '[ "$(second reached)" = 1 ] && [ "$(second peers)" = 2 ]'
ok "and names who has not" eval 'mg B status | grep -q "reaches  1 of 2 peers; not: C"'
source_of() { on B ip -j route get "$1" | jq -r '.[0].prefsrc'; }
ok "what B begins has the old addresses" \
	eval 'same "$(source_of "$(mesh4 C)")" "$old4" && same "$(source_of "$(mesh6 C)")" "$old6"'
ok "so it reaches C, too" eval 'reaches B "$(mesh4 C)" && reaches B "$(mesh6 C)"'
ok "A connects to the new address" eval 'talk A.new A "$new4" && talk A.new6 A "$new6"'
ok "all connections go on" goes_on A.old C.old A.new A.new6

# --- rules hold for both keys
ok "B denies everything" mg B service deny all
no_entry() { ! on A timeout 2 nc -z -w 1 "$1" 7000; }
ok "under both addresses" eval 'within 2 no_entry "$old4" && within 2 no_entry "$new4"'
ok "B takes the rules back" mg B service reset
ok "and all is open" within 3 eval 'on A nc -z -w 1 "$old4" 7000 && on A nc -z -w 1 "$new4" 7000'

# --- a restart in the middle of it
hush A.old C.old A.new A.new6
stop B
up B
ok "after a restart both are there" within 10 \
	eval 'reaches A "$new4" && reaches A "$new6" && reaches A "$old4" && reaches C "$old4"'
ok "with one daemon" new_runs
ok "connections as before" eval 'talk A.old A "$old4" && talk C.old C "$old6" && talk A.new A "$new4" && talk A.new6 A "$new6"'

# --- finished
daemon_before=${daemon[B]}
ok "B finishes" mg B rotate --finish
is_main() { [ "$(json B .node.key)" = "$new" ] && [ "$(second key)" = "$old" ] && [ "$(second role)" = former ]; }
ok "the new key is the main one at once" within 3 is_main
ok "of the same daemon" kill -0 "$daemon_before"
ok "no connection was cut" goes_on A.old C.old A.new A.new6
ok "the interface has the addresses of both" same "$(tunnel_addresses | wc -w)" 4
ok "what B begins has the new addresses" \
	eval 'same "$(source_of "$(mesh4 A)")" "$new4" && same "$(source_of "$(mesh6 A)")" "$new6"'
ok "and reaches A" eval 'reaches B "$(mesh4 A)" && reaches B "$(mesh6 A)"'
ok "C reaches the old one still" eval 'reaches C "$old4" && reaches C "$old6"'
ok "the clocks of both keys are kept" within 5 eval '[ -s "$work/B.d/state/former.clock" ] && [ -s "$work/B.d/state/clock" ]'
hush A.old C.old A.new A.new6
stop B
up B
ok "after a restart, too, both are there" within 10 \
	eval 'is_main && reaches A "$new4" && reaches C "$old4" && reaches C "$old6"'
ok "C accepts, late" mg C trust --successor B
ok "and is there at once" within 2 reaches C "$new4"
ok "the owner ends the old key" rm "$work/B.d/former.key"
ok "it is gone at once" within 3 eval '[ "$(second role)" = null ]'
ok "with its addresses" within 3 eval '[ "$(tunnel_addresses | wc -w)" = 2 ]'
ok "all reach the new one" eval 'reaches A "$new4" && reaches A "$new6" && reaches C "$new4"'

# --- the end of an overlap
sleep_until() { within "$2" eval '[ "$(date +%s)" -ge '"$1"' ]'; }
ok "A announces another key for some seconds" mg A rotate --overlap "$(($(date +%s) + 15))"
end=$(($(date +%s) + 15))
# shellcheck disable=SC2034 # for eval
a_new=$(mg A export --next)
ok "which runs" within 3 eval '[ "$(json A .node.second.key)" = "$a_new" ]'
ok "B accepts it" eval 'within 5 eval "[ \"\$(peer B A .successor)\" = \"$a_new\" ]" && mg B trust --successor A'
ok "A finishes" mg A rotate --finish
ok "both run" within 3 eval '[ "$(json A .node.second.role)" = former ]'
ok "until the end" sleep_until "$end" 30
ok "then the old one ends by itself" within 3 eval '[ "$(json A .node.second)" = null ]'
ok "and the daemon says so" grep -q "the former key is not used any more" "$work/A.log"
ok "C announces a key, and nobody finishes it" mg C rotate --overlap "$(($(date +%s) + 12))"
end=$(($(date +%s) + 12))
# shellcheck disable=SC2034 # for eval
c_new=$(mg C export --next)
ok "B accepts it" eval 'within 5 eval "[ \"\$(peer B C .successor)\" = \"$c_new\" ]" && mg B trust --successor C'
ok "the end comes" sleep_until "$end" 30
ok "and is told" within 3 grep -q "overlap of both keys has ended, and the change is not finished" "$work/C.log"
ok "status says so" eval 'mg C status | grep -q "the overlap has ended"'
ok "both run on" same "$(json C .node.second.key)" "$c_new"
ok "so B, which knows the new one alone, reaches C" within 5 \
	reaches B "$(mg B config show --json | jq -r '.trusted[] | select(.name == "C") | .ipv4')"
stop A B C
done_testing
