/* What belongs to a key goes with it when the next one takes the place of the old one. Each step
 * may be cut off, and done again. */
#include "cli/rotation.h"

#include "linux/store_orgs.h"

#include <errno.h>
#include <string.h>

#define CLOCK "state/clock"
#define NEXT_CLOCK "state/next.clock"
#define FORMER_CLOCK "state/former.clock"
#define MOST_ORGS 128u
#define STATE_TEXT 4096u

static int copy_file(struct store *s, const char *from, const char *to)
{
	uint8_t data[STATE_TEXT];
	ssize_t n = store_read(s, from, data, sizeof(data), STORE_SECRET);

	if (n == -ENOENT)
		return 0;
	return n < 0 ? (int)n
	     : store_write(s, to, data, (size_t)n, STORE_SECRET | STORE_REPLACE);
}

int rotation_carry_clock(struct store *s)
{
	int r;

	if (!store_exists(s, NEXT_CLOCK)) /* no daemon ran both keys, or it was done */
		return 0;
	r = copy_file(s, CLOCK, FORMER_CLOCK);
	if (r == 0)
		r = copy_file(s, NEXT_CLOCK, CLOCK);
	return r == 0 ? store_remove(s, NEXT_CLOCK) : r;
}

struct found {
	const struct public_key *key;
	unsigned count;
	struct certificate list[MOST_ORGS];
};

static int find(void *ctx, const struct certificate *c)
{
	struct found *f = ctx;

	if (c && !memcmp(&c->body.node, f->key, sizeof(*f->key)) && f->count < MOST_ORGS)
		f->list[f->count++] = *c;
	return 0;
}

/* The one in the place of the main key's goes aside, if it is another key's. */
static int put_main(struct store *s, const struct certificate *c)
{
	char main[STORE_ORGS_FILE], own[STORE_ORGS_FILE];
	struct certificate there;
	int r;

	certificate_file(main, &c->body.org);
	r = store_certificate_load(s, main, &there);
	if (r == 1 && memcmp(&there.body.node, &c->body.node, sizeof(there.body.node)) != 0) {
		certificate_file_of(own, &there.body.org, &there.body.node);
		r = store_certificate_write_as(s, own, &there);
		if (r < 0)
			return r;
	}
	certificate_file_of(own, &c->body.org, &c->body.node);
	if (!store_exists(s, own)) /* it is in its place */
		return 0;
	r = store_certificate_write(s, c);
	return r < 0 ? r : store_remove(s, own);
}

int rotation_carry_certificates(struct store *s, const struct public_key *key)
{
	static struct found found;
	int r;

	found = (struct found){ .key = key };
	r = store_each_certificate(s, find, &found);
	for (unsigned i = 0; i < found.count && r >= 0; i++)
		r = put_main(s, &found.list[i]);
	return r < 0 ? r : 0;
}

struct count {
	const struct public_key *key;
	struct public_key with[MOST_ORGS], without[MOST_ORGS];
	unsigned with_count, without_count;
};

static bool has(const struct public_key *list, unsigned count, const struct public_key *org)
{
	for (unsigned i = 0; i < count; i++)
		if (!memcmp(&list[i], org, sizeof(*org)))
			return true;
	return false;
}

static void add(struct public_key *list, unsigned *count, const struct public_key *org)
{
	if (*count < MOST_ORGS && !has(list, *count, org))
		list[(*count)++] = *org;
}

static int look(void *ctx, const struct certificate *c)
{
	struct count *n = ctx;

	if (c && !memcmp(&c->body.node, n->key, sizeof(*n->key)))
		add(n->with, &n->with_count, &c->body.org);
	else if (c)
		add(n->without, &n->without_count, &c->body.org);
	return 0;
}

unsigned rotation_orgs_missing(struct store *s, const struct public_key *key)
{
	static struct count n;
	unsigned missing = 0;

	n = (struct count){ .key = key };
	if (store_each_certificate(s, look, &n) < 0)
		return 0;
	for (unsigned i = 0; i < n.without_count; i++)
		missing += !has(n.with, n.with_count, &n.without[i]);
	return missing;
}
