/* service_pending.c - changes that are rolled back unless they are confirmed.
 *
 * The daemon rolls back, for it alone is sure to live on when this command, its shell and the
 * connection are gone. So without a daemon that says that it will, nothing is changed.
 */
#include "cli/service.h"

#include "base/text.h"
#include "cli/daemon.h"
#include "cli/format.h"
#include "linux/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAEMON_SECONDS 5
#define ASK_EVERY_MS 25

/* --- how long */

static bool parse_within(const char *text, uint64_t *out)
{
	size_t len = strlen(text);
	uint64_t unit = len < 2 ? 0 : text[len - 1] == 's' ? 1 : text[len - 1] == 'm' ? 60
			: text[len - 1] == 'h' ? 3600 : 0;

	if (!unit || !parse_u64(text, len - 1, PENDING_MAX_S, out))
		return false;
	*out *= unit;
	return *out >= PENDING_MIN_S && *out <= PENDING_MAX_S;
}

/* "14:05:10 (in 42s)" */
#define DEADLINE_TEXT 64u
static void format_deadline(const struct services_pending *p, char out[static DEADLINE_TEXT])
{
	const struct moment now = clock_now();
	uint64_t left = span_in_ms(services_pending_left(p, now)) + 999;
	time_t at = (time_t)(now.wall.s + left / 1000);
	char clock[16] = "", in[FORMAT_TEXT];
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	format_age(in, left / 1000);
	snprintf(out, DEADLINE_TEXT, "%s (in %s)", clock, in);
}

static bool is_over(const struct services_pending *p)
{
	return services_pending_left(p, clock_now()).ns == 0;
}

/* --- the daemon */

/* Tells of the daemon of this directory. EXIT_DONE, or why it is none, after a line. */
static enum exit_code ask_daemon(struct store *s, const char *interface, struct report_node *out)
{
	static struct control_client client;
	static struct answer answer;
	int r = control_connect(&client, interface);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return fail(EXIT_NOT_RUNNING, "nobody would roll the change back: meshguard is not "
			    "running on %s; start it with meshguard up, or leave --confirm-within "
			    "away", interface);
	if (r < 0)
		return no_daemon(interface, r);
	r = control_ask(&client, REQUEST_COUNTERS);
	if (r >= 0)
		r = control_next(&client, &answer);
	control_close(&client);
	if (r < 0)
		return lost_daemon(interface, r);
	if (answer.kind == ANSWER_ERROR)
		return refused_by_daemon(interface, answer.problem);
	if (answer.kind != ANSWER_NODE)
		return lost_daemon(interface, -EPROTO);
	if (!is_directory_of(s, answer.about.directory))
		return fail(EXIT_REFUSED, "nobody would roll the change back: the daemon on %s has "
			    "the directory %s, and this is %s", interface, answer.about.directory,
			    s->path);
	*out = answer.node;
	return EXIT_DONE;
}

/* Until the daemon has seen the mark and says that it will act at that time. */
static enum exit_code wait_for_daemon(struct store *s, const char *interface,
				      const struct services_pending *p)
{
	const struct instant until = { p->until_boot_ms * 1000000u };
	const struct instant end = instant_add(clock_now().boot, span_s(DAEMON_SECONDS));
	static struct report_node node;
	enum exit_code code;

	do {
		poll(NULL, 0, ASK_EVERY_MS);
		code = ask_daemon(s, interface, &node);
		/* It tells whole milliseconds, and they have passed since. */
		if (code != EXIT_DONE
		    || (instant_before(node.services_until, instant_add(until, span_ms(500)))
			&& instant_before(until, instant_add(node.services_until, span_ms(500)))))
			return code;
	} while (!instant_reached(end, clock_now().boot));
	return fail(EXIT_FAILED, "nothing was changed: the daemon on %s does not say that it will "
		    "roll back; is it of an older version? start it anew", interface);
}

/* --- a change */

static enum exit_code begin_waiting(struct store *s, const struct arguments *a, struct change *c)
{
	const char *text = option_text(a, "confirm-within", NULL), *interface;
	static struct report_node node;
	enum exit_code code;
	uint64_t within;
	int r;

