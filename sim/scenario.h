/* scenario.h - short scripts about a world: who is there, what happens, what has to be true.
 *
 * One statement a line; # starts a comment. Times: 200ms, 5s, 2m, 1h, 3d.
 * SET: all, 4, 0-4, 0,3,7-9.
 *
 *   random N                   the seed of the world (before `nodes`; the command line wins)
 *   underlay ipv6              before `nodes`
 *   nodes N                    machines 0..N-1, all off
 *   trust SET SET              the first ones trust the second ones; `trust all`: everybody all
 *   distrust SET SET
 *   seed SET SET               the first ones are given the addresses of the second ones
 *   relay SET                  before anything runs: they relay for others. No address here is
 *                              public, so nobody does so by himself
 *   off SET                    before anything runs: does not start with the others
 *
 *   run T                      let so much pass. The first statement that needs time starts all
 *   at T STATEMENT             at so much since the start
 *   STATEMENT for T            undone after so much
 *
 *   start SET | reboot SET     (reboot: killed if it runs; its boot clock starts anew)
 *   kill SET | leave SET       (leave: says goodbye)
 *   lose SET                   its disk, but for identity and trust
 *   pause SET | suspend SET | resume SET   (pause: its socket keeps what comes)
 *   clock SET +1h | -10d       the wall clock jumps
 *   move SET [silent]          to a new address (silent: nobody tells the node)
 *   cut SET SET | oneway SET SET | heal [SET SET]
 *   loss P | duplicate P | reorder P | corrupt P   [SET SET]   percent
 *   delay T T | mtu N | rate N                     [SET SET]   least, most; bytes; and a second
 *   nat SET BY BY [random | sequential | preserve] [hairpin] [strangers N] [T]
 *                              they move behind one NAT: mapping and filtering by any, address or
 *                              port; ports: preserved where not said; strangers: so many flows a
 *                              second that take the ports in between; T: it forgets a mapping that
 *                              nothing was sent through for so long (2m)
 *   natboot SET                their NAT forgets everything
 *   calm                       all is undone, nothing is cut or bad, nobody pauses
 *   send SET SET               a packet each
 *   mark                       bytes are counted from here
 *
 *   expect [T] SET SET STATE   within T (or now) every running one of the first sees each of the
 *                              others so: alive, suspect, dead, left, unknown, up (alive or
 *                              suspect), gone (dead or left), away (gone or unknown)
 *   expect [T] full            everybody who runs sees everybody who runs alive, where both trust
 *   expect [T] settled         and has his newest record and a path to him, or never asked for one
 *                              (among more than 64), and sees nobody up who is off
 *   expect [T] ping SET SET    a packet gets through from each to each (sent twice a second)
 *   expect [T] mtu SET SET N   each has measured that packets of N bytes pass to each, and that
 *                              no longer ones do (packets are sent twice a second)
 *   expect [T] tunnels         the same between all that run and trust each other
 *   expect [T] direct SET SET  each of the first has a path to each of the second, without a relay
 *   expect [T] relayed SET SET and by a relay
 *   expect [T] via SET SET SET and by one of the third ones as a relay
 *   never T direct SET SET     and so on
 *   never T SET SET STATE      during so much time nobody of the first sees any of the others so
 *   never T ping SET SET       no packet gets through
 *   expect no false death | expect no death
 *   expect keepalive SET T     so often they keep their paths; 0s: they need not
 *   expect bytes below N       a second and running machine since `mark`, at IP level
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "sim/world.h"

struct scenario_options {
	const char *name;            /* in messages */
	bool has_seed;
	uint64_t seed;
	FILE *tap;                   /* NULL: none */
	FILE *lines;                 /* trace; NULL: none */
	bool datagrams;              /* in the trace */
};

struct scenario_result {
	unsigned expects, failures, violations;
	char first[320];             /* what failed first; empty: nothing */
	uint64_t seed, hash, events;
	uint64_t virtual_ms;
	uint64_t slowest_ms;         /* what an expectation waited */
	double bytes;                /* a second and machine, over all */
	uint64_t leaks;              /* of world.h */
};

/* True if all held. Errors in the script count as failures. */
bool scenario_run(const char *text, const struct scenario_options *o, struct scenario_result *out);

#endif
