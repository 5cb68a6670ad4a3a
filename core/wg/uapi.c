/* uapi.c - lines of text to calls of the engine, and back.
 *
 * Lines before the first public_key are about the interface, those after it about that peer.
 * A peer is made by the first line that needs it, not by its public_key line: so a peer that is
 * only to be removed, or only updated, never comes into being for a moment. Values are judged
 * before anything else, also those for a peer that is skipped, so that a bad configuration is
 * refused whatever the state of the device.
 *
 * What the page leaves open is done as wireguard-go does it: the same private key again changes
 * nothing (wg syncconf must not cut sessions), the lines of a peer with our own key are passed
 * over, an allowed_ip needs its length, '-' before it removes it.
 */
#include "wg/uapi.h"

#include "base/text.h"
#include "crypto/curve.h"

#include <errno.h>
#include <string.h>

/* One line on its way; the value's text has no terminator. */
struct line {
	struct uapi_set *set;
	const char *value;
	size_t len;
	struct moment now;
	struct outbox *out;
};

/* What a line is about, and what it does; 0 or a positive errno. */
struct verb {
	const char *key;
	int (*apply)(struct line *l);
};

void uapi_set_init(struct uapi_set *s, struct uapi_device *device)
{
	*s = (struct uapi_set){ .device = device, .peer = WG_NONE };
}

static bool is_true(const struct line *l)
{
	return l->len == 4 && !memcmp(l->value, "true", 4);
}

/* Decimal; leading zeros are taken, as Go's numbers have them. */
static bool read_number(const struct line *l, uint64_t max, uint64_t *out)
{
	const char *at = l->value;
	size_t len = l->len;

	for (; len > 1 && *at == '0'; at++)
		len--;
	return parse_u64(at, len, max, out);
}

static void remove_peer(struct uapi_device *d, uint32_t peer)
{
	allowedips_remove_peer(d->routes, peer);
	wg_peer_remove(d->wg, peer);
}

/* --- lines about the interface */

static bool is_own_secret(const struct wg *wg, const struct dh_secret *secret)
{
	return wg_has_private(wg) && ct_equal(wg_private(wg), secret, sizeof(*secret));
}

static int set_private_key(struct line *l)
{
	struct uapi_device *d = l->set->device;
	struct dh_secret secret;
	struct dh_public own;
	uint32_t peer;

	if (!hex_decode(l->value, l->len, secret.b, sizeof(secret.b)))
		return EINVAL;
	if (ct_is_zero(&secret, sizeof(secret))) {
		wg_set_private(d->wg, NULL, l->now.boot);
		return 0;
	}
	x25519_clamp(&secret);
	if (!is_own_secret(d->wg, &secret)) {
		x25519_public(&own, &secret);
		peer = wg_peer_find(d->wg, &own);
		if (peer != WG_NONE)
			remove_peer(d, peer);
		wg_set_private(d->wg, &secret, l->now.boot);
	}
	wipe(&secret, sizeof(secret));
	return 0;
}

static int set_listen_port(struct line *l)
{
	struct uapi_device *d = l->set->device;
	uint64_t port;

	if (!read_number(l, UINT16_MAX, &port))
		return EINVAL;
	if (d->set_listen_port)
		return -d->set_listen_port(d->ctx, (uint16_t)port);
	d->listen_port = (uint16_t)port;
	return 0;
}

static int set_fwmark(struct line *l)
{
	struct uapi_device *d = l->set->device;
	uint64_t mark;

	if (!read_number(l, UINT32_MAX, &mark))
		return EINVAL;
	if (d->set_fwmark)
		return -d->set_fwmark(d->ctx, (uint32_t)mark);
	d->fwmark = (uint32_t)mark;
	return 0;
}

static int replace_peers(struct line *l)
{
	struct uapi_device *d = l->set->device;
	uint32_t next;

	if (!is_true(l))
		return EINVAL;
	for (uint32_t peer = wg_peer_next(d->wg, WG_NONE); peer != WG_NONE; peer = next) {
		next = wg_peer_next(d->wg, peer);
		remove_peer(d, peer);
	}
	return 0;
}

/* --- lines about a peer */

/* The peer that a line needs now: made if it is not there. False with *error 0: skip the line. */
static bool need_peer(struct uapi_set *s, struct moment now, int *error)
{
	struct wg *wg = s->device->wg;

	*error = 0;
	if (s->peer_skip)
		return false;
	if (s->peer == WG_NONE) {
		s->peer = wg_peer_add(wg, &s->key, UINT32_MAX, now.boot);
		s->peer_new = true;
	}
	if (s->peer == WG_NONE)
		*error = ENOSPC;
	return s->peer != WG_NONE;
}

/* The lines of a peer are over: it exists, even if its key was all that was said. */
static int finish_peer(struct uapi_set *s, struct moment now)
{
	int error = 0;

	if (s->seen_public_key)
		need_peer(s, now, &error);
	return error;
}