	if (!parse_within(text, &within))
		return fail(EXIT_USAGE, "--confirm-within %.40s: 10s to 1h, as in 60s, 5m or 1h",
			    text);
	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	code = ask_daemon(s, interface, &node);
	if (code != EXIT_DONE)
		return code;
	c->fresh = !c->waits;
	r = services_pending_begin(s, within, clock_now(), &c->mark);
	if (r < 0)
		return fail(r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED, "%s", s->error);
	c->waits = true;
	return wait_for_daemon(s, interface, &c->mark);
}

enum exit_code change_begin(struct store *s, const struct arguments *a, struct change *c)
{
	int r;

	*c = (struct change){ .lock = -1, .asked = has_option(a, "confirm-within") };
	if (s->dir >= 0)
		c->lock = services_lock(s, true);
	if (s->dir >= 0 && c->lock < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	r = services_pending_read(s, &c->mark);
	if (r > 0 && is_over(&c->mark)) {
		r = services_pending_undo(s);
		if (r > 0)
			note(c->mark.damaged ? SERVICES_MARK " was damaged: the rules of before "
			     "are back" : "the change before was not confirmed in time; it is "
			     "rolled back");
		r = r > 0 ? 0 : r;
	}
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	c->waits = r > 0;
	return c->asked ? begin_waiting(s, a, c) : EXIT_DONE;
}

enum exit_code change_is_covered(struct store *s, const struct arguments *a)
{
	struct services_pending p;

	if (!has_option(a, "confirm-within") || (services_pending_read(s, &p) > 0 && !is_over(&p)))
		return EXIT_DONE;
	return fail(EXIT_TIMED_OUT, "nothing was changed: the time for the confirmation was over "
		    "before");
}

enum exit_code change_end(struct store *s, struct change *c, enum exit_code code)
{
	char deadline[DEADLINE_TEXT];

	/* Nothing was changed, so there is nothing to be rolled back. */
	if (code != EXIT_DONE && c->fresh && c->waits && services_pending_confirm(s) < 0)
		note("%s", s->error);
	if (code == EXIT_DONE && c->waits) {
		format_deadline(&c->mark, deadline);
		if (c->asked)
			printf("rolled back at %s unless: meshguard service confirm\n", deadline);
		else
			note("a change before waits for its confirmation: this one is rolled back "
			     "with it at %s unless: meshguard service confirm", deadline);
	}
	if (c->lock >= 0)
		close(c->lock);
	return code;
}

/* --- confirming, and telling */

enum exit_code service_confirm(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count)
{
	struct services_pending p;
	int lock = -1, r;

	(void)a;
	(void)words;
	(void)count;
	if (s->dir >= 0)
		lock = services_lock(s, true);
	if (s->dir >= 0 && lock < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	r = services_pending_read(s, &p);
	if (r > 0 && is_over(&p)) {
		r = services_pending_undo(s);
		if (r < 0)
			return fail(EXIT_FAILED, "%s", s->error);
		r = 0;
	}
	if (r == 0 && services_pending_was_late(s))
		return fail(EXIT_TIMED_OUT, "too late: the change is rolled back");
	if (r == 0)
		return fail(EXIT_FAILED, "no change of the service rules waits for a confirmation");
	if (r > 0)
		r = services_pending_confirm(s);
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	close(lock);
	puts("confirmed: the service rules stay as they are");
	return EXIT_DONE;
}

void service_pending_print(struct store *s)
{
	char deadline[DEADLINE_TEXT];
	struct services_pending p;
	int r = services_pending_read(s, &p);

	if (r < 0)
		note("%s", s->error);
	if (r <= 0)
		return;
	format_deadline(&p, deadline);
	if (p.damaged)
		puts(SERVICES_MARK " is damaged; the rules of before come back when a daemon runs");
	else if (is_over(&p))
		puts("a change was not confirmed in time; it is rolled back when a daemon runs");
	else
		printf("a change waits for its confirmation; it is rolled back at %s unless: "
		       "meshguard service confirm\n", deadline);
}
