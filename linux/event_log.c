/* event_log.c - as many lines at once as go into a pipe as one piece (PIPE_BUF), and poll says
 * of a pipe whether such a piece fits. Nothing in it needs escaping: words of ours, base64,
 * numbers. */
#include "linux/event_log.h"

#include "base/bug.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LINE 512u

static const char *const words[EV_KINDS] = {
	[EV_NONE] = "none",
	[EV_MEMBER_ALIVE] = "member_alive",
	[EV_MEMBER_SUSPECT] = "member_suspect",
	[EV_MEMBER_DEAD] = "member_dead",
	[EV_MEMBER_LEFT] = "member_left",
	[EV_MEMBER_CONFLICT] = "member_conflict",
	[EV_MEMBER_STRANGERS] = "member_strangers",
	[EV_HANDSHAKE] = "handshake",
	[EV_HANDSHAKE_GAVE_UP] = "handshake_gave_up",
	[EV_SESSION_EXPIRED] = "session_expired",
	[EV_ENDPOINT_CHANGED] = "endpoint_changed",
	[EV_PEER_ADMITTED] = "peer_admitted",
	[EV_PEER_REVOKED] = "peer_revoked",
	[EV_TRUST_EMPTY] = "trust_empty",
	[EV_TRUST_BAD] = "trust_bad",
	[EV_TRUST_FULL] = "trust_full",
	[EV_KEY_TWIN] = "key_twin",
	[EV_CERTIFICATE_ENDS] = "certificate_ends",
	[EV_REVOKED] = "revoked",
	[EV_ORG_NAMED] = "org_named",
	[EV_SUCCESSOR] = "successor",
	[EV_ADDRESS_MOVED] = "address_moved",
	[EV_ADDRESS_CONFLICT] = "address_conflict",
	[EV_PREFIX_DIFFERS] = "prefix_differs",
	[EV_PATH_UP] = "path_up",
	[EV_PATH_LOST] = "path_lost",
	[EV_NETWORK_CHANGED] = "network_changed",
	[EV_SEED_UNANSWERED] = "seed_unanswered",
	[EV_NAT_KIND] = "nat_kind",
	[EV_START_IDENTITY] = "identity_loaded",
	[EV_START_ADDRESS] = "mesh_address_derived",
	[EV_START_INTERFACE] = "interface_made",
	[EV_START_ASSIGNED] = "addresses_assigned",
	[EV_START_STUN] = "stun_asked",
	[EV_START_SEEDS] = "seeds_called",
	[EV_START_SERVING] = "serving",
	[EV_SERVICES_RULED] = "services_ruled",
	[EV_SERVICES_BAD] = "services_bad",
	[EV_SERVICES_UNDONE] = "services_undone",
	[EV_SERVICE_DENIED] = "service_denied",
	[EV_SEQUENCE_JUMP] = "sequence_jump",
};

static void add_key(struct text *t, const char *name, const struct public_key *key)
{
	static const struct public_key nobody;
	char coded[BASE64_LEN(sizeof(*key)) + 1];

	text_add(t, ",\"");
	text_add(t, name);
	if (!memcmp(key, &nobody, sizeof(nobody))) {
		text_add(t, "\":null");
		return;
	}
	base64_encode(key->b, sizeof(key->b), coded, sizeof(coded));
	text_add(t, "\":\"");
	text_add(t, coded);
	text_char(t, '"');
}

/* A variable of a signed type: sequences are below 2^63. */
static void add_value(struct text *t, int64_t value)
{
	text_add(t, ",\"value\":");
	if (value < 0)
		text_char(t, '-');
	text_u64(t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void format(struct text *t, const struct event *e)
{
	char endpoint[ENDPOINT_TEXT];

	text_add(t, "{\"boot_ns\":");
	text_u64(t, e->at.ns);
	text_add(t, ",\"number\":");
	text_u64(t, e->number);
	text_add(t, ",\"event\":\"");
	text_add(t, e->kind < EV_KINDS && words[e->kind] ? words[e->kind] : "other");
	text_char(t, '"');
	add_key(t, "subject", &e->subject);
	add_key(t, "by", &e->by);
	text_add(t, ",\"endpoint\":");
	if (endpoint_is_set(&e->endpoint)) {
		endpoint_format(&e->endpoint, endpoint);
		text_char(t, '"');
		text_add(t, endpoint);
		text_char(t, '"');
	} else {
		text_add(t, "null");
	}
	add_value(t, e->a);
	text_add(t, "}\n");
}

/* False: nobody reads it any more. */
static bool put(int fd, const char *lines, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))
		return true; /* they are lost */
	return write(fd, lines, len) >= 0;
}

void event_log_write(int fd, const struct event_ring *ring, uint64_t *told)
{
	char lines[PIPE_BUF];
	size_t len = 0;

	while (*told < ring->count) {
		const struct event *e = event_get(ring, ++*told);
		struct text t = text_of(lines + len, LINE);

		if (!e)
			continue;
		format(&t, e);
		BUG_ON(t.truncated);
		len += t.len;
		if (sizeof(lines) - len >= LINE)
			continue;
		if (!put(fd, lines, len))
			return;
		len = 0;
	}
	if (len)
		(void)put(fd, lines, len);
}
