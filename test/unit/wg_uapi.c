/* The UAPI: which lines are taken, with which errno, and what get shows of them. */
#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "wg/uapi.h"

#include <errno.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"
#define SECRET64 "1111111111111111111111111111111111111111111111111111111111111111"
#define CLAMPED64 "1011111111111111111111111111111111111111111111111111111111111151"
#define PEER_A "public_key=" A64 "\n"
#define PEER_B "public_key=" B64 "\n"
#define IDLE(keepalive)                                                                            \
	"last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"          \
	"persistent_keepalive_interval=" #keepalive "\n"

struct bench {
	struct random random;
	struct uapi_device device;
	struct outbox out;
	struct out items[2 * OUTBOX_STEP_ITEMS];
	uint8_t *arena;
	void *engine;
	uint16_t asked_port;
	uint32_t asked_mark;
	int refuse;           /* errno of the callbacks */
	char *shown;
	size_t shown_len;
};

#define BOOT_S 1000u
static const struct moment now = { { UINT64_C(1000000000) * BOOT_S }, { 1700000000, 5 } };

static int asked_port(void *ctx, uint16_t port)
{
	struct bench *b = ctx;

	b->asked_port = port;
	if (!b->refuse)
		b->device.listen_port = port ? port : 40000;
	return -b->refuse;
}

static int asked_mark(void *ctx, uint32_t mark)
{
	struct bench *b = ctx;

	b->asked_mark = mark;
	if (!b->refuse)
		b->device.fwmark = mark;
	return -b->refuse;
}

static uint32_t scope_of(void *ctx, const char *name, size_t len)
{
	(void)ctx;
	return len == 4 && !memcmp(name, "eth7", 4) ? 7 : 0;
}

static struct bench *bench(uint32_t peers, uint32_t prefixes)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct wg_config config = {
		.limits = { .peers = peers, .sessions = 3 * peers, .staged_packets = 16 },
		.random = &b->random, .roam = true,
	};
	size_t size = wg_size(&config.limits);

	test_crypto();
	random_init(&b->random, (const uint8_t[32]){ 42 });
	b->engine = aligned_alloc(64, (size + 63) / 64 * 64);
	memset(b->engine, 0, size);
	b->arena = malloc(2 * OUTBOX_STEP_BYTES);
	outbox_init(&b->out, b->items, 2 * OUTBOX_STEP_ITEMS, b->arena, 2 * OUTBOX_STEP_BYTES);
	b->device = (struct uapi_device){
		.wg = wg_init(b->engine, &config, now.boot),
		.routes = allowedips_init(calloc(1, allowedips_size(prefixes, peers)), prefixes,
					  peers),
		.set_listen_port = asked_port, .set_fwmark = asked_mark, .ctx = b,
	};
	wg_set_routes(b->device.wg, b->device.routes);
	return b;
}

static void end(struct bench *b)
{
	free(b->device.routes);
	free(b->engine);
	free(b->arena);
	free(b->shown);
	free(b);
}

/* A whole transaction; the lines lie in memory of their own, without a terminator. */
static int set(struct bench *b, const char *text)
{
	struct uapi_set s;

	uapi_set_init(&s, &b->device);
	for (const char *at = text, *nl; (nl = strchr(at, '\n')); at = nl + 1) {
		size_t len = (size_t)(nl - at);
		char *line = malloc(len ? len : 1);

		memcpy(line, at, len);
		uapi_set_line(&s, line, len, now, &b->out);
		free(line);
		outbox_clear(&b->out);
	}
	return uapi_set_end(&s, now, &b->out);
}

static void sink(void *ctx, const char *text, size_t len)
{
	struct bench *b = ctx;

	b->shown = realloc(b->shown, b->shown_len + len + 1);
	memcpy(b->shown + b->shown_len, text, len);
	b->shown[b->shown_len += len] = '\0';
}

static const char *get(struct bench *b, bool hide_secrets)
{
	b->shown_len = 0;
	sink(b, "", 0);
	uapi_get(&b->device, hide_secrets, now.boot, sink, b);
	return b->shown;
}

