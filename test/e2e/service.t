#!/bin/bash
# Service rules under real traffic: what may come in, what this host opens itself, and changes.
. "$(dirname "$0")/mesh.sh"

node A B C
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
up A
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
wait_for 10 "the mesh comes up" all_meet A B C

# serve HOST PORT...: TCP and UDP servers for both families: TCP says "hello", UDP echoes.
serve() {
	local n=$1
	shift
	(exec nsenter -t "${holder[$n]}" -m -n -- python3 - "$@" <<-'END'
		import select, socket, sys
		tcp, udp = [], []
		for port in map(int, sys.argv[1:]):
		    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
		        for kind, list in ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp)):
		            s = socket.socket(family, kind)
		            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		            if family == socket.AF_INET6:
		                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		            s.bind((host, port))
		            list.append(s)
		            if kind == socket.SOCK_STREAM:
		                s.listen(16)
		print("ready", flush=True)
		open_ones = []
		while True:
		    for s in select.select(tcp + udp + open_ones, [], [])[0]:
		        if s in tcp:
		            c = s.accept()[0]
		            c.sendall(b"hello\n")
		            open_ones.append(c)
		        elif s in udp:
		            data, who = s.recvfrom(2000)
		            s.sendto(data, who)
		        else:
		            try:
		                data = s.recv(2000)
		            except OSError:
		                data = b""
		            if data:
		                s.sendall(data)
		            else:
		                open_ones.remove(s)
		                s.close()
	END
	) >"$work/serve.$n" 2>"$work/serve.$n.log" &
	wait_for 5 "servers on $n" grep -q ready "$work/serve.$n"
}
serve A 22 23 5432
serve B 80

# tcp FROM ADDRESS PORT, udp FROM ADDRESS PORT: answered within a second. `refused` is told apart.
tcp() { [ "$(on "$1" timeout 2 nc -N -w 1 "$2" "$3" </dev/null)" = hello ]; }
udp() { [ "$(echo there | on "$1" timeout 2 nc -u -w 1 "$2" "$3")" = there ]; }
refused() { on "$1" timeout 2 nc -v -w 1 "$2" "$3" </dev/null 2>&1 | grep -q refused; }
a4=$(mesh4 A) a6=$(mesh6 A) b4=$(mesh4 B) b6=$(mesh6 B)
both() { "$1" "$2" "$a4" "$3" && "$1" "$2" "$a6" "$3"; }
neither() { not "$1" "$2" "$a4" "$3" && not "$1" "$2" "$a6" "$3"; }

# elapsed SINCE LIMIT_MS WHAT: in whole milliseconds.
elapsed() {
	local ms=$((($(now_us) - $1) / 1000))
	note "$3: after $ms ms"
	at_most "$ms" "$2"
}
denies() { not tcp "$@"; }

ok "without rules everything comes in: 22" both tcp B 22
ok "23" both tcp B 23
ok "udp" both udp B 23

# --- default deny
mg A service default deny >/dev/null
mg A service allow tcp 22 >/dev/null
begin=$(now_us)
ok "a change is in force" within 2 denies B "$a4" 23
ok "within a second, and the second of the denied attempt" elapsed "$begin" 2200 "denied"
ok "ssh comes in" both tcp B 22
ok "23 does not" neither tcp B 23
ok "nor udp" neither udp B 22
ok "nor ping" not meets4 B A
ok "nor ping by IPv6" not meets6 B A
ok "what this host opens works: tcp" tcp A "$b4" 80
ok "tcp by IPv6" tcp A "$b6" 80
ok "udp" udp A "$b4" 80
ok "udp by IPv6" udp A "$b6" 80
ok "ping" meets A B

# --- rules of one peer
mg A service allow --peer B tcp 5432 >/dev/null
ok "a rule for a peer holds for it" within 2 both tcp B 5432
ok "and for no other" neither tcp C 5432
ok "explain agrees" grep -q "allowed by services/peer/B.policy:1" <(mg A service explain B tcp 5432)
ok "about the other one, too" grep -q "denied by services/default" <(mg A service explain C tcp 5432)

