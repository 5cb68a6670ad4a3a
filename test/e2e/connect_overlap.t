#!/bin/bash
# connect while a daemon runs two keys: the token is of the old one, which the joiner trusts; he
# hears of the new one, and goes on with it when it is accepted.
# shellcheck source=test/e2e/mesh.sh
. "$(dirname "$0")/mesh.sh"

node A B
lan wire
plug A wire eth0 2.0.0.1/24
plug B wire eth0 2.0.0.2/24
up A
up B
wait_for 30 "A" serves A
wait_for 30 "B" serves B
ok "a rotation begins" exits 0 mg A rotate
has_second() { [ "$(json A '.node.second.key // empty')" != "" ]; }
wait_for 30 "A runs both keys" has_second
(mg A connect --generate --name bob >"$work/A.token" 2>"$work/A.says" </dev/null; echo $? >"$work/A.status") &
wait_for 30 "a token" grep -q mg:// "$work/A.token"
ok "B joins" exits 0 mg B connect --join "$(cat "$work/A.token")" --name alice
ok "A ends well" within 30 grep -qx 0 "$work/A.status"
ok "B trusts the key that A has" same "$(cat "$work/B.d/authorized_keys/alice.pub")" "$(key_of A)"
ok "traffic passes" within 30 meets A B
# The other way round: who runs two keys joins.
mg A revoke bob >/dev/null && mg B revoke alice >/dev/null
(mg B connect --generate --name alice >"$work/B.token" 2>"$work/B.says" </dev/null; echo $? >"$work/B.status") &
wait_for 30 "a token of B" grep -q mg:// "$work/B.token"
ok "A joins" exits 0 mg A connect --join "$(cat "$work/B.token")" --name bob
ok "B ends well" within 30 grep -qx 0 "$work/B.status"
ok "traffic passes again" within 30 meets B A
heard() { mg B config show | grep -q pending; }
ok "B hears of the new key" within 30 heard
done_testing