static const struct {
	const char *text;
	int error;
} transactions[] = {
	{ "", 0 },
	/* what is no line */
	{ "private_key\n", EPROTO }, { "x\n", EPROTO }, { "\n", EPROTO },
	{ "=\n", EINVAL }, { "=x\n", EINVAL }, { "nonsense=1\n", EINVAL },
	{ "Private_key=" A64 "\n", EINVAL }, { " fwmark=1\n", EINVAL },
	{ "fwmark =1\n", EINVAL }, { "fwmar=1\n", EINVAL }, { "fwmark_=1\n", EINVAL },
	/* the interface */
	{ "private_key=" SECRET64 "\n", 0 }, { "private_key=" ZERO64 "\n", 0 },
	{ "private_key=\n", EINVAL }, { "private_key=" SECRET64 "0\n", EINVAL },
	{ "private_key=" SECRET64 "00\n", EINVAL }, { "private_key=1111\n", EINVAL },
	{ "private_key=g111111111111111111111111111111111111111111111111111111111111111\n",
	  EINVAL },
	{ "listen_port=0\n", 0 }, { "listen_port=65535\n", 0 }, { "listen_port=007\n", 0 },
	{ "listen_port=65536\n", EINVAL }, { "listen_port=-1\n", EINVAL },
	{ "listen_port=+1\n", EINVAL }, { "listen_port=\n", EINVAL },
	{ "listen_port=1 \n", EINVAL }, { "listen_port=0x10\n", EINVAL },
	{ "fwmark=0\n", 0 }, { "fwmark=4294967295\n", 0 }, { "fwmark=4294967296\n", EINVAL },
	{ "fwmark=0x20\n", EINVAL }, { "fwmark=18446744073709551617\n", EINVAL },
	{ "replace_peers=true\n", 0 }, { "replace_peers=false\n", EINVAL },
	{ "replace_peers=\n", EINVAL }, { "replace_peers=True\n", EINVAL },
	{ "replace_peers=truee\n", EINVAL },
	/* lines of a peer need a peer; lines of the interface come before it */
	{ "endpoint=192.0.2.1:1\n", EINVAL }, { "allowed_ip=10.0.0.0/8\n", EINVAL },
	{ "remove=true\n", EINVAL }, { "protocol_version=1\n", EINVAL },
	{ PEER_A "fwmark=1\n", EINVAL }, { PEER_A "private_key=" SECRET64 "\n", EINVAL },
	{ PEER_A "replace_peers=true\n", EINVAL }, { PEER_A "listen_port=1\n", EINVAL },
	{ PEER_A, 0 }, { "public_key=" ZERO64 "\n", 0 }, { "public_key=aa\n", EINVAL },
	{ "public_key=\n", EINVAL }, { PEER_A "public_key=" A64 "a\n", EINVAL },
	{ PEER_A "preshared_key=" B64 "\n", 0 }, { PEER_A "preshared_key=" ZERO64 "\n", 0 },
	{ PEER_A "preshared_key=bb\n", EINVAL }, { PEER_A "preshared_key=\n", EINVAL },
	{ PEER_A "endpoint=192.0.2.1:51820\n", 0 },
	{ PEER_A "endpoint=[2001:db8::1]:51820\n", 0 },
	{ PEER_A "endpoint=[fe80::1%3]:51820\n", 0 },
	{ PEER_A "endpoint=[fe80::1%eth7]:51820\n", EINVAL }, /* nobody knows names here */
	{ PEER_A "endpoint=192.0.2.1\n", EINVAL }, { PEER_A "endpoint=\n", EINVAL },
	{ PEER_A "endpoint=192.0.2.1:65536\n", EINVAL },
	{ PEER_A "endpoint=2001:db8::1:51820\n", EINVAL },
	{ PEER_A "endpoint=host.example:51820\n", EINVAL },
	{ PEER_A "endpoint=192.0.2.1:51820 \n", EINVAL },
	{ PEER_A "persistent_keepalive_interval=0\n", 0 },
	{ PEER_A "persistent_keepalive_interval=65535\n", 0 },
	{ PEER_A "persistent_keepalive_interval=65536\n", EINVAL },
	{ PEER_A "persistent_keepalive_interval=off\n", EINVAL },
	{ PEER_A "replace_allowed_ips=true\n", 0 },
	{ PEER_A "replace_allowed_ips=1\n", EINVAL },
	{ PEER_A "allowed_ip=10.0.0.0/8\n", 0 }, { PEER_A "allowed_ip=0.0.0.0/0\n", 0 },
	{ PEER_A "allowed_ip=::/0\n", 0 }, { PEER_A "allowed_ip=10.1.2.3/8\n", 0 },
	{ PEER_A "allowed_ip=10.0.0.0/33\n", EINVAL }, { PEER_A "allowed_ip=\n", EINVAL },
	{ PEER_A "allowed_ip=10.0.0.1\n", EINVAL }, { PEER_A "allowed_ip=::/129\n", EINVAL },
	{ PEER_A "allowed_ip=10.0.0.0/\n", EINVAL }, { PEER_A "allowed_ip=/8\n", EINVAL },
	{ PEER_A "allowed_ip=-10.0.0.0/8\n", 0 }, { PEER_A "allowed_ip=-\n", EINVAL },
	{ PEER_A "allowed_ip=--10.0.0.0/8\n", EINVAL },
	{ PEER_A "allowed_ip=+10.0.0.0/8\n", EINVAL },
	{ PEER_A "protocol_version=1\n", 0 }, { PEER_A "protocol_version=2\n", EINVAL },
	{ PEER_A "protocol_version=01\n", EINVAL },
	{ PEER_A "update_only=true\n", 0 }, { PEER_A "update_only=yes\n", EINVAL },
	{ PEER_A "remove=true\n", 0 }, { PEER_A "remove=false\n", EINVAL },
	/* values are judged also where they are passed over */
	{ PEER_A "remove=true\nallowed_ip=10.0.0.0/8\n", 0 },
	{ PEER_A "remove=true\nallowed_ip=10.0.0.0/80\n", EINVAL },
	{ PEER_A "remove=true\npreshared_key=1\n", EINVAL },
	{ PEER_A "update_only=true\nendpoint=here\n", EINVAL },
};