# --- counts
list() { mg A service list; }
ok "list counts what each rule decided" \
	grep -qE "^    1  allow tcp 22  [1-9][0-9]* packets, [1-9][0-9]* flows?$" <(list)
ok "and the default" grep -qE "^default  deny .* [1-9][0-9]* packets, 0 flows$" <(list)
counted() { mg A service list --json | jq -e "$1 | .packets > 0 and .flows >= 0"; }
ok "for programs, too" counted '.rules[] | select(.rule == "allow tcp 22")'
ok "and the default" counted .default
ok "of that interface" not grep -q packets <(mg A service list --interface mg7)

# --- reject
mg A service reject tcp 23 >/dev/null
ok "a rejected connection is refused at once" within 2 both refused B 23

# --- a bad line
printf 'allow tcp 22\nalow tcp 23\n' >"$work/A.d/services/global.policy"
ok "a bad line is told with file and line" \
	within 2 grep -q "services/global.policy:2: a rule begins with" "$work/A.log"
ok "status says it, too" grep -q "global.policy:2: a rule begins with" <(mg A status)
ok "and the rules of before stay in force" both tcp B 22
ok "all of them" both refused B 23
printf 'allow tcp 23\n' >"$work/A.d/services/global.policy"
ok "when it is mended the new ones are" within 2 both tcp B 23
ok "and the old ones are not" neither tcp B 22

# --- a flow that is open is judged again
coproc FLOW { exec nsenter -t "${holder[B]}" -m -n -- nc "$a4" 23; }
read -r -t 5 word <&"${FLOW[0]}"
ok "a connection is open" same "$word" hello
mg A service deny --at 1 tcp 23 >/dev/null
ok "and new ones are denied" within 2 denies B "$a4" 23
echo again >&"${FLOW[1]}"
answered() { read -r -t 2 word <&"${FLOW[0]}" && [ "$word" = again ]; }
ok "the open one is, too" not answered
mg A service delete 1 >/dev/null
ok "until that is taken back" within 10 answered
# shellcheck disable=SC2154 # coproc sets it
kill "$FLOW_PID"

# --- observe
mg A service reset >/dev/null
mg A service allow tcp 22 >/dev/null
mg A service default observe >/dev/null
observes() { mg A status | grep -q "observe by default"; }
ok "observe is in force" within 2 observes
ok "observe lets in" both tcp B 5432
ok "ping as well" meets B A
both tcp B 22
learn() { mg A service learn "$@"; }
line='^meshguard service allow --peer B'
ok "what deny would have denied is learnt" grep -qE "$line tcp 5432  # [0-9]+ times" <(learn)
ok "ping, once" same "$(learn | grep -cE "$line icmp  #")" 1
ok "and not what a rule allows" not grep -q "tcp 22 " <(learn)
ok "programs learn it" mg A service learn --json --since 1m
observed() { mg A service learn --json | jq -c '.observed[] | select(.rule == "tcp 5432") | [.peer, .protocol, .times > 0]'; }
ok "with peer and rule" same "$(observed)" '["B",6,true]'
ok "it was within a minute" same "$(learn --since 1m | wc -l)" "$(learn | wc -l)"
# shellcheck disable=SC2046 # words
learn | grep tcp | sed 's/ *#.*//; s/^meshguard//' | while read -r words; do mg A $words; done >/dev/null
mg A service default deny >/dev/null
ok "when deny is in force" within 3 neither tcp C 5432
ok "the printed commands allow what was learnt" both tcp B 5432

# --- the end
mg A service reset >/dev/null
ok "without rules everything comes in again" within 2 both udp B 5432
ok "ping, too" meets B A

# --- a bad file at the start
stop A
mkdir -m 700 "$work/A.d/services"
echo nonsense >"$work/A.d/services/default"
up A
wait_for 5 "A is back" serves A
ok "it says so" within 2 grep -q "services/default:1: .*nothing new comes in" "$work/A.log"
ok "what it opens works" within 10 meets A B
ok "nothing comes in" neither tcp B 22
rm "$work/A.d/services/default"
ok "until it is mended" within 3 both tcp B 22

stop A B C
done_testing