static int begin_peer(struct line *l)
{
	struct uapi_set *s = l->set;
	const struct wg *wg = s->device->wg;
	struct dh_public key;
	int error = finish_peer(s, l->now);

	if (error)
		return error;
	if (!hex_decode(l->value, l->len, key.b, sizeof(key.b)))
		return EINVAL;
	s->key = key;
	s->seen_public_key = true;
	s->peer = wg_peer_find(wg, &key);
	s->peer_new = false;
	s->peer_skip = wg_has_private(wg) && ct_equal(wg_public(wg), &key, sizeof(key));
	return 0;
}

static void drop_peer(struct uapi_set *s)
{
	if (s->peer != WG_NONE)
		remove_peer(s->device, s->peer);
	s->peer = WG_NONE;
	s->peer_skip = true;
}

static int set_update_only(struct line *l)
{
	struct uapi_set *s = l->set;

	if (!is_true(l))
		return EINVAL;
	if (!s->peer_skip && (s->peer == WG_NONE || s->peer_new))
		drop_peer(s);
	return 0;
}

static int set_remove(struct line *l)
{
	if (!is_true(l))
		return EINVAL;
	if (!l->set->peer_skip)
		drop_peer(l->set);
	return 0;
}

static int set_preshared_key(struct line *l)
{
	struct sym_key psk;
	int error;

	if (!hex_decode(l->value, l->len, psk.b, sizeof(psk.b)))
		return EINVAL;
	if (need_peer(l->set, l->now, &error))
		wg_peer_set_preshared(l->set->device->wg, l->set->peer, &psk);
	wipe(&psk, sizeof(psk));
	return error;
}

/* "[fe80::1%eth0]:51820" with the interface's number for its name. False if there is none. */
static bool number_scope(const struct line *l, struct text *out)
{
	const struct uapi_device *d = l->set->device;
	size_t name = 0, end;
	uint32_t scope;

	while (name < l->len && l->value[name] != '%')
		name++;
	for (end = name; end < l->len && l->value[end] != ']';)
		end++;
	if (!d->scope_of || end == l->len)
		return false;
	name++;
	scope = d->scope_of(d->ctx, l->value + name, end - name);
	text_add_n(out, l->value, name);
	text_u64(out, scope);
	text_add_n(out, l->value + end, l->len - end);
	return scope && !out->truncated;
}

static int set_endpoint(struct line *l)
{
	struct endpoint to;
	char buf[ENDPOINT_TEXT + 16];
	struct text numbered = text_of(buf, sizeof(buf));
	int error;

	if (!endpoint_parse(l->value, l->len, 0, &to) &&
	    !(number_scope(l, &numbered) && endpoint_parse(buf, numbered.len, 0, &to)))
		return EINVAL;
	if (need_peer(l->set, l->now, &error))
		wg_peer_set_endpoint(l->set->device->wg, l->set->peer, &to);
	return error;
}

static int set_keepalive(struct line *l)
{
	uint64_t seconds;
	int error;

	if (!read_number(l, UINT16_MAX, &seconds))
		return EINVAL;
	if (need_peer(l->set, l->now, &error))
		wg_peer_set_keepalive(l->set->device->wg, l->set->peer, (uint16_t)seconds, l->now,
				      l->out);
	return error;
}

static int replace_allowed_ips(struct line *l)
{
	int error;

	if (!is_true(l))
		return EINVAL;
	if (need_peer(l->set, l->now, &error))
		allowedips_remove_peer(l->set->device->routes, l->set->peer);
	return error;
}

static bool has_slash(const char *text, size_t len)
{
	while (len-- > 0)
		if (text[len] == '/')
			return true;
	return false;
}

static int set_allowed_ip(struct line *l)
{
	struct allowedips *routes = l->set->device->routes;
	bool removes = l->len && *l->value == '-';
	const char *text = l->value + removes;
	size_t len = l->len - removes;
	struct prefix p;
	int error;

	if (!has_slash(text, len) || !prefix_parse(text, len, &p))
		return EINVAL;
	if (!need_peer(l->set, l->now, &error))
		return error;
	if (removes)
		allowedips_remove(routes, &p, l->set->peer);
	else if (!allowedips_insert(routes, &p, l->set->peer))
		return ENOSPC;
	return 0;
}

static int check_protocol_version(struct line *l)
{
	return l->len == 1 && *l->value == '1' ? 0 : EINVAL;
}

static const struct verb of_interface[] = {
	{ "private_key", set_private_key },
	{ "listen_port", set_listen_port },
	{ "fwmark", set_fwmark },
	{ "replace_peers", replace_peers },
	{ "public_key", begin_peer },
	{ NULL, NULL },
};

static const struct verb of_peer[] = {
	{ "allowed_ip", set_allowed_ip },
	{ "public_key", begin_peer },
	{ "endpoint", set_endpoint },
	{ "preshared_key", set_preshared_key },
	{ "persistent_keepalive_interval", set_keepalive },
	{ "replace_allowed_ips", replace_allowed_ips },
	{ "protocol_version", check_protocol_version },
	{ "update_only", set_update_only },
	{ "remove", set_remove },
	{ NULL, NULL },
};

