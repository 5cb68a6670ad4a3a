/* connect_list.c - connect --list and --cancel: the invitations that were made here. */
#include "cli/connect.h"

#include "base/text.h"
#include "cli/format.h"
#include "cli/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct listing {
	struct store *store;
	struct table table;
	uint64_t now;
};

static const char *state_of(const struct token_file *f)
{
	switch (f->outcome) {
	case OUTCOME_JOINED:
		return "used";
	case OUTCOME_ASKED:
		return "waits for you";
	case OUTCOME_EXPIRED:
		return "came too late";
	case OUTCOME_REFUSED:
		return "refused";
	default:
		return f->ended ? "cut short" : "open";
	}
}

static void add(struct listing *l, const struct token_file *f)
{
	char when[WHEN_TEXT + SPAN_TEXT], span[SPAN_TEXT], print[FINGERPRINT_TEXT] = "";

	if (f->ended) {
		format_when(f->at, when);
		fingerprint_format(&f->key, print);
	} else if (l->now >= f->expires) {
		snprintf(when, sizeof(when), "expired");
	} else {
		format_span(f->expires - l->now, span);
		snprintf(when, sizeof(when), "expires in %s", span);
	}
	table_add(&l->table, BOLD, f->id);
	table_add(&l->table, PLAIN, state_of(f));
	table_add(&l->table, PLAIN, when);
	table_add(&l->table, PLAIN, f->name[0] ? f->name : "-");
	table_add(&l->table, PLAIN, print);
}

static int visit(void *ctx, const char *file)
{
	struct listing *l = ctx;
	struct token_file f;
	int r;

	if (!is_token_file(file))
		return 0;
	r = token_load(l->store, INVITATION_FOLDER, file, &f);
	if (r == 0)
		add(l, &f);
	else if (r != -ENOENT)
		note("%s", l->store->error);
	wipe(&f, sizeof(f));
	return 0;
}

enum exit_code connect_list(struct store *s)
{
	struct listing l = { .store = s, .table.columns = 5 };
	struct screen screen = screen_of(stdout);
	bool wrong;

	l.now = wall_clock(&wrong);
	if (store_list(s, INVITATION_FOLDER, visit, &l) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!l.table.count)
		puts("no invitations; make one with: meshguard connect --generate");
	table_print(&l.table, &screen);
	return EXIT_DONE;
}

enum exit_code connect_cancel(struct store *s, const char *id)
{
	char file[TOKEN_ID_TEXT + 8];
	uint8_t bytes[TOKEN_ID];
	struct token_file f;
	int r;

	if (!hex_decode(id, strlen(id), bytes, sizeof(bytes)))
		return fail(EXIT_USAGE, "--cancel %.40s: an invitation is named by 16 hex digits; "
			    "see meshguard connect --list", id);
	hex_encode(bytes, sizeof(bytes), file, TOKEN_ID_TEXT + 1);
	r = token_remove(s, INVITATION_FOLDER, file);
	if (r == 0) {
		printf("%s is cancelled: nobody comes by that token\n", file);
		return EXIT_DONE;
	}
	strcat(file, ".used");
	if (token_load(s, INVITATION_FOLDER, file, &f) == 0)
		return fail(EXIT_REFUSED, "%.16s was used by then, by %s; meshguard revoke keeps "
			    "that peer out", file, f.name[0] ? f.name : "somebody");
	return fail(EXIT_FAILED, "there is no invitation %.16s; see meshguard connect --list",
		    file);
}
