#!/bin/bash
# Names of the mesh handed to the host: a marked block in /etc/hosts, and systemd-resolved over D-Bus.
. "$(dirname "$0")/mesh.sh"

node A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
trust_each_other A B
# own_etc HOST: an /etc of its own, whose files can be replaced.
own_etc() { mkdir "/run/$1.etc" && cp -a /etc/. "/run/$1.etc/" && on "$1" mount --bind "/run/$1.etc" /etc; }
own_etc A
own_etc B
hosts=/run/A.etc/hosts
printf '127.0.0.1 localhost\n# meshguard is mentioned here\n192.0.2.1 printer' >"$hosts"
chmod 640 "$hosts"
chown 0:12 "$hosts"
cp -a "$hosts" "$work/hosts.before"
block() { sed -n '/^# meshguard mg0: begin/,/^# meshguard mg0: end/p' "$hosts" | grep -v '^#'; }
has_block() { same "$(block)" "$1"; }
# What is not in the block; the last line has an end now.
others() { sed '/^# meshguard mg0: begin/,/^# meshguard mg0: end/d' "$hosts"; }
untouched() { same "$(others)" "$(cat "$work/hosts.before")" && same "$(stat -c '%a %u:%g' "$hosts")" "640 0:12"; }
both="$(mesh4 B) B.mesh
$(mesh6 B) B.mesh"

up A
wait_for 5 "A" serves A
ok "without --hosts the file stays as it is" cmp "$hosts" "$work/hosts.before"
stop A
up A --hosts
ok "--hosts: a block with the peers" within 5 has_block "$both"
ok "other lines stay, and so do owner and mode" untouched
ok "the system resolves it" eval 'on A getent hosts B.mesh | grep -q "$(mesh6 B)"'
inode=$(stat -c %i "$hosts")
mg A revoke B >/dev/null
ok "a peer that goes leaves the file" within 3 has_block ""
trusts A B
ok "and comes back" within 3 has_block "$both"
ok "the file is replaced, not written over" not same "$(stat -c %i "$hosts")" "$inode"
ok "nothing is left beside it" same "$(compgen -G "$hosts.*")" ""
echo '192.0.2.2 added-meanwhile' >>"$hosts"
mg A revoke B >/dev/null
within 3 has_block "" >/dev/null
ok "lines that others added meanwhile stay" grep -q '^192.0.2.2 added-meanwhile$' "$hosts"
trusts A B
within 3 has_block "$both" >/dev/null
mg A down >/dev/null
ended A
ok "down takes the block away" not grep -q "meshguard mg0" "$hosts"
ok "and nothing else" same "$(cat "$hosts")" "$(cat "$work/hosts.before")
192.0.2.2 added-meanwhile"
head -n -1 "$hosts" >"$work/hosts.copy"
cat "$work/hosts.copy" >"$hosts"

up A --hosts
within 5 has_block "$both" >/dev/null
killed A
ok "a daemon that was killed leaves it" has_block "$both"
mg A down >/dev/null 2>&1
ok "down removes it then" not grep -q "meshguard mg0" "$hosts"
up A --hosts
within 5 has_block "$both" >/dev/null
killed A
up A
ok "and so does the next start" within 5 eval '! grep -q "meshguard mg0" "$hosts"'
stop A
echo "# meshguard mg0: begin" >>"$hosts"
up A --hosts
ok "a block without an end is not touched, and told" within 5 grep -q "begins and does not end" "$work/A.log"
ok "not a line is lost" same "$(tail -n 1 "$hosts")" "# meshguard mg0: begin"
stop A
cat "$work/hosts.copy" >"$hosts"

# Containers have it mounted: it cannot be replaced, and is written in place.
cp "$hosts" /run/mounted
on A mount --bind /run/mounted /etc/hosts
hosts=/run/mounted
up A --hosts
ok "a file that is a mount is written in place" within 5 has_block "$both"
stop A
ok "and cleaned" not grep -q meshguard\ mg0 "$hosts"
on A umount /etc/hosts

# --- systemd-resolved
mkdir -p /run/dbus
cat >/run/dbus.conf <<'END'
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
    <allow send_type="signal"/><allow send_type="method_return"/><allow send_type="error"/><allow receive_type="method_call"/>
    <allow receive_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/></policy>
</busconfig>
END
chmod 755 /run/dbus
up B
ok "without a bus nothing is said" within 5 serves B
stop B
(exec dbus-daemon --config-file=/run/dbus.conf --nofork --nopidfile) >"$work/dbus.log" 2>&1 &
wait_for 5 "a system bus" test -S /run/dbus/system_bus_socket
up B
ok "without resolved on it, neither" within 5 serves B
stop B
(exec /usr/bin/python3 "$root/test/e2e/resolve1.py") >"$work/resolved.out" 2>"$work/resolved.log" &
resolved=$!
wait_for 10 "resolved" grep -q ready "$work/resolved.out"
resolv=$(cat /run/B.etc/resolv.conf)
up B
told() { grep -qxF "$1" "$work/resolved.out"; }
link_of() { on B cat /sys/class/net/mg0/ifindex 2>/dev/null || on B ip -o link show mg0 | cut -d: -f1; }
wait_for 5 "B" serves B
link=$(on B ip -o link show mg0 | cut -d: -f1)
ok "resolved hears of the server" within 5 told "dns $link $(mesh4 B) $(mesh6 B)"
ok "of the zones, and of no others" within 5 told "domains $link ~mesh ~0.0.0.0.0.0.0.0.7.6.d.6.9.9.d.f.ip6.arpa ~99.10.in-addr.arpa"
ok "that it is no server for all else" within 5 told "default $link False"
ok "and that nothing is signed" within 5 told "dnssec $link no"
ok "resolv.conf stays as it is" same "$(cat /run/B.etc/resolv.conf)" "$resolv"
ok "nothing is complained about" same "$(grep -c resolved "$work/B.log")" 0
ok "the process that told it is gone" within 10 eval 'same "$(child_of B | wc -l)" 1'
stop B
kill "$resolved"
wait "$resolved"
# One that never answers holds nobody.
(exec /usr/bin/python3 "$root/test/e2e/resolve1.py" hang) >"$work/hang.out" 2>"$work/resolved.log" &
wait_for 10 "one that hangs" grep -q ready "$work/hang.out"
up B
ok "a resolved that hangs holds up nothing" within 2 serves B
ok "it is told" within 15 grep -q "systemd-resolved does not take names" "$work/B.log"
ok "and no process is left" within 15 eval 'same "$(child_of B | wc -l)" 1'
stop B
done_testing
