#include "linux/priv_pending.h"

#include "linux/loop.h"
#include "linux/priv_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_MS 1000
/* A command that is under way has the lock. One that was stopped while it had it, by a terminal
 * that takes nothing any more, must not keep its own change in force. */
#define LOCK_AGAIN_MS 50
#define LOCK_PATIENCE_S 2

void pending_feed_open(struct pending_feed *f, struct store *store)
{
	*f = (struct pending_feed){ .store = store, .until = INSTANT_NEVER,
				    .next = INSTANT_NEVER };
}

/* Once for each failure. */
static void say(struct pending_feed *f)
{
	if (!strncmp(f->said, f->store->error, sizeof(f->said) - 1))
		return;
	snprintf(f->said, sizeof(f->said), "%.*s", (int)sizeof(f->said) - 1, f->store->error);
	priv_say("%s", f->said);
}

static void set_until(struct pending_feed *f, struct instant until)
{
	f->tell |= f->until.ns != until.ns;
	f->until = f->next = until;
}

/* A wait that began before a reboot is counted by the wall clock, which may be set meanwhile: it
 * becomes shorter by that, never longer. */
static struct instant until_of(const struct pending_feed *f, const struct services_pending *p,
			       struct instant now)
{
	const struct moment moment = { now, clock_now().wall };
	const struct instant until = instant_add(now, services_pending_left(p, moment));
	bool same = !strcmp(p->id, f->mark.id) && p->until_s == f->mark.until_s
		    && p->until_boot_ms == f->mark.until_boot_ms;

	if (p->damaged && !strcmp(p->id, f->mark.id) && !p->is_back)
		return f->until; /* as it was known before */

	return same ? instant_min(until, f->until) : until;
}

static bool undo(struct pending_feed *f, struct instant now)
{
	int lock = services_lock(f->store, false);
	int r;

	if (lock == -EAGAIN
	    && instant_before(now, instant_add(f->until, span_s(LOCK_PATIENCE_S)))) {
		f->next = instant_add(now, span_ms(LOCK_AGAIN_MS));
		return false;
	}
	r = services_pending_undo(f->store);
	if (lock >= 0)
		close(lock);
	if (r < 0) {
		say(f);
		f->next = instant_add(now, span_ms(AGAIN_MS));
		return false;
	}
	if (r > 0) {
		priv_say(f->mark.damaged ? SERVICES_MARK " was damaged, and with it the time until "
			 "which a change of the service rules waited: those of before are back"
			 : "a change of the service rules was not confirmed in time: those of "
			 "before are back");
		f->undone = f->tell = true;
	}
	set_until(f, INSTANT_NEVER);
	return r > 0;
}

/* True: the rules are others now. */
static bool look(struct pending_feed *f, struct instant now)
{
	struct services_pending mark;
	struct instant until;
	int r = services_pending_read(f->store, &mark);

	if (r < 0) {
		say(f);
		/* A mark without its copy waits for its change; else it may be mended. */
		if (r != -EBADMSG)
			f->next = instant_add(now, span_ms(AGAIN_MS));
		return false;
	}
	until = r ? until_of(f, &mark, now) : INSTANT_NEVER;
	set_until(f, until);
	f->mark = mark;
	return instant_reached(until, now) && undo(f, now);
}

void pending_feed_look(struct pending_feed *f, struct instant now)
{
	(void)look(f, now);
}

bool pending_feed_tick(struct pending_feed *f, struct instant now)
{
	if (!instant_reached(f->next, now))
		return false;
	f->next = INSTANT_NEVER;
	if (store_refresh(f->store) < 0) {
		say(f);
		f->next = instant_add(now, span_ms(AGAIN_MS));
		return false;
	}
	return look(f, now);
}

struct instant pending_feed_deadline(const struct pending_feed *f)
{
	return f->next;
}

bool pending_feed_next(const struct pending_feed *f, struct priv_message *m)
{
	if (!f->tell)
		return false;
	message_init(m, PRIV_POLICY_PENDING);
	m->flag = f->undone;
	m->data_len = sizeof(f->until);
	memcpy(m->data, &f->until, sizeof(f->until));
	return true;
}

void pending_feed_sent(struct pending_feed *f)
{
	f->tell = f->undone = false;
}