static int apply(struct line *l, const char *key, size_t key_len)
{
	const struct verb *v = l->set->seen_public_key ? of_peer : of_interface;

	for (; v->key; v++)
		if (strlen(v->key) == key_len && !memcmp(v->key, key, key_len))
			return v->apply(l);
	return EINVAL;
}

void uapi_set_line(struct uapi_set *s, const char *line, size_t len, struct moment now,
		   struct outbox *out)
{
	size_t key_len = 0;

	if (s->error)
		return;
	while (key_len < len && line[key_len] != '=')
		key_len++;
	if (!s->device->routes) {
		s->error = EPERM;
	} else if (key_len == len || len > UAPI_LINE_MAX) {
		s->error = EPROTO;
	} else {
		struct line l = {
			.set = s, .value = line + key_len + 1, .len = len - key_len - 1,
			.now = now, .out = out,
		};
		s->error = apply(&l, line, key_len);
	}
}

int uapi_set_end(struct uapi_set *s, struct moment now, struct outbox *out)
{
	(void)out; /* a peer that is new and knows nothing else sends nothing */
	if (!s->error)
		s->error = finish_peer(s, now);
	return s->error;
}

/* --- get */

struct answer {
	uapi_sink *sink;
	void *ctx;
	char buf[1024];      /* more than all lines of a peer but its prefixes */
	struct text text;
};

static void flush(struct answer *a)
{
	BUG_ON(a->text.truncated);
	if (a->text.len)
		a->sink(a->ctx, a->buf, a->text.len);
	wipe(a->buf, a->text.len);
	a->text = text_of(a->buf, sizeof(a->buf));
}

static void add_text(struct answer *a, const char *key, const char *value)
{
	text_add(&a->text, key);
	text_char(&a->text, '=');
	text_add(&a->text, value);
	text_char(&a->text, '\n');
}

static void add_number(struct answer *a, const char *key, uint64_t value)
{
	text_add(&a->text, key);
	text_char(&a->text, '=');
	text_u64(&a->text, value);
	text_char(&a->text, '\n');
}

static void add_key(struct answer *a, const char *key, const uint8_t value[32])
{
	text_add(&a->text, key);
	text_char(&a->text, '=');
	text_hex(&a->text, value, 32);
	text_char(&a->text, '\n');
}

static void add_prefixes(struct answer *a, const struct uapi_device *d, uint32_t peer)
{
	const struct allowedips *routes = d->shown ? d->shown : d->routes;
	uint32_t cursor = 0;
	struct prefix p;

	while (routes && allowedips_next(routes, peer, &cursor, &p)) {
		char buf[PREFIX_TEXT];

		prefix_format(&p, buf);
		add_text(a, "allowed_ip", buf);
		if (a->text.len > sizeof(a->buf) / 2)
			flush(a);
	}
}

static void add_peer(struct answer *a, const struct uapi_device *d, uint32_t peer,
		     bool hide_secrets)
{
	struct wg_peer_info info;

	wg_peer_info(d->wg, peer, &info);
	add_key(a, "public_key", info.key.b);
	if (!hide_secrets)
		add_key(a, "preshared_key", info.preshared.b);
	wipe(&info.preshared, sizeof(info.preshared));
	add_number(a, "protocol_version", 1);
	if (endpoint_is_set(&info.endpoint)) {
		char buf[ENDPOINT_TEXT];

		endpoint_format(&info.endpoint, buf);
		add_text(a, "endpoint", buf);
	}
	add_number(a, "last_handshake_time_sec", info.last_handshake.s);
	add_number(a, "last_handshake_time_nsec", info.last_handshake.ns);
	add_number(a, "tx_bytes", info.tx_bytes);
	add_number(a, "rx_bytes", info.rx_bytes);
	add_number(a, "persistent_keepalive_interval", info.keepalive_s);
	flush(a);
	add_prefixes(a, d, peer);
	flush(a);
}

void uapi_get(const struct uapi_device *device, bool hide_secrets, struct instant now,
	      uapi_sink *sink, void *ctx)
{
	const struct wg *wg = device->wg;
	struct answer a = { .sink = sink, .ctx = ctx };

	(void)now;
	a.text = text_of(a.buf, sizeof(a.buf));
	if (!hide_secrets && wg_has_private(wg))
		add_key(&a, "private_key", wg_private(wg)->b);
	if (device->listen_port)
		add_number(&a, "listen_port", device->listen_port);
	if (device->fwmark)
		add_number(&a, "fwmark", device->fwmark);
	flush(&a);
	for (uint32_t p = wg_peer_next(wg, WG_NONE); p != WG_NONE; p = wg_peer_next(wg, p))
		add_peer(&a, device, p, hide_secrets);
}
