#include "linux/saver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_S 10
#define STATEMENT_MS 20

static bool *due(struct saver *s, enum saver_wish which)
{
	switch (which) {
	case SAVER_CLOCK:
		return &s->actions->save_clock;
	case SAVER_PEERS:
		return &s->actions->save_peers;
	case SAVER_TOKEN:
		return &s->actions->token_wish;
	default:
		return &s->actions->save_statement;
	}
}

/* A full disk has room again some day. */
static void ended(struct saver *s, enum saver_wish which, int error, struct instant now)
{
	static const struct { const char *name, *until; } files[SAVER_WISHES] = {
		[SAVER_CLOCK] = { "state/clock", "peers may refuse this host after a restart "
				  "with a clock that went back" },
		[SAVER_PEERS] = { "state/peers", "this host needs a seed after a restart" },
		[SAVER_STATEMENT] = { "what an org signed", "this host must hear it again after a "
				      "restart" },
	};

	if (which == SAVER_TOKEN) { /* who comes by it comes again */
		s->token_told = true;
		s->token_error = error;
		return;
	}
	if (error && !s->told[which])
		fprintf(stderr, "meshguard: %s was not saved: %s; until it is, %s\n",
			files[which].name, error == -EDQUOT && which == SAVER_STATEMENT
			? "too many files are in statements/" : strerror(-error),
			files[which].until);
	s->told[which] = error != 0;
	/* Too many: that helps this one no more, and others wait that have room. */
	if (which == SAVER_STATEMENT && (!error || error == -EDQUOT)) {
		*due(s, which) = false;
		s->statement = instant_add(now, span_ms(STATEMENT_MS));
		return;
	}
	if (!error)
		return;
	*due(s, which) = true; /* the actions hold it still, or what is newer */
	s->again = instant_add(now, span_s(AGAIN_S));
}

static struct priv_message file_of(enum priv_save which, const void *data, uint32_t len)
{
	struct priv_message m = { .kind = PRIV_SAVE, .which = which, .data_len = len };

	memcpy(m.data, data, len);
	return m;
}

static struct priv_message statement_of(const struct statement *st)
{
	struct priv_message m = { .kind = PRIV_SAVE_STATEMENT };
	struct priv_statement p = {
		.kind = st->body.kind, .number = st->body.number, .issuer = st->body.issuer,
		.subject = st->body.subject, .len = st->len,
	};

	memcpy(p.wire, st->wire, st->len);
	m.data_len = sizeof(p);
	memcpy(m.data, &p, sizeof(p));
	return m;
}

static struct priv_message wish_of(const struct node_token_wish *w)
{
	struct priv_message m = { .kind = PRIV_TOKEN_WISH, .data_len = sizeof(*w) };

	memcpy(m.data, w, sizeof(*w));
	return m;
}

static struct priv_message message_of(const struct saver *s, enum saver_wish which)
{
	const struct node_actions *a = s->actions;

	switch (which) {
	case SAVER_CLOCK:
		return file_of(s->clock, a->clock, NODE_CLOCK_LEN);
	case SAVER_PEERS:
		return file_of(PRIV_SAVE_PEERS, a->peers, a->peers_len);
	case SAVER_TOKEN:
		return wish_of(&a->wish);
	default:
		return statement_of(&a->statement);
	}
}

static void save(struct saver *s, enum saver_wish which, struct instant now)
{
	struct priv_message message;
	int error;

	if (!*due(s, which) || s->saving)
		return;
	message = message_of(s, which);
	if (!s->serving) {
		*due(s, which) = false;
		ended(s, which, priv_ask(s->child, &message, NULL), now);
		return;
	}
	error = priv_tell(s->child, &message);
	if (error == -EAGAIN) { /* an answer to come frees the way, but none that we wait for */
		if (which == SAVER_STATEMENT)
			s->statement = instant_add(now, span_ms(STATEMENT_MS));
		return;
	}
	/* A statement stays due until it is written, or the next one would take its place. */
	*due(s, which) = which == SAVER_STATEMENT;
	s->saving = !error;
	s->which = which;
	if (error)
		ended(s, which, error, now);
}

void saver_save(struct saver *s, struct instant now)
{
	if (!instant_reached(s->again, now)) {
		save(s, SAVER_TOKEN, now);
		return;
	}
	s->again = INSTANT_ZERO;
	if (s->clock_only)
		s->actions->save_peers = false;
	save(s, SAVER_TOKEN, now);
	save(s, SAVER_CLOCK, now);
	save(s, SAVER_PEERS, now);
	if (instant_reached(s->statement, now))
		save(s, SAVER_STATEMENT, now);
}

bool saver_answer(struct saver *s, struct instant now)
{
	int error, r = priv_told(s->child, &error);

	if (r == 0)
		return true;
	if (s->saving)
		ended(s, s->which, r < 0 ? r : error, now);
	s->saving = false;
	saver_save(s, now);
	return r > 0;
}

void saver_finish(struct saver *s, struct instant now)
{
	if (s->saving) /* nobody would hear how that ends */
		*due(s, s->which) = true;
	s->saving = s->serving = false;
	s->again = s->statement = INSTANT_ZERO;
	saver_save(s, now);
}

struct instant saver_deadline(const struct saver *s)
{
	struct instant again = instant_is_set(s->again) ? s->again : INSTANT_NEVER;

	if (!s->actions->save_statement || s->saving || instant_is_set(s->again))
		return again;
	return s->statement;
}
