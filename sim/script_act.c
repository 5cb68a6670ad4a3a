/* The statements that change the world. */
#include "sim/script.h"

#include <stdlib.h>
#include <string.h>

struct act {
	const char *verb;
	unsigned least, most;        /* words after the verb */
	bool (*run)(struct script *s, const struct words *w);
};

static bool pairs(struct script *s, const struct words *w, unsigned first,
		  void (*one)(struct script *s, uint32_t a, uint32_t b))
{
	const char *from = w->count > first ? w->word[first] : "all";
	const char *to = w->count > first + 1 ? w->word[first + 1] : "all";

	if (!script_set(s, from, s->a) || !script_set(s, to, s->b))
		return false;
	for (uint32_t a = 0; a < s->world.n; a++)
		for (uint32_t b = 0; s->a[a] && b < s->world.n; b++)
			if (s->b[b] && a != b)
				one(s, a, b);
	return true;
}

static bool each(struct script *s, const struct words *w, void (*one)(struct script *s, uint32_t i))
{
	if (!script_set(s, w->word[1], s->a))
		return false;
	for (uint32_t i = 0; i < s->world.n; i++)
		if (s->a[i])
			one(s, i);
	return true;
}

/* --- trust and seeds */

static void trust_one(struct script *s, uint32_t a, uint32_t b)
{
	world_trust(&s->world, a, b, true);
}

static void distrust_one(struct script *s, uint32_t a, uint32_t b)
{
	world_trust(&s->world, a, b, false);
}

static bool tell_all(struct script *s, bool done)
{
	for (uint32_t i = 0; done && i < s->world.n; i++)
		if (s->a[i])
			world_tell_trust(&s->world, i);
	return done;
}

static bool act_trust(struct script *s, const struct words *w)
{
	return tell_all(s, pairs(s, w, 1, trust_one));
}

static bool act_distrust(struct script *s, const struct words *w)
{
	return tell_all(s, pairs(s, w, 1, distrust_one));
}

static void seed_one(struct script *s, uint32_t a, uint32_t b)
{
	world_seed(&s->world, a, b);
}

static bool act_seed(struct script *s, const struct words *w)
{
	return pairs(s, w, 1, seed_one);
}

/* --- machines */

static void off_one(struct script *s, uint32_t i)
{
	s->stays_off[i] = true;
	world_off(&s->world, i);
}

static void start_one(struct script *s, uint32_t i)
{
	world_on(&s->world, i, false);
}

static void reboot_one(struct script *s, uint32_t i)
{
	world_off(&s->world, i);
	world_on(&s->world, i, true);
}

static void leave_one(struct script *s, uint32_t i)
{
	world_leave(&s->world, i);
}

static void lose_one(struct script *s, uint32_t i)
{
	world_lose_disk(&s->world, i);
}

static void pause_one(struct script *s, uint32_t i)
{
	world_pause(&s->world, i, true);
}

static void suspend_one(struct script *s, uint32_t i)
{
	world_pause(&s->world, i, false);
}

static void resume_one(struct script *s, uint32_t i)
{
	world_resume(&s->world, i);
}

static void move_one(struct script *s, uint32_t i)
{
	world_move(&s->world, i, true);
}

static void slip_one(struct script *s, uint32_t i)
{
	world_move(&s->world, i, false);
}

static void relays_one(struct script *s, uint32_t i)
{
	s->world.hosts[i].relays = true;
}

static bool act_relay(struct script *s, const struct words *w)
{
	return !s->started ? each(s, w, relays_one) : script_error(s, "they run already");
}

static bool act_off(struct script *s, const struct words *w)
{
	return each(s, w, off_one);
}

static bool act_start(struct script *s, const struct words *w)
{
	return each(s, w, start_one);
}

static bool act_reboot(struct script *s, const struct words *w)
{
	return each(s, w, reboot_one);
}

static bool act_leave(struct script *s, const struct words *w)
{
	return each(s, w, leave_one);
}

static bool act_lose(struct script *s, const struct words *w)
{
	return each(s, w, lose_one);
}

static bool act_pause(struct script *s, const struct words *w)
{
	return each(s, w, pause_one);
}

static bool act_suspend(struct script *s, const struct words *w)
{
	return each(s, w, suspend_one);
}