static void each_line_has_its_errno(void)
{
	for (size_t i = 0; i < sizeof(transactions) / sizeof(*transactions); i++) {
		struct bench *b = bench(4, 8);
		const char *text = transactions[i].text;
		int error = set(b, text);

		if (error != transactions[i].error)
			TAP_FAIL("errno %d, want %d, for\n# %s", error,
				 transactions[i].error, text);
		end(b);
	}
}

static void get_shows_what_was_set(void)
{
	struct bench *b = bench(4, 8);

	wg_set_up(b->device.wg, false, now, &b->out); /* sends nothing, so that bytes stay 0 */
	eq_str(get(b, false), "");
	eq_int(set(b, "private_key=" SECRET64 "\nlisten_port=51820\nfwmark=66\nreplace_peers=true\n"
		   PEER_B "preshared_key=" A64 "\nendpoint=[2001:DB8::1]:7\n"
		   "persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
		   "allowed_ip=10.0.0.0/8\nallowed_ip=2001:db8:a000::/37\nallowed_ip=10.9.9.9/9\n"
		   PEER_A "protocol_version=1\nendpoint=192.0.2.1:51820\n"), 0);
	eq_str(get(b, false),
	       "private_key=" CLAMPED64 "\nlisten_port=51820\nfwmark=66\n"
	       PEER_B "preshared_key=" A64 "\nprotocol_version=1\nendpoint=[2001:db8::1]:7\n"
	       IDLE(25)
	       "allowed_ip=10.0.0.0/8\nallowed_ip=2001:db8:a000::/37\nallowed_ip=10.0.0.0/9\n"
	       PEER_A "preshared_key=" ZERO64 "\nprotocol_version=1\nendpoint=192.0.2.1:51820\n"
	       IDLE(0));
	eq_str(get(b, true),
	       "listen_port=51820\nfwmark=66\n"
	       PEER_B "protocol_version=1\nendpoint=[2001:db8::1]:7\n" IDLE(25)
	       "allowed_ip=10.0.0.0/8\nallowed_ip=2001:db8:a000::/37\nallowed_ip=10.0.0.0/9\n"
	       PEER_A "protocol_version=1\nendpoint=192.0.2.1:51820\n" IDLE(0));
	/* zero keys clear */
	eq_int(set(b, "private_key=" ZERO64 "\nlisten_port=0\nfwmark=0\n"
		   PEER_A "remove=true\n" PEER_B "preshared_key=" ZERO64 "\n"
		   "replace_allowed_ips=true\n"), 0);
	ok(!wg_has_private(b->device.wg));
	eq_str(get(b, false), "listen_port=40000\n" PEER_B "preshared_key=" ZERO64 "\n"
	       "protocol_version=1\nendpoint=[2001:db8::1]:7\n" IDLE(25));
	end(b);
}

