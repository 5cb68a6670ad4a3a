#include "linux/priv_policy.h"

#include "linux/priv_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const folders[] = { SERVICES_FOLDER, SERVICES_FOLDER "/peer",
				       SERVICES_FOLDER "/org" };

void policy_feed_open(struct policy_feed *f, struct store *store, struct watch *with,
		      struct instant now)
{
	*f = (struct policy_feed){ 0 };
	watch_open(&f->watch, store, folders, 3, "service rules", with, now);
	f->watch.beside = SERVICES_MARK;
	pending_feed_open(&f->pending, store);
}

void policy_feed_close(struct policy_feed *f)
{
	services_free(&f->services);
	watch_close(&f->watch);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool is_same_list(const struct service_list *a, const struct service_list *b)
{
	return a->origin == b->origin && a->count == b->count && !strcmp(a->name, b->name);
}

static bool is_same(const struct services *a, const struct services *b)
{
	if (strcmp(a->bad, b->bad) != 0)
		return false;
	if (a->bad[0])
		return true;
	if (a->fallback != b->fallback || a->list_count != b->list_count
	    || a->rule_count != b->rule_count)
		return false;
	for (uint32_t i = 0; i < a->list_count; i++)
		if (!is_same_list(&a->lists[i], &b->lists[i]))
			return false;
	for (uint32_t i = 0; i < a->rule_count; i++)
		if (!policy_rule_equal(&a->rules[i], &b->rules[i])
		    || a->rules[i].line != b->rules[i].line)
			return false;
	return true;
}

/* r: what opening the directory gave. */
static int read_rules(struct policy_feed *f, int r, struct services *out)
{
	if (r == 0)
		return services_read(f->watch.store, out);
	*out = (struct services){ 0 };
	snprintf(out->bad, sizeof(out->bad), "%.*s", (int)sizeof(out->bad) - 1,
		 f->watch.store->error);
	return r;
}

static void say_bad(const struct policy_feed *f, int error)
{
	priv_say("%s%s; until that is mended %s", error == -EBADMSG ? SERVICES_FOLDER "/" : "",
		 f->services.bad, f->told ? "the service rules of before stay in force"
		 : "nothing new comes in");
}

void policy_feed_tick(struct policy_feed *f, struct instant now)
{
	struct services read;
	int error;
	bool same;

	if (pending_feed_tick(&f->pending, now))
		f->watch.due = now;
	if (f->phase != FEED_IDLE || !watch_due(&f->watch, now, &error))
		return;
	if (!error)
		pending_feed_look(&f->pending, now);
	error = read_rules(f, error, &read);
	/* A bad line waits for its change; what cannot be read may be mended elsewhere. */
	f->watch.again |= error < 0 && error != -EBADMSG;
	watch_done(&f->watch, now);
	same = f->seen && is_same(&read, &f->services);
	services_free(same ? &read : &f->services);
	if (same)
		return;
	f->services = read;
	f->seen = true;
	if (error)
		say_bad(f, error);
	f->phase = error ? FEED_AT_BAD : FEED_AT_BEGIN;
	f->list = f->rule = 0;
}

/* --- out --------------------------------------------------------------------------------- */

void policy_feed_again(struct policy_feed *f, struct instant now)
{
	f->seen = false;
	watch_reload(&f->watch, now);
}

struct instant policy_feed_deadline(const struct policy_feed *f)
{
	struct instant pending = pending_feed_deadline(&f->pending);

	return f->phase == FEED_IDLE ? instant_min(pending, watch_deadline(&f->watch)) : pending;
}

static uint32_t part_of(const struct policy_feed *f)
{
	uint32_t left = f->services.lists[f->list].count - f->rule;

	return left < PRIV_RULES ? left : PRIV_RULES;
}

static void put_part(const struct policy_feed *f, struct priv_message *m)
{
	const struct service_list *l = &f->services.lists[f->list];
	struct priv_rules part = { .origin = l->origin, .count = part_of(f) };

	memcpy(part.name, l->name, sizeof(l->name));
	part.more = f->rule + part.count < l->count;
	if (part.count)
		memcpy(part.rules, &f->services.rules[l->first + f->rule],
		       part.count * sizeof(*part.rules));
	m->data_len = (uint32_t)(offsetof(struct priv_rules, rules)
				 + part.count * sizeof(*part.rules));
	memcpy(m->data, &part, m->data_len);
}

bool policy_feed_next(const struct policy_feed *f, struct priv_message *m)
{
	switch (f->phase) {
	case FEED_IDLE:
		return pending_feed_next(&f->pending, m);
	case FEED_AT_BEGIN:
		message_init(m, PRIV_POLICY_BEGIN);
		return true;
	case FEED_AT_LISTS:
		message_init(m, PRIV_POLICY_LIST);
		put_part(f, m);
		return true;
	case FEED_AT_END:
		message_init(m, PRIV_POLICY_END);
		m->value = f->services.fallback;
		return true;
	case FEED_AT_BAD:
		message_init(m, PRIV_POLICY_BAD);
		m->data_len = (uint32_t)strlen(f->services.bad) + 1;
		memcpy(m->data, f->services.bad, m->data_len);
		return true;
	}
	return false;
}

void policy_feed_sent(struct policy_feed *f)
{
	if (f->phase == FEED_IDLE) {
		pending_feed_sent(&f->pending);
		return;
	}
	if (f->phase == FEED_AT_END || f->phase == FEED_AT_BAD) {
		f->told |= f->phase == FEED_AT_END;
		f->phase = FEED_IDLE;
		return;
	}
	if (f->phase == FEED_AT_LISTS) {
		f->rule += part_of(f);
		if (f->rule == f->services.lists[f->list].count) {
			f->list++;
			f->rule = 0;
		}
	}
	f->phase = f->list < f->services.list_count ? FEED_AT_LISTS : FEED_AT_END;
}