static bool act_resume(struct script *s, const struct words *w)
{
	return each(s, w, resume_one);
}

static bool act_move(struct script *s, const struct words *w)
{
	if (w->count > 2 && strcmp(w->word[2], "silent"))
		return script_error(s, "move SET [silent]");
	return each(s, w, w->count > 2 ? slip_one : move_one);
}

static bool act_clock(struct script *s, const struct words *w)
{
	char sign = w->word[2][0];
	struct span by;

	if (sign != '+' && sign != '-')
		return script_error(s, "a clock jumps by +T or -T");
	if (!script_span(s, w->word[2] + 1, &by) || !script_set(s, w->word[1], s->a))
		return false;
	for (uint32_t i = 0; i < s->world.n; i++)
		if (s->a[i])
			world_clock(&s->world, i, (int64_t)span_in_ms(by) * (sign == '-' ? -1 : 1));
	return true;
}

/* --- the network */

static void cut_one(struct script *s, uint32_t a, uint32_t b)
{
	world_cut(&s->world, a, b, true);
	world_cut(&s->world, b, a, true);
}

static void oneway_one(struct script *s, uint32_t a, uint32_t b)
{
	world_cut(&s->world, a, b, true);
}

static void heal_one(struct script *s, uint32_t a, uint32_t b)
{
	world_cut(&s->world, a, b, false);
	world_cut(&s->world, b, a, false);
	s->world.directions[(size_t)a * s->world.n + b].own = false;
	s->world.directions[(size_t)b * s->world.n + a].own = false;
}

static bool act_cut(struct script *s, const struct words *w)
{
	return pairs(s, w, 1, cut_one);
}

static bool act_oneway(struct script *s, const struct words *w)
{
	return pairs(s, w, 1, oneway_one);
}

static bool act_heal(struct script *s, const struct words *w)
{
	if (w->count > 1)
		return pairs(s, w, 1, heal_one);
	world_heal(&s->world);
	return true;
}

static bool set_quality(struct script *s, const struct words *w, struct link_quality *q)
{
	const char *verb = w->word[0];
	uint64_t n = 0;

	if (!strcmp(verb, "loss"))
		return script_percent(s, w->word[1], &q->loss);
	if (!strcmp(verb, "duplicate"))
		return script_percent(s, w->word[1], &q->duplicate);
	if (!strcmp(verb, "reorder"))
		return script_percent(s, w->word[1], &q->reorder);
	if (!strcmp(verb, "corrupt"))
		return script_percent(s, w->word[1], &q->corrupt);
	if (!strcmp(verb, "delay")) {
		struct span most;

		if (!script_span(s, w->word[1], &q->delay) || !script_span(s, w->word[2], &most))
			return false;
		q->jitter.ns = most.ns > q->delay.ns ? most.ns - q->delay.ns : 0;
		return true;
	}
	if (!script_number(s, w->word[1], &n))
		return false;
	if (!strcmp(verb, "mtu"))
		q->mtu = (uint32_t)n;
	else
		q->rate = n;
	return true;
}

static bool act_quality(struct script *s, const struct words *w)
{
	unsigned first = strcmp(w->word[0], "delay") ? 2 : 3;

	if (w->count == first)
		return set_quality(s, w, &s->world.quality);
	if (w->count != first + 2)
		return script_error(s, "no set, or two of them");
	if (!script_set(s, w->word[first], s->a) || !script_set(s, w->word[first + 1], s->b))
		return false;
	for (uint32_t a = 0; a < s->world.n; a++)
		for (uint32_t b = 0; s->a[a] && b < s->world.n; b++)
			if (s->b[b] && a != b && !set_quality(s, w, world_quality(&s->world, a, b)))
				return false;
	return true;
}

static bool nat_by(struct script *s, const char *word, enum nat_by *out)
{
	static const char *const words[] = { "any", "address", "port" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(words[i], word)) {
			*out = (enum nat_by)i;
			return true;
		}
	return script_error(s, "any, address or port: %s", word);
}