static void the_device_may_refuse_a_port_or_mark(void)
{
	struct bench *b = bench(4, 8);

	b->refuse = EADDRINUSE;
	eq_int(set(b, "listen_port=53\nfwmark=5\n" PEER_A), EADDRINUSE);
	eq_int(b->asked_port, 53);
	eq_int(b->asked_mark, 0); /* after an error nothing more is applied */
	eq_int(wg_peer_count(b->device.wg), 0);
	b->refuse = EPERM;
	eq_int(set(b, "fwmark=5\n"), EPERM);
	eq_str(get(b, false), "");
	b->device.set_listen_port = NULL;
	b->device.set_fwmark = NULL;
	eq_int(set(b, "listen_port=53\nfwmark=5\n"), 0);
	eq_str(get(b, false), "listen_port=53\nfwmark=5\n");
	end(b);
}

static void what_came_before_an_error_stays(void)
{
	struct bench *b = bench(4, 8);

	eq_int(set(b, PEER_A "allowed_ip=10.0.0.0/8\nallowed_ip=10.0.0.0/99\n"
		   "allowed_ip=11.0.0.0/8\n" PEER_B), EINVAL);
	eq_int(wg_peer_count(b->device.wg), 1);
	eq_int(allowedips_count(b->device.routes), 1);
	end(b);
}

static void peers_come_and_go(void)
{
	static const struct {
		const char *text, *after; /* the peers, by their first letters */
		int error;
	} rows[] = {
		{ PEER_A, "a", 0 },
		{ PEER_B "update_only=true\nallowed_ip=10.0.0.0/8\n", "a", 0 },
		{ PEER_B "remove=true\nallowed_ip=10.0.0.0/8\n", "a", 0 },
		{ PEER_B "allowed_ip=10.0.0.0/8\n", "ab", 0 },
		{ PEER_A "update_only=true\nallowed_ip=12.0.0.0/8\n", "ab", 0 },
		{ PEER_A "remove=true\n" PEER_B "remove=true\n", "", 0 },
		{ PEER_A "allowed_ip=12.0.0.0/8\nupdate_only=true\nallowed_ip=13.0.0.0/8\n", "",
		  0 },
		{ PEER_A "remove=true\nendpoint=192.0.2.1:1\n" PEER_A "endpoint=192.0.2.1:1\n", "a",
		  0 },
		{ "replace_peers=true\n" PEER_B, "b", 0 },
		{ "replace_peers=true\n", "", 0 },
		{ PEER_A PEER_B "public_key=" SECRET64 "\n", "ab", ENOSPC },
		{ "public_key=" SECRET64 "\nremove=true\n", "ab", 0 },
		{ "public_key=" SECRET64 "\nupdate_only=true\n", "ab", 0 },
		{ "public_key=" SECRET64 "\n" PEER_A, "ab", ENOSPC },
		{ PEER_A "remove=true\npublic_key=" SECRET64 "\n", "b1", 0 },
	};
	struct bench *b = bench(2, 8);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char have[4] = "";
		size_t n = 0;

		eq_int(set(b, rows[i].text), rows[i].error);
		get(b, false);
		for (const char *c = "ab1"; *c; c++) {
			const char key[] = { 'c', '_', 'k', 'e', 'y', '=', *c, *c, 0 };

			if (strstr(b->shown, key))
				have[n++] = *c;
		}
		eq_str(have, rows[i].after);
	}
	end(b);
}

