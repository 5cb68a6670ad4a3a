/* What the node wishes to keep, on its way to a parent that answers as the test wants. */
#include "tap.h"

#include "linux/priv_inside.h"
#include "linux/saver.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct priv_child child;
static struct node_actions actions;
static struct saver saver;
static struct priv_message asked; /* the last request */
static struct instant now;
static int parent;                /* its end of the requests */
static FILE *words;               /* what was said on standard error */
static int quiet;                 /* what it was */

static void fresh(void)
{
	int ends[2];

	ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	child = (struct priv_child){ .requests = ends[0] };
	parent = ends[1];
	memset(&actions, 0, sizeof(actions));
	saver = (struct saver){ .child = &child, .actions = &actions, .serving = true };
	now = instant_add(INSTANT_ZERO, span_s(1000));
	words = tmpfile();
	quiet = dup(STDERR_FILENO);
	dup2(fileno(words), STDERR_FILENO);
}

static void finish(void)
{
	dup2(quiet, STDERR_FILENO);
	close(quiet);
	fclose(words);
	close(child.requests);
	close(parent);
}

static unsigned said(const char *part)
{
	static char text[8192];
	unsigned count = 0;
	size_t n;

	fflush(stderr);
	rewind(words);
	n = fread(text, 1, sizeof(text) - 1, words);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static bool is_asked(void)
{
	int fds[2];

	return channel_receive(parent, &asked, fds) == 1;
}

static void answer(int result)
{
	struct priv_message m = { .kind = asked.kind, .result = result };

	eq_int(channel_send(parent, &m, NULL, 0), 0);
	ok(saver_answer(&saver, now));
}

static void later(uint64_t ms)
{
	now = instant_add(now, span_ms(ms));
	saver_save(&saver, now);
}

static void wish_statement(uint64_t number)
{
	struct statement_body b = { .kind = STATEMENT_VOUCH, .number = number };

	b.issuer.b[0] = 1;
	b.subject.b[0] = 2;
	actions.statement = (struct statement){ .body = b, .len = 3, .wire = "abc" };
	actions.save_statement = true;
}

static void a_statement_travels_whole(void)
{
	struct priv_statement p;

	fresh();
	wish_statement(7);
	saver_save(&saver, now);
	ok(is_asked());
	eq_int(asked.kind, PRIV_SAVE_STATEMENT);
	eq_int(asked.data_len, sizeof(p));
	memcpy(&p, asked.data, sizeof(p));
	eq_int(p.kind, STATEMENT_VOUCH);
	eq_int(p.number, 7);
	eq_int(p.issuer.b[0], 1);
	eq_int(p.subject.b[0], 2);
	eq_int(p.len, 3);
	eq_mem(p.wire, "abc", 3);
	answer(0);
	ok(!actions.save_statement);
	eq_int(said("meshguard"), 0);
	finish();
}

/* The next one would take its place. */
static void a_statement_is_due_until_it_is_written(void)
{
	fresh();
	wish_statement(1);
	saver_save(&saver, now);
	ok(is_asked());
	ok(actions.save_statement);
	later(1000);
	ok(!is_asked()); /* once is enough */
	ok(!instant_before(saver_deadline(&saver), INSTANT_NEVER));
	answer(0);
	ok(!actions.save_statement);
	finish();
}

static void fifty_statements_a_second_are_written(void)
{
	unsigned written = 0;

	fresh();
	for (unsigned ms = 0; ms < 1000; ms++) {
		wish_statement(ms + 1);
		later(1);
		if (!is_asked())
			continue;
		answer(0);
		written++;
	}
	eq_int(written, 50);
	wish_statement(1);
	ok(instant_before(now, saver_deadline(&saver)));
	ok(instant_reached(saver_deadline(&saver), instant_add(now, span_ms(20))));
	finish();
}

static void a_full_disk_is_asked_again(void)
{
	fresh();
	wish_statement(1);
	saver_save(&saver, now);
	ok(is_asked());
	answer(-ENOSPC);
	ok(actions.save_statement);
	later(9999);
	ok(!is_asked());
	later(1);
	ok(is_asked());
	answer(-ENOSPC);
	eq_int(said("what an org signed was not saved: No space left on device"), 1);
	ok(saver_deadline(&saver).ns == instant_add(now, span_s(10)).ns);
	later(10000);
	ok(is_asked());
	answer(0);
	ok(!actions.save_statement);
	/* And when it is full anew, that is news. */
	wish_statement(2);
	later(20);
	ok(is_asked());
	answer(-ENOSPC);
	eq_int(said("was not saved"), 2);
	finish();
}

/* A vouch that has no room holds up no revocation. */
static void too_many_are_not_asked_again(void)
{
	fresh();
	wish_statement(1);
	saver_save(&saver, now);
	ok(is_asked());
	answer(-EDQUOT);
	ok(!actions.save_statement);
	wish_statement(2);
	later(20);
	ok(is_asked());
	answer(-EDQUOT);
	eq_int(said("too many files are in statements/"), 1);
	finish();
}

static void files_of_state_go_first(void)
{
	fresh();
	wish_statement(1);
	actions.save_clock = actions.save_peers = true;
	saver_save(&saver, now);
	ok(is_asked());
	eq_int(asked.kind, PRIV_SAVE);
	eq_int(asked.which, PRIV_SAVE_CLOCK);
	ok(!is_asked());
	answer(0);
	ok(is_asked());
	eq_int(asked.which, PRIV_SAVE_PEERS);
	answer(0);
	ok(is_asked());
	eq_int(asked.kind, PRIV_SAVE_STATEMENT);
	answer(0);
	ok(!is_asked());
	finish();
}

/* The answer to a request that was given up is still to come: nothing goes, and nothing spins. */
static void while_an_answer_is_late_there_is_no_hurry(void)
{
	struct priv_message save = { .kind = PRIV_SAVE };

	fresh();
	ok(priv_tell(&child, &save) == 0); /* somebody else's */
	ok(is_asked());
	wish_statement(1);
	saver_save(&saver, now);
	ok(!is_asked());
	ok(actions.save_statement);
	ok(instant_before(now, saver_deadline(&saver)));
	answer(0);
	later(20);
	ok(is_asked());
	answer(0);
	ok(!actions.save_statement);
	finish();
}

static void the_end_waits_for_what_is_left(void)
{
	int status = 1;
	pid_t pid;

	fresh();
	wish_statement(1);
	saver_save(&saver, now);
	ok(is_asked());
	fflush(NULL);
	pid = fork();
	if (pid == 0) { /* both are answered: that under way, and the same again */
		struct priv_message m = { .kind = PRIV_SAVE_STATEMENT };
		struct pollfd p = { .fd = parent, .events = POLLIN };

		for (unsigned left = 2; left; left--) {
			if (channel_send(parent, &m, NULL, 0) < 0)
				_exit(1);
			while (left == 2 && !is_asked())
				poll(&p, 1, -1);
		}
		_exit(0);
	}
	saver_finish(&saver, now);
	ok(waitpid(pid, &status, 0) == pid && status == 0);
	ok(!actions.save_statement);
	finish();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_statement_travels_whole),
		T(a_statement_is_due_until_it_is_written),
		T(fifty_statements_a_second_are_written),
		T(a_full_disk_is_asked_again),
		T(too_many_are_not_asked_again),
		T(files_of_state_go_first),
		T(while_an_answer_is_late_there_is_no_hurry),
		T(the_end_waits_for_what_is_left),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
