#!/bin/bash
# The tour of the README as an ordinary user with sudo: keygen and trust as the user, up by sudo.
. "$(dirname "$0")/mesh.sh"

# A user for each host, who exists in this world only: copies of the files are mounted over them.
install -d -m 755 /run/etc /run/bin /run/home
cp "$MESHGUARD" /run/bin/meshguard
chmod 755 /run/bin/meshguard
cp /etc/passwd /etc/group /etc/shadow /run/etc/
{
	echo "mg-alice:x:47111:47111::/run/home/alice:/bin/bash"
	echo "mg-bob:x:47112:47112::/run/home/bob:/bin/bash"
} >>/run/etc/passwd
printf '%s\n' "mg-alice:x:47111:" "mg-bob:x:47112:" >>/run/etc/group
printf '%s\n' "mg-alice:*:19000:0:99999:7:::" "mg-bob:*:19000:0:99999:7:::" >>/run/etc/shadow
chmod 644 /run/etc/passwd /run/etc/group
for f in passwd group shadow; do
	mount --bind "/run/etc/$f" "/etc/$f"
done
install -d -m 750 -o 47111 -g 47111 /run/home/alice
install -d -m 750 -o 47112 -g 47112 /run/home/bob
mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
printf '%s\n' 'Defaults secure_path=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin' 'mg-alice ALL=(ALL) NOPASSWD: ALL' 'mg-bob ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/tour
chmod 440 /etc/sudoers.d/tour

host alice bob
# Root has a home of its own there, without an identity.
mkdir -m 700 /run/root
for n in alice bob; do
	on $n mount --bind /run/root /root
done
lan wire
plug alice wire eth0 10.0.0.1/24
plug bob wire eth0 10.0.0.2/24
# as NAME WORDS: a shell line of that user on his host; bare environment, as after login.
as() { on "$1" runuser -u "mg-$1" -- env -i "HOME=/run/home/$1" "USER=mg-$1" "LOGNAME=mg-$1" \
	PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd && $2"; }
ok "sudo works for the user" same "$(as alice 'sudo id -u')" 0

for n in alice bob; do
	ok "$n: keygen as a user" as $n 'meshguard keygen'
	ok "$n: it is kept in the home" as $n 'test -s .config/meshguard/identity.key'
	ok "$n: for its owner alone" same "$(as $n 'stat -c "%a %U" .config/meshguard/identity.key')" "600 mg-$n"
	as $n 'meshguard export' >"/run/home/$n.pub"
	chmod 644 "/run/home/$n.pub"
done
ok "alice trusts bob" as alice 'meshguard trust /run/home/bob.pub --name bob'
ok "bob trusts alice" as bob 'meshguard trust /run/home/alice.pub --name alice'
ok "up without sudo: 1" eval 'as alice "meshguard up" 2>/run/said; same $? 1'
ok "it says that sudo is needed" grep -q sudo /run/said

as alice 'sudo meshguard up --detach' >/run/said 2>&1
ok "sudo meshguard up, on alice" same $? 0
ok "it says whose directory it uses" grep -q /run/home/alice/.config/meshguard /run/said
as bob 'sudo meshguard up --seed 10.0.0.1:51821 --detach' >/run/said 2>&1
ok "with a seed, on bob" same $? 0
address() { as "$1" "meshguard status --json" | jq -r ".node.$2"; }
alice4=$(address alice ipv4)
bob6=$(address bob ipv6)
pings() { as "$1" "ping -n -q -c 1 -W 1 -w 1 $2"; }
ok "bob pings alice" within 5 pings bob "$alice4"
ok "alice pings bob" within 5 pings alice "$bob6"
ok "status without sudo, for the owner" eval 'as alice "meshguard status" | grep -q "^bob .* alive"'
ok "nothing in the home belongs to root" same "$(find /run/home/alice /run/home/bob -user root)" ""
ok "the network process is the user's" same \
	"$(on alice ps -eo user:20=,args= | grep -c '^mg-alice .*meshguard up')" 1
as alice 'meshguard revoke bob' >/dev/null
ok "revoke as a user acts within a second" within 1 eval '[ "$(as alice "meshguard status --json" | jq .node.trusted)" = 0 ]'
ok "bob gets no answer" not pings bob "$alice4"
ok "bob may not ask alice's daemon: 4" eval 'on alice runuser -u mg-bob -- /run/bin/meshguard status; same $? 4'
ok "down" as bob 'sudo meshguard down'
ok "down without sudo, for the owner" as alice 'meshguard down'
ok "down again: 3" eval 'as alice "meshguard down"; same $? 3'
done_testing
