#include "linux/saver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_S 10

static bool *due(struct saver *s, enum priv_save which)
{
	return which == PRIV_SAVE_CLOCK ? &s->actions->save_clock : &s->actions->save_peers;
}

/* A full disk has room again some day. */
static void ended(struct saver *s, enum priv_save which, int error, struct instant now)
{
	static const struct { const char *name, *until; } files[PRIV_SAVES] = {
		[PRIV_SAVE_CLOCK] = { "state/clock", "peers may refuse this host after a restart "
				      "with a clock that went back" },
		[PRIV_SAVE_PEERS] = { "state/peers", "this host needs a seed after a restart" },
	};

	if (error && !s->told[which])
		fprintf(stderr, "meshguard: %s was not saved: %s; until it is, %s\n",
			files[which].name, strerror(-error), files[which].until);
	s->told[which] = error != 0;
	if (!error)
		return;
	*due(s, which) = true; /* the actions hold it still, or what is newer */
	s->again = instant_add(now, span_s(AGAIN_S));
}

static void save(struct saver *s, enum priv_save which, const void *data, uint32_t len,
		 struct instant now)
{
	struct priv_message message = { .kind = PRIV_SAVE, .which = which, .data_len = len };
	int error;

	if (!*due(s, which) || s->saving)
		return;
	memcpy(message.data, data, len);
	if (!s->serving) {
		*due(s, which) = false;
		ended(s, which, priv_ask(s->child, &message, NULL), now);
		return;
	}
	error = priv_tell(s->child, &message);
	if (error == -EAGAIN)
		return;
	*due(s, which) = false;
	s->saving = !error;
	s->which = which;
	if (error)
		ended(s, which, error, now);
}

void saver_save(struct saver *s, struct instant now)
{
	struct node_actions *a = s->actions;

	if (!instant_reached(s->again, now))
		return;
	s->again = INSTANT_ZERO;
	save(s, PRIV_SAVE_CLOCK, a->clock, NODE_CLOCK_LEN, now);
	save(s, PRIV_SAVE_PEERS, a->peers, a->peers_len, now);
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
	s->again = INSTANT_ZERO;
	saver_save(s, now);
}

struct instant saver_deadline(const struct saver *s)
{
	return instant_is_set(s->again) ? s->again : INSTANT_NEVER;
}