static void a_prefix_moves_and_leaves_on_request(void)
{
	struct bench *b = bench(4, 4);
	uint32_t a, z;
	struct ip ip = ip_v4(10, 0, 0, 1);

	eq_int(set(b, PEER_A "allowed_ip=10.0.0.0/8\nallowed_ip=::/0\n" PEER_B), 0);
	a = allowedips_lookup(b->device.routes, &ip);
	eq_int(set(b, PEER_B "allowed_ip=-10.0.0.0/8\n"), 0); /* not his to remove */
	eq_int(allowedips_lookup(b->device.routes, &ip), a);
	eq_int(set(b, PEER_B "allowed_ip=10.0.0.0/8\n"), 0);
	z = allowedips_lookup(b->device.routes, &ip);
	ok(z != a && z != ALLOWEDIPS_NONE);
	eq_int(set(b, PEER_B "allowed_ip=-10.0.0.0/8\n"), 0);
	eq_int(allowedips_lookup(b->device.routes, &ip), ALLOWEDIPS_NONE);
	eq_int(set(b, PEER_A "remove=true\n"), 0);
	eq_int(allowedips_count(b->device.routes), 0);
	eq_int(set(b, PEER_B "allowed_ip=10.0.0.0/8\nallowed_ip=10.1.0.0/16\n"
		   "allowed_ip=10.2.0.0/16\nallowed_ip=10.3.0.0/16\n"), 0);
	eq_int(set(b, PEER_B "allowed_ip=10.4.0.0/16\n"), ENOSPC);
	eq_int(set(b, "replace_peers=true\n"), 0);
	eq_int(allowedips_count(b->device.routes), 0);
	end(b);
}

/* Row 41 of the kernel's list of tests: whoever has our key is no peer. */
static void our_own_key_is_no_peer(void)
{
	struct bench *b = bench(4, 8);
	struct dh_secret secret;
	struct dh_public own;
	char lines[512], hex[65];

	memset(&secret, 0x11, sizeof(secret));
	x25519_clamp(&secret);
	x25519_public(&own, &secret);
	hex_encode(&own, sizeof(own), hex, sizeof(hex));

	/* a peer before the private key is known: taken, then removed with its prefixes */
	snprintf(lines, sizeof(lines), "public_key=%s\nallowed_ip=10.0.0.0/8\n" PEER_A, hex);
	eq_int(set(b, lines), 0);
	eq_int(wg_peer_count(b->device.wg), 2);
	eq_int(set(b, "private_key=" SECRET64 "\n"), 0);
	eq_int(wg_peer_count(b->device.wg), 1);
	eq_int(allowedips_count(b->device.routes), 0);

	/* afterwards: its lines are passed over, the next peer's are not */
	snprintf(lines, sizeof(lines), "public_key=%s\nendpoint=192.0.2.1:1\n"
		 "preshared_key=" B64 "\nallowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\n"
		 "persistent_keepalive_interval=1\nremove=true\n"
		 PEER_B "allowed_ip=11.0.0.0/8\n", hex);
	eq_int(set(b, lines), 0);
	eq_int(wg_peer_count(b->device.wg), 2);
	eq_int(allowedips_count(b->device.routes), 1);
	snprintf(lines, sizeof(lines), "public_key=%s\nallowed_ip=10.0.0.0/99\n", hex);
	eq_int(set(b, lines), EINVAL);

	/* and in one go, as wg setconf does it */
	snprintf(lines, sizeof(lines), "private_key=" SECRET64 "\nreplace_peers=true\n"
		 "public_key=%s\nallowed_ip=10.0.0.0/8\n", hex);
	eq_int(set(b, lines), 0);
	eq_int(wg_peer_count(b->device.wg), 0);
	end(b);
}