static bool act_nat(struct script *s, const struct words *w)
{
	static const char *const words[] = { "random", "sequential", "preserve" };
	struct nat_config c = { .ports = NAT_PORTS_PRESERVE };

	if (!script_set(s, w->word[1], s->a) || !nat_by(s, w->word[2], &c.mapping) ||
	    !nat_by(s, w->word[3], &c.filtering))
		return false;
	for (unsigned i = 4; i < w->count; i++) {
		bool known = !strcmp(w->word[i], "hairpin");
		uint64_t number;

		c.hairpin |= known;
		if (!strcmp(w->word[i], "strangers") && i + 1 < w->count) {
			if (!script_number(s, w->word[++i], &number))
				return false;
			c.strangers = (uint32_t)number;
			known = true;
		}
		for (int k = 0; k < 3; k++)
			if (!strcmp(words[k], w->word[i])) {
				c.ports = (enum nat_ports)k;
				known = true;
			}
		if (!known && w->word[i][0] >= '0' && w->word[i][0] <= '9')
			known = script_span(s, w->word[i], &c.timeout);
		if (!known)
			return script_error(s, "hairpin, strangers N, a time or a choice of ports: "
					    "%s", w->word[i]);
	}
	world_nat(&s->world, s->a, &c);
	return true;
}

static void forget_one(struct script *s, uint32_t i)
{
	world_nat_reboot(&s->world, i);
}

static bool act_natboot(struct script *s, const struct words *w)
{
	return each(s, w, forget_one);
}

static bool act_calm(struct script *s, const struct words *w)
{
	struct link_quality *q = &s->world.quality;

	(void)w;
	script_undo(s, INSTANT_NEVER);
	world_heal(&s->world);
	*q = (struct link_quality){ .delay = { 200000 }, .jitter = { 800000 } };
	for (uint32_t i = 0; i < s->world.n; i++)
		world_resume(&s->world, i);
	return true;
}

/* --- traffic */

static void send_one(struct script *s, uint32_t a, uint32_t b)
{
	if (world_runs(&s->world, a))
		world_ping(&s->world, a, b, true);
}

static bool act_send(struct script *s, const struct words *w)
{
	return pairs(s, w, 1, send_one);
}

static bool act_mark(struct script *s, const struct words *w)
{
	(void)w;
	s->marked = s->world.now;
	s->marked_bytes = 0;
	for (uint32_t i = 0; i < s->world.n; i++)
		s->marked_bytes += s->world.hosts[i].sent_bytes;
	return true;
}

static const struct act acts[] = {
	{ "trust", 1, 2, act_trust }, { "distrust", 2, 2, act_distrust },
	{ "seed", 2, 2, act_seed },
	{ "relay", 1, 1, act_relay },
	{ "off", 1, 1, act_off }, { "kill", 1, 1, act_off }, { "start", 1, 1, act_start },
	{ "reboot", 1, 1, act_reboot }, { "leave", 1, 1, act_leave }, { "lose", 1, 1, act_lose },
	{ "pause", 1, 1, act_pause }, { "suspend", 1, 1, act_suspend },
	{ "resume", 1, 1, act_resume }, { "move", 1, 2, act_move }, { "clock", 2, 2, act_clock },
	{ "cut", 2, 2, act_cut }, { "oneway", 2, 2, act_oneway }, { "heal", 0, 2, act_heal },
	{ "loss", 1, 3, act_quality }, { "duplicate", 1, 3, act_quality },
	{ "reorder", 1, 3, act_quality }, { "corrupt", 1, 3, act_quality },
	{ "delay", 2, 4, act_quality }, { "mtu", 1, 3, act_quality }, { "rate", 1, 3, act_quality },
	{ "calm", 0, 0, act_calm }, { "send", 2, 2, act_send }, { "mark", 0, 0, act_mark },
	{ "nat", 3, 8, act_nat }, { "natboot", 1, 1, act_natboot },
};

bool script_act(struct script *s, const struct words *w)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		const struct act *a = &acts[i];

		if (strcmp(a->verb, w->word[0]))
			continue;
		if (!s->made)
			return script_error(s, "there are no nodes yet");
		if (w->count - 1 < a->least || w->count - 1 > a->most)
			return script_error(s, "`%s` takes %u to %u words", a->verb, a->least,
					    a->most);
		return a->run(s, w);
	}
	return script_error(s, "no such statement: %s", w->word[0]);
}
