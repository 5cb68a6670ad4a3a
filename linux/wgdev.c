/* wgdev.c - the loop of the plain device.
 *
 * A handler reads what its descriptor has, gives it to the engine, and sends what the engine put
 * in the outbox; between two steps the outbox is emptied when it has not room for the largest
 * step. What needs rights (opening sockets, marks) is asked of the privileged process.
 *
 * The interface may be moved to another network namespace while the sockets stay in ours: all
 * that matters of it is seen through linkwatch.
 */
#include "linux/wgdev.h"

#include "linux/contexts.h"
#include "linux/keylog.h"
#include "linux/linkwatch.h"
#include "linux/loopguard.h"
#include "linux/loop.h"
#include "linux/tun.h"
#include "linux/uapi_server.h"
#include "linux/udp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* Room for a large hub. Mapped, not taken: memory is used as peers come. */
#define PEERS 65536u
#define SESSIONS (3u * PEERS)
#define STAGED_PACKETS 16384u
#define PREFIXES (1u << 20)

#define PACKETS_AT_ONCE 64u  /* of the TUN, before others get their turn */
#define BATCHES_AT_ONCE 2u   /* of each UDP socket */
#define TICKS_AT_ONCE 64u
#define OUT_ITEMS (4u * OUTBOX_STEP_ITEMS)
#define OUT_BYTES ((size_t)4 << 20)

enum level { SILENT, ERRORS, VERBOSE };

struct wgdev {
	struct priv_child *child;
	enum level level;
	struct crypto_contexts contexts;
	struct loop loop;
	struct linkwatch link;
	struct udp udp;
	struct udp_batch batch;
	struct tun tun;
	struct uapi_device device;
	struct uapi_server server;
	struct wg *wg;
	struct random random;
	bool up;
	uint32_t mtu;  /* as the engine knows it */
	bool stop;
	int status;
	struct outbox out;
	struct out items[OUT_ITEMS];
	uint8_t packet[MAX_PACKET + 1];
};