static void names_of_interfaces_are_asked_for(void)
{
	struct bench *b = bench(4, 8);

	b->device.scope_of = scope_of;
	eq_int(set(b, PEER_A "endpoint=[fe80::1%eth7]:51820\n"), 0);
	ok(strstr(get(b, false), "endpoint=[fe80::1%7]:51820\n"));
	eq_int(set(b, PEER_A "endpoint=[fe80::2%9]:51820\n"), 0);
	ok(strstr(get(b, false), "endpoint=[fe80::2%9]:51820\n"));
	eq_int(set(b, PEER_A "endpoint=[fe80::1%eth8]:51820\n"), EINVAL);
	eq_int(set(b, PEER_A "endpoint=[fe80::1%]:51820\n"), EINVAL);
	eq_int(set(b, PEER_A "endpoint=[fe80::1%eth7\n"), EINVAL);
	eq_int(set(b, PEER_A "endpoint=%eth7]\n"), EINVAL);
	eq_int(set(b, PEER_A "endpoint=[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"
		   ":1111:1111:1111:1111:1111:1111:1111:1111:1111:1111%eth7]:51820\n"), EINVAL);
	end(b);
}

static void long_lines_are_refused(void)
{
	struct bench *b = bench(4, 8);
	char line[UAPI_LINE_MAX + 3];

	memset(line, '0', sizeof(line));
	memcpy(line, "fwmark=", 7);
	line[UAPI_LINE_MAX - 1] = '7';
	line[UAPI_LINE_MAX] = '\n';
	line[UAPI_LINE_MAX + 1] = '\0';
	eq_int(set(b, line), 0);
	eq_int(b->device.fwmark, 7);
	line[UAPI_LINE_MAX] = '0';
	line[UAPI_LINE_MAX + 1] = '\n';
	line[UAPI_LINE_MAX + 2] = '\0';
	eq_int(set(b, line), EPROTO);
	end(b);
}

static void a_mesh_is_read_only(void)
{
	struct bench *b = bench(4, 8);
	struct allowedips *routes = b->device.routes;

	eq_int(set(b, "private_key=" SECRET64 "\n" PEER_A "preshared_key=" B64 "\n"
		   "allowed_ip=10.0.0.0/8\n"), 0);
	b->device.routes = NULL;
	b->device.shown = routes;
	eq_int(set(b, "fwmark=1\n"), EPERM);
	eq_int(set(b, "nonsense\n"), EPERM);
	eq_int(set(b, ""), 0);
	eq_str(get(b, true), PEER_A "protocol_version=1\n" IDLE(0) "allowed_ip=10.0.0.0/8\n");
	b->device.shown = NULL;
	eq_str(get(b, true), PEER_A "protocol_version=1\n" IDLE(0));
	b->device.routes = routes;
	end(b);
}

/* --- two engines that hear each other */

static void deliver(struct bench *from, struct bench *to, const struct endpoint *of_from)
{
	for (uint32_t i = 0; i < from->out.count; i++)
		if (from->out.items[i].kind == OUT_DATAGRAM)
			wg_input(to->device.wg, now, of_from, 0,
				 bytes_of(from->out.items[i].data, from->out.items[i].len),
				 &to->out);
	outbox_clear(&from->out);
}

static void set_secret(struct bench *b, uint8_t with, char public_hex[65])
{
	struct dh_secret secret;
	char line[128], hex[65];

	memset(&secret, with, sizeof(secret));
	hex_encode(&secret, sizeof(secret), hex, sizeof(hex));
	snprintf(line, sizeof(line), "private_key=%s\n", hex);
	eq_int(set(b, line), 0);
	hex_encode(wg_public(b->device.wg), 32, public_hex, 65);
}

static bool has_session(const struct bench *b)
{
	struct wg_peer_info info;

	wg_peer_info(b->device.wg, wg_peer_next(b->device.wg, WG_NONE), &info);
	return info.has_session;
}

