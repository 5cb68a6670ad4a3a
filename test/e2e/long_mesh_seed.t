#!/bin/bash
# A seed that comes up a minute after those who ask for it is found.
. "$(dirname "$0")/mesh.sh"

seconds=${SEED_SECONDS:-60}
node A B C
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
up B --seed 10.0.0.1:51821
up C --seed 10.0.0.1:51821
sleep "$seconds"
ok "nobody was found without it" not meets4 B C
begin=$(now_us)
up A
# They ask the less often the longer nobody answers.
ok "the seed is found" within 30 all_meet A B C
note "after $((($(now_us) - begin) / 1000)) ms"
stop A B C
done_testing