__attribute__((format(printf, 3, 4)))
static void say(const struct wgdev *d, enum level level, const char *format, ...)
{
	va_list args;

	if (d->level < level)
		return;
	fprintf(stderr, "meshguard: %s: ", d->child->interface);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void flush(void *ctx)
{
	struct wgdev *d = ctx;

	udp_send(&d->udp, &d->out);
	tun_write(&d->tun, &d->out);
	outbox_clear(&d->out);
}

static void make_room(struct wgdev *d)
{
	if (!outbox_has_room(&d->out, OUTBOX_STEP_ITEMS, (size_t)OUTBOX_STEP_BYTES))
		flush(d);
}

static void tun_ready(void *ctx, uint32_t events)
{
	struct wgdev *d = ctx;
	const struct moment now = clock_now();

	(void)events;
	for (unsigned i = 0; i < PACKETS_AT_ONCE; i++) {
		struct offload whole;
		const int n = tun_read(&d->tun, d->packet, sizeof(d->packet), &whole);
		if (n == -EBADFD) {
			d->link.gone = true;
			break;
		}
		if (n <= 0)
			break;
		const struct bytes packet = bytes_of(d->packet, (size_t)n);
		uint8_t hops;
		if (!loopguard_hops(packet, &hops))
			continue;
		make_room(d);
		const uint32_t before = d->out.count;
		wg_route(d->wg, now, packet, &d->out);
		for (uint32_t k = before; k < d->out.count; k++)
			d->out.items[k].hops = hops;
	}
	flush(d);
}

static void udp_ready(struct wgdev *d, int fd)
{
	const struct moment now = clock_now();

	for (unsigned k = 0; k < BATCHES_AT_ONCE; k++) {
		if (udp_receive(&d->udp, fd, &d->batch) <= 0)
			break;
		for (unsigned i = 0; i < d->batch.count; i++) {
			const struct udp_datagram *in = &d->batch.items[i];
			make_room(d);
			wg_input(d->wg, now, &in->from, in->ecn, bytes_of(in->data, in->len),
				 &d->out);
		}
		if (d->batch.count < UDP_BATCH)
			break;
	}
	flush(d);
}

static void udp4_ready(void *ctx, uint32_t events)
{
	struct wgdev *d = ctx;

	(void)events;
	udp_ready(d, d->udp.fd4);
}

static void udp6_ready(void *ctx, uint32_t events)
{
	struct wgdev *d = ctx;

	(void)events;
	udp_ready(d, d->udp.fd6);
}

/* What the privileged process says without being asked. */
static void take_notices(struct wgdev *d)
{
	struct priv_message m;
	int n;

	while ((n = priv_next_notice(d->child, &m)) > 0)
		if (m.kind == PRIV_STOP)
			d->stop = true;
	if (n < 0)
		d->stop = true; /* it is gone, and without it we end */
}

static void channel_ready(void *ctx, uint32_t events)
{
	(void)events;
	take_notices(ctx);
}

static int ask(struct wgdev *d, struct priv_message *m, int fds[2])
{
	const int err = priv_ask(d->child, m, fds);

	take_notices(d); /* those that came meanwhile do not make the channel readable */
	return err;
}

static void forget_sockets(struct wgdev *d)
{
	loop_remove(&d->loop, d->udp.fd4);
	loop_remove(&d->loop, d->udp.fd6);
	udp_close(&d->udp);
	d->udp.port = 0;
}

/* Sockets on that port, 0: any. On failure the old ones stay. */
static int open_sockets(struct wgdev *d, uint16_t port)
{
	struct priv_message m = { .kind = PRIV_UDP_OPEN, .value = port };
	int fds[2] = { -1, -1 };

	int err = ask(d, &m, fds);
	if (err)
		return err;
	struct udp opened = d->udp;
	opened.fd4 = fds[0];
	opened.fd6 = fds[1];
	opened.port = (uint16_t)m.value;
	forget_sockets(d);
	if (opened.fd4 >= 0)
		err = loop_add(&d->loop, opened.fd4, EPOLLIN, udp4_ready, d);
	if (!err && opened.fd6 >= 0)
		err = loop_add(&d->loop, opened.fd6, EPOLLIN, udp6_ready, d);
	d->udp = opened;
	if (err)
		forget_sockets(d);
	else
		d->device.listen_port = opened.port;
	return err;
}

/* The privileged process holds the sockets, too, and with them the port. */
static void close_sockets(struct wgdev *d)
{
	struct priv_message m = { .kind = PRIV_UDP_CLOSE };

	forget_sockets(d);
	const int err = ask(d, &m, NULL);
	if (err)
		say(d, ERRORS, "the UDP port is not closed: %s", strerror(-err));
}

/* The two callbacks of the UAPI. While the interface is down a port is only noted. */
static int set_listen_port(void *ctx, uint16_t port)
{
	struct wgdev *d = ctx;

	if (d->up && port && port == d->udp.port)
		return 0;
	if (d->up)
		return open_sockets(d, port);
	d->device.listen_port = port;
	return 0;
}

static int set_fwmark(void *ctx, uint32_t mark)
{
	struct wgdev *d = ctx;
	struct priv_message m = { .kind = PRIV_SET_MARK, .value = mark };

	const int err = ask(d, &m, NULL);
	if (!err)
		d->device.fwmark = mark;
	return err;
}

static uint32_t scope_of(void *ctx, const char *name, size_t len)
{
	char interface[IFNAMSIZ] = { 0 };

	(void)ctx;
	if (len >= sizeof(interface))
		return 0;
	memcpy(interface, name, len);
	return if_nametoindex(interface);
}

static void follow_link(struct wgdev *d)
{
	if (d->link.gone) {
		say(d, VERBOSE, "the interface was deleted");
		d->stop = true;
		return;
	}
	if (d->link.mtu != d->mtu) {
		d->mtu = d->link.mtu;
		wg_set_mtu(d->wg, d->mtu);
	}
	if (d->link.up == d->up)
		return;
	if (d->link.up) {
		const int err = open_sockets(d, d->device.listen_port);
		if (err)
			say(d, ERRORS, "port %u cannot be opened: %s", d->device.listen_port,
			    strerror(-err));
	} else {
		close_sockets(d);
	}
	d->up = d->link.up;
	make_room(d);
	wg_set_up(d->wg, d->up, clock_now(), &d->out);
	flush(d);
	say(d, VERBOSE, "the interface is %s, port %u", d->up ? "up" : "down",
	    d->device.listen_port);
}

static void link_ready(void *ctx, uint32_t events)
{
	struct wgdev *d = ctx;

	(void)events;
	linkwatch_read(&d->link, clock_now().boot);
	follow_link(d);
}

static void tell_facts(struct wgdev *d)
{
	static const char *const words[] = {
		[WG_FACT_HANDSHAKE] = "handshake done",
		[WG_FACT_GAVE_UP] = "no answer to handshakes, gave up",
		[WG_FACT_EXPIRED] = "keys expired",
		[WG_FACT_HEARD_FROM] = "heard from",
	};
	struct wg_fact fact;

	while (wg_next_fact(d->wg, &fact)) {
		char at[ENDPOINT_TEXT], key[BASE64_LEN(32) + 1];
		struct wg_peer_info info;
		if (d->level < VERBOSE)
			continue;
		wg_peer_info(d->wg, fact.peer, &info);
		base64_encode(info.key.b, sizeof(info.key.b), key, sizeof(key));
		wipe(&info.preshared, sizeof(info.preshared));
		endpoint_format(&fact.endpoint, at);
		say(d, VERBOSE, "peer %.8s: %s (%s)", key, words[fact.kind], at);
	}
}

static void turn(struct wgdev *d)
{
	uint8_t fresh[32];
	struct moment now = clock_now();

	for (unsigned i = 0; i < TICKS_AT_ONCE; i++) {
		if (!instant_reached(wg_deadline(d->wg), now.boot))
			break;
		make_room(d);
		wg_tick(d->wg, now, &d->out);
	}
	flush(d);
	uapi_server_tick(&d->server, now.boot);
	linkwatch_tick(&d->link, now.boot);
	follow_link(d);
	tell_facts(d);
	if (d->stop)
		return;
	struct instant deadline = instant_min(wg_deadline(d->wg), d->link.look);
	deadline = instant_min(deadline, uapi_server_deadline(&d->server));
	const int err = loop_turn(&d->loop, deadline);
	if (err) {
		say(d, ERRORS, "waiting failed: %s", strerror(-err));
		d->status = 1;
		d->stop = true;
	}
	entropy(fresh, sizeof(fresh));
	random_mix(&d->random, fresh);
	wipe(fresh, sizeof(fresh));
}

static int make_engine(struct wgdev *d)
{
	struct wg_config config = {
		.limits = { PEERS, SESSIONS, STAGED_PACKETS },
		.random = &d->random,
		.roam = true,
		.keylog = d->child->keylog >= 0 ? keylog_write : NULL,
		.keylog_ctx = &d->child->keylog,
	};
	const struct moment now = clock_now();
	uint8_t seed[32];

	const int err = crypto_contexts_make(&d->contexts, true);
	if (err)
		return err;
	crypto_use(&d->contexts);
	entropy(seed, sizeof(seed));
	random_init(&d->random, seed);
	wipe(seed, sizeof(seed));
	entropy(config.hash_key, sizeof(config.hash_key));
	void *memory = map(wg_size(&config.limits));
	void *table = map(allowedips_size(PREFIXES, PEERS));
	void *arena = map(OUT_BYTES);
	if (!memory || !table || !arena)
		return -ENOMEM;
	outbox_init(&d->out, d->items, OUT_ITEMS, arena, OUT_BYTES);
	d->wg = wg_init(memory, &config, now.boot);
	d->device = (struct uapi_device){
		.wg = d->wg,
		.routes = allowedips_init(table, PREFIXES, PEERS),
		.set_listen_port = set_listen_port,
		.set_fwmark = set_fwmark,
		.scope_of = scope_of,
		.ctx = d,
	};
	wg_set_routes(d->wg, d->device.routes);
	wg_set_up(d->wg, false, now, &d->out);
	return 0;
}

static int make_device(struct wgdev *d)
{
	struct priv_child *c = d->child;

	/* The port is chosen when the interface comes up. */
	d->udp = (struct udp){ .fd4 = c->udp4, .fd6 = c->udp6 };
	udp_close(&d->udp);
	c->udp4 = c->udp6 = -1;
	d->server = (struct uapi_server){
		.loop = &d->loop, .listener = c->uapi, .device = &d->device,
		.out = &d->out, .flush = flush, .ctx = d,
	};
	int err = make_engine(d);
	if (!err)
		err = udp_batch_make(&d->batch);
	tun_offload(&d->tun, c->tun, false, false);
	if (!err)
		err = loop_init(&d->loop);
	if (!err)
		err = linkwatch_open(&d->link, c->interface, c->tun);
	if (!err)
		err = loop_add(&d->loop, d->link.fd, EPOLLIN, link_ready, d);
	if (!err)
		err = loop_add(&d->loop, c->tun, EPOLLIN, tun_ready, d);
	if (!err)
		err = loop_add(&d->loop, c->channel, EPOLLIN, channel_ready, d);
	if (!err)
		err = uapi_server_open(&d->server);
	return err;
}

static enum level wanted_level(void)
{
	const char *word = secure_getenv("LOG_LEVEL");

	if (word && (!strcmp(word, "verbose") || !strcmp(word, "debug")))
		return VERBOSE;
	return word && !strcmp(word, "silent") ? SILENT : ERRORS;
}

int wgdev_child(struct priv_child *c)
{
	struct wgdev *d = map(sizeof(*d));

	if (!d)
		return 1;
	d->child = c;
	d->level = wanted_level();
	const int err = make_device(d);
	if (err) {
		say(d, ERRORS, "the device cannot be started: %s", strerror(-err));
		return 1;
	}
	if (c->uapi < 0) {
		say(d, ERRORS, "there is no configuration socket, so nothing could steer it");
		return 1;
	}
	if (c->ready >= 0) {
		const ssize_t n = write(c->ready, "", 1);
		(void)n; /* nobody waits any more */
		close(c->ready);
		c->ready = -1;
	}
	while (!d->stop)
		turn(d);
	uapi_server_close(&d->server);
	wg_set_private(d->wg, NULL, clock_now().boot);
	crypto_contexts_free(&d->contexts);
	return d->status;
}