/* wg syncconf sends the private key each time; it must not cost the sessions. */
static void the_same_private_key_keeps_sessions(void)
{
	struct bench *a = bench(1, 1), *b = bench(1, 1);
	const struct endpoint at_a = { .ip = ip_v4(192, 0, 2, 1), .port = 1 };
	const struct endpoint at_b = { .ip = ip_v4(192, 0, 2, 2), .port = 2 };
	char key_a[65], key_b[65], lines[256];

	b->random.key.b[0] ^= 1;
	set_secret(a, 0x0a, key_a);
	set_secret(b, 0x0b, key_b);
	snprintf(lines, sizeof(lines), "public_key=%s\nendpoint=192.0.2.2:2\n", key_b);
	eq_int(set(a, lines), 0);
	snprintf(lines, sizeof(lines), "public_key=%s\nendpoint=192.0.2.1:1\n", key_a);
	eq_int(set(b, lines), 0);
	wg_peer_handshake(a->device.wg, wg_peer_next(a->device.wg, WG_NONE), now, &a->out);
	deliver(a, b, &at_a);
	deliver(b, a, &at_b);
	deliver(a, b, &at_a);
	ok(has_session(a) && has_session(b));
	ok(strstr(get(a, false), "last_handshake_time_sec=1700000000\n"
				 "last_handshake_time_nsec=5\ntx_bytes="));
	ok(!strstr(a->shown, "tx_bytes=0\n") && !strstr(a->shown, "rx_bytes=0\n"));

	set_secret(a, 0x0a, key_a);
	ok(has_session(a));
	set_secret(a, 0x0c, key_a);
	ok(!has_session(a));
	end(a);
	end(b);
}

/* --- a configuration as wg setconf sends it */

static char *configuration(struct text *t, uint32_t peers)
{
	struct rng rng;

	rng_init(&rng, 9);
	text_add(t, "private_key=" CLAMPED64 "\nlisten_port=51820\nfwmark=7\n");
	for (uint32_t i = 0; i < peers; i++) {
		char lines[600];
		uint64_t key[4] = { rng_u64(&rng), rng_u64(&rng), rng_u64(&rng), i };
		char hex[65];

		hex_encode(key, sizeof(key), hex, sizeof(hex));
		snprintf(lines, sizeof(lines),
			 "public_key=%s\npreshared_key=%s\nprotocol_version=1\n"
			 "endpoint=%u.%u.2.1:%u\n" IDLE(%u)
			 "allowed_ip=10.%u.%u.0/24\nallowed_ip=fd00:%x::/%u\n", hex,
			 i % 3 ? hex : ZERO64, 1 + i % 200, i / 200, 1 + i, i % 65536,
			 i / 256, i % 256, 0x1000 + i, 48 + i % 80);
		text_add(t, lines);
	}
	ok(!t->truncated);
	return t->start;
}

/* The lines of get that are not of set. */
static bool only_shown(const char *line)
{
	return !strncmp(line, "last_", 5) || !strncmp(line, "tx_b", 4) || !strncmp(line, "rx_b", 4);
}

static void four_thousand_peers_round_trip(void)
{
	enum { PEERS = 4000 };
	struct bench *b = bench(PEERS, 2 * PEERS);
	const size_t cap = PEERS * 600;
	char *memory = malloc(cap), *config = malloc(cap), *want;
	struct text t = text_of(memory, cap), lines = text_of(config, cap);

	wg_set_up(b->device.wg, false, now, &b->out);
	want = configuration(&t, PEERS);
	for (const char *at = want; *at; at = strchr(at, '\n') + 1)
		if (!only_shown(at))
			text_add_n(&lines, at, (size_t)(strchr(at, '\n') + 1 - at));
	eq_int(set(b, config), 0);
	eq_int(wg_peer_count(b->device.wg), PEERS);
	eq_int(allowedips_count(b->device.routes), 2 * PEERS);
	if (strcmp(get(b, false), want))
		TAP_FAIL("get shows %zu bytes that differ from those set", b->shown_len);
	/* what was shown can be set again, over itself */
	eq_int(set(b, config), 0);
	ok(!strcmp(get(b, false), want));
	end(b);
	free(memory);
	free(config);
}

TAP_TESTS(T(each_line_has_its_errno),
	  T(get_shows_what_was_set),
	  T(the_device_may_refuse_a_port_or_mark),
	  T(what_came_before_an_error_stays),
	  T(peers_come_and_go),
	  T(a_prefix_moves_and_leaves_on_request),
	  T(our_own_key_is_no_peer),
	  T(names_of_interfaces_are_asked_for),
	  T(long_lines_are_refused),
	  T(a_mesh_is_read_only),
	  T(the_same_private_key_keeps_sessions),
	  T(four_thousand_peers_round_trip))
