/* The control socket: the daemon's end in its loop, with clients that are quick, slow, many, rude
 * or gone; and the tool's end with daemons that are no better. */
#include "linux/control_client.h"
#include "linux/control_server.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS 16384u
#define STRANGER 65534

static struct world {
	struct loop loop;
	struct control_server *server;
	int listener;
	char path[64];
	uint32_t peers;     /* slots 0, 2, 4... */
	unsigned downs, asked, pings, pings_ended;
	bool ponged;
} w;

static void on_status(void *ctx, struct report_node *out)
{
	struct world *world = ctx;

	snprintf(out->interface, sizeof(out->interface), "mg0");
	out->trusted = world->peers;
	world->asked++;
}

static uint32_t on_peer(void *ctx, uint32_t after, struct report_peer *out)
{
	struct world *world = ctx;
	uint32_t slot = after == CONTROL_NO_PEER ? 0 : after / 2 * 2 + 2;

	if (slot / 2 >= world->peers)
		return CONTROL_NO_PEER;
	snprintf(out->name, sizeof(out->name), "peer-%u", slot);
	return slot;
}

static uint32_t on_service(void *ctx, uint32_t after, struct report_service *out)
{
	struct world *world = ctx;
	uint32_t number = after + 1;

	if (number >= world->peers)
		return CONTROL_NO_PEER;
	*out = (struct report_service){ .origin = "global", .rule = "allow tcp 22", .line = number,
					.packets = 7, .flows = 2 };
	return number;
}

static uint32_t on_observed(void *ctx, uint32_t after, struct report_observed *out)
{
	(void)ctx;
	if (after != CONTROL_NO_PEER)
		return CONTROL_NO_PEER;
	*out = (struct report_observed){ .name = "bob", .protocol = 6, .port = 80, .times = 3 };
	out->first = out->last = (struct instant){ clock_now().boot.ns - span_s(1).ns };
	return 9;
}

static uint32_t on_ping(void *ctx, const struct public_key *key)
{
	((struct world *)ctx)->pings++;
	return key->b[0] ? 5 : CONTROL_NO_PEER;
}

static bool on_pinged(void *ctx, uint32_t ping, uint64_t *rtt_us)
{
	eq_int(ping, 5);
	*rtt_us = 1234;
	return ((struct world *)ctx)->ponged;
}

static void on_ping_end(void *ctx, uint32_t ping)
{
	eq_int(ping, 5);
	((struct world *)ctx)->pings_ended++;
}

static uint32_t on_peer_of(void *ctx, const struct public_key *key, struct report_peer *out)
{
	(void)ctx;
	out->key = *key;
	snprintf(out->name, sizeof(out->name), "bob");
	return key->b[0] ? 7 : CONTROL_NO_PEER;
}

static void on_down(void *ctx)
{
	((struct world *)ctx)->downs++;
}

static struct sockaddr_un address(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", w.path);
	return a;
}

/* A listener in a directory of its own; others may connect to it too. */
static int listen_somewhere(void)
{
	static char dir[] = "/tmp/meshguard-test-XXXXXX";
	struct sockaddr_un a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		exit(1);
	snprintf(w.path, sizeof(w.path), "%s/sock", dir);
	a = address();
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(w.path, 0777) < 0
	    || listen(fd, 32) < 0)
		exit(1);
	return fd;
}

static void unlisten(int fd)
{
	close(fd);
	unlink(w.path);
	*strrchr(w.path, '/') = 0;
	rmdir(w.path);
}

static void start(uint32_t peers, uid_t owner)
{
	struct control_config config = {
		.owner = owner, .directory = "/etc/mesh",
		.handlers = { on_status, on_peer, on_service, on_observed, on_ping, on_pinged,
			      on_ping_end, on_peer_of, on_down, &w },
	};

	memset(&w, 0, sizeof(w));
	w.peers = peers;
	config.listener = w.listener = listen_somewhere();
	ok(loop_init(&w.loop) == 0);
	ok(control_server_open(&w.server, &w.loop, &config) == 0);
}

static void stop(void)
{
	control_server_close(w.server);
	loop_close(&w.loop);
	unlisten(w.listener);
}

static void turn(unsigned times)
{
	while (times--)
		ok(loop_turn(&w.loop, INSTANT_ZERO) == 0);
}

/* --- a client without patience ----------------------------------------------------------- */

struct visitor {
	int fd;
	bool ended;                /* the daemon closed */
	size_t len;
	uint8_t in[1u << 17];
	unsigned nodes, peers, rules, observed, pongs, done, errors;
	uint64_t rtt_us;
	unsigned fresh;            /* peers of the answer at hand */
	uint32_t last_id;
	enum request_problem problem;
};

static struct visitor visitors[CONTROL_MAX_CLIENTS + 1];

static struct visitor *visit(unsigned n)
{
	struct visitor *v = &visitors[n];
	struct sockaddr_un a = address();

	memset(v, 0, sizeof(*v));
	v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok(connect(v->fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	ok(fcntl(v->fd, F_SETFL, O_NONBLOCK) == 0);
	return v;
}

static void say(struct visitor *v, const void *data, size_t len)
{
	ok(send(v->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void ask(struct visitor *v, uint32_t id, enum request_verb verb)
{
	struct request r = { .id = id, .verb = verb };
	uint8_t frame[256];

	say(v, frame, request_encode(&r, frame, sizeof(frame)));
}

static void count_frame(struct visitor *v, const uint8_t *json, size_t len)
{
	static struct answer a;

	if (!answer_decode(json, len, clock_now().boot, &a)) {
		TAP_FAIL("no answer: %.*s", (int)len, json);
		return;
	}
	v->nodes += a.kind == ANSWER_NODE;
	v->peers += a.kind == ANSWER_PEER;
	v->rules += a.kind == ANSWER_RULE;
	v->observed += a.kind == ANSWER_OBSERVED;
	v->fresh += a.kind == ANSWER_PEER || a.kind == ANSWER_RULE || a.kind == ANSWER_OBSERVED;
	v->pongs += a.kind == ANSWER_PONG;
	if (a.kind == ANSWER_PONG)
		v->rtt_us = a.rtt_us;
	v->done += a.kind == ANSWER_DONE;
	v->errors += a.kind == ANSWER_ERROR;
	v->last_id = a.id;
	if (a.kind == ANSWER_ERROR)
		v->problem = a.problem;
	if (a.kind != ANSWER_DONE)
		return;
	eq_int(a.peers, v->fresh);
	v->fresh = 0;
}

/* Takes what is there, at most one read. */
static void hear(struct visitor *v)
{
	ssize_t n = recv(v->fd, v->in + v->len, sizeof(v->in) - v->len, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		v->ended = true;
		return;
	}
	v->len += (size_t)n;
	while (v->len >= CONTROL_HEAD && v->len >= CONTROL_HEAD + load_be32(v->in)) {
		size_t frame = CONTROL_HEAD + load_be32(v->in);

		count_frame(v, v->in + CONTROL_HEAD, frame - CONTROL_HEAD);
		v->len -= frame;
		memmove(v->in, v->in + frame, v->len);
	}
}

/* Turns until the visitor has so many ends and errors, or was cut; the bound is far beyond need. */
static void settle(struct visitor *v, unsigned answers)
{
	for (unsigned i = 0; i < 20000 && v->done + v->errors < answers && !v->ended; i++) {
		turn(1);
		hear(v);
	}
	eq_int(v->done + v->errors, answers);
}

static bool is_cut(struct visitor *v)
{
	for (unsigned i = 0; i < 4000 && !v->ended; i++) {
		turn(1);
		hear(v);
	}
	return v->ended;
}

/* --- tests ------------------------------------------------------------------------------- */

static void a_status_of_every_member_arrives_whole(void)
{
	struct visitor *v;

	start(PEERS, 1000);
	v = visit(0);
	ask(v, 77, REQUEST_STATUS);
	settle(v, 1);
	eq_int(v->nodes, 1);
	eq_int(v->peers, PEERS);
	eq_int(v->done, 1);
	eq_int(v->last_id, 77);
	close(v->fd);
	stop();
}

static void ask_for(struct visitor *v, uint32_t id, uint8_t key)
{
	struct request r = { .id = id, .verb = REQUEST_PING, .peer = { { key } } };
	uint8_t frame[256];

	say(v, frame, request_encode(&r, frame, sizeof(frame)));
}

/* Turns of the loop, as the daemon does them. */
static void turns(struct visitor *v, unsigned n)
{
	while (n--) {
		turn(1);
		control_server_tick(w.server, clock_now().boot);
		hear(v);
	}
}

static void a_ping_is_waited_for_and_holds_up_nobody(void)
{
	struct visitor *v, *other;

	start(3, 1000);
	v = visit(0);
	other = visit(1);
	ask_for(v, 8, 1);
	turns(v, 20);
	eq_int(w.pings, 1);
	eq_int(v->len + v->pongs + v->done, 0);
	ask(other, 9, REQUEST_STATUS);
	settle(other, 1);
	w.ponged = true;
	turns(v, 20);
	eq_int(v->pongs, 1);
	eq_int((intmax_t)v->rtt_us, 1234);
	eq_int(v->peers, 1);
	eq_int(v->done, 1);
	eq_int(w.pings_ended, 1);
	/* And once more on the same connection; of a key that nobody has. */
	ask_for(v, 9, 1);
	turns(v, 20);
	eq_int(v->pongs, 2);
	ask_for(v, 10, 0);
	turns(v, 20);
	eq_int(v->pongs, 3);
	eq_int((intmax_t)v->rtt_us, 0);
	eq_int(v->peers, 2);
	eq_int(w.pings, 3);
	eq_int(w.pings_ended, 2);
	close(v->fd);
	close(other->fd);
	stop();
}

static void who_leaves_while_a_ping_is_under_way_ends_it(void)
{
	struct visitor *v;

	start(3, 1000);
	v = visit(0);
	ask_for(v, 8, 1);
	turns(v, 20);
	eq_int(w.pings, 1);
	close(v->fd);
	for (unsigned i = 0; i < 20; i++) {
		turn(1);
		control_server_tick(w.server, clock_now().boot);
	}
	eq_int(w.pings_ended, 1);
	v = visit(1);
	ask_for(v, 9, 1);
	turns(v, 20);
	stop(); /* with one under way */
	eq_int(w.pings_ended, 2);
	close(v->fd);
}

/* What on_service says, read by our own client. */
static void service_rules_arrive_whole(void)
{
	uint8_t frame[512];
	struct report_service rule = { 0 };
	static struct answer a;
	struct visitor *v;
	size_t len;

	start(PEERS, 1000);
	v = visit(0);
	ask(v, 78, REQUEST_SERVICES);
	settle(v, 1);
	eq_int(v->nodes, 0);
	eq_int(v->rules, PEERS);
	eq_int(v->last_id, 78);
	close(v->fd);
	on_service(&w, 4, &rule);
	len = frame_encode(1, "rule", report_service_json(&rule), frame, sizeof(frame));
	ok(answer_decode(frame + CONTROL_HEAD, len - CONTROL_HEAD, clock_now().boot, &a));
	eq_int(a.kind, ANSWER_RULE);
	eq_str(a.rule.origin, "global");
	eq_str(a.rule.rule, "allow tcp 22");
	eq_int(a.rule.line, 5);
	eq_int(a.rule.packets, 7);
	eq_int(a.rule.flows, 2);

	struct report_observed o = { 0 };
	v = visit(0);
	ask(v, 79, REQUEST_OBSERVED);
	settle(v, 1);
	eq_int(v->observed, 1);
	close(v->fd);
	on_observed(&w, CONTROL_NO_PEER, &o);
	len = frame_encode(1, "observed", report_observed_json(&o, clock_now().boot), frame,
			   sizeof(frame));
	ok(answer_decode(frame + CONTROL_HEAD, len - CONTROL_HEAD, clock_now().boot, &a));
	eq_int(a.kind, ANSWER_OBSERVED);
	eq_str(a.observed.name, "bob");
	eq_int(a.observed.protocol, 6);
	eq_int(a.observed.port, 80);
	eq_int(a.observed.times, 3);
	eq_int(span_in_s(instant_since(clock_now().boot, a.observed.last)), 1);
	stop();
}

static void counters_are_the_node_alone(void)
{
	struct visitor *v;

	start(5, 1000);
	v = visit(0);
	ask(v, 1, REQUEST_COUNTERS);
	settle(v, 1);
	eq_int(v->nodes, 1);
	eq_int(v->peers, 0);
	close(v->fd);
	stop();
}

static void a_request_may_come_byte_by_byte(void)
{
	struct request r = { .id = 5, .verb = REQUEST_STATUS };
	uint8_t frame[256];
	size_t len = request_encode(&r, frame, sizeof(frame));
	struct visitor *v;

	start(1, 1000);
	v = visit(0);
	for (size_t i = 0; i < len; i++) {
		eq_int(v->done, 0);
		say(v, frame + i, 1);
		turn(2);
		hear(v);
	}
	settle(v, 1);
	close(v->fd);
	stop();
}

static void requests_in_a_row_are_answered_in_order(void)
{
	struct visitor *v;

	start(0, 1000);
	v = visit(0);
	for (uint32_t id = 1; id <= 200; id++)
		ask(v, id, REQUEST_COUNTERS);
	settle(v, 200);
	eq_int(v->last_id, 200);
	eq_int(w.asked, 200);
	close(v->fd);
	stop();
}

static void who_asks_and_says_no_more_still_gets_his_answer(void)
{
	struct visitor *v;

	start(300, 1000);
	v = visit(0);
	ask(v, 1, REQUEST_STATUS);
	ask(v, 2, REQUEST_COUNTERS);
	ok(shutdown(v->fd, SHUT_WR) == 0);
	settle(v, 2);
	ok(is_cut(v));
	close(v->fd);
	stop();
}

static void a_frame_that_is_no_request_ends_the_connection(void)
{
	static const struct { const char *bytes; size_t len; } rows[] = {
		{ "\0\0\0\0", 4 }, { "\0\1\0\1", 4 }, { "\xff\xff\xff\xff", 4 },
		{ "\0\0\0\2{}", 6 }, { "GET / HTTP/1.1\r\n\r\n", 18 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct visitor *v;

		start(1, 1000);
		v = visit(0);
		say(v, rows[i].bytes, rows[i].len);
		settle(v, 1);
		eq_int(v->problem, REQUEST_MALFORMED);
		ok(is_cut(v));
		close(v->fd);
		stop();
	}
}

static void an_unknown_verb_leaves_the_connection_open(void)
{
	static const char json[] = "{\"version\":1,\"id\":3,\"verb\":\"fly\"}";
	uint8_t head[CONTROL_HEAD];
	struct visitor *v;

	start(1, 1000);
	v = visit(0);
	store_be32(head, sizeof(json) - 1);
	say(v, head, sizeof(head));
	say(v, json, sizeof(json) - 1);
	settle(v, 1);
	eq_int(v->problem, REQUEST_UNKNOWN);
	eq_int(v->last_id, 3);
	ask(v, 4, REQUEST_COUNTERS);
	settle(v, 2);
	eq_int(v->last_id, 4);
	close(v->fd);
	stop();
}

/* SO_PEERCRED is the effective user at the time of connect. */
static struct visitor *visit_as_stranger(unsigned n)
{
	struct visitor *v;

	if (geteuid() != 0)
		return visit(n);
	ok(seteuid(STRANGER) == 0);
	v = visit(n);
	ok(seteuid(0) == 0);
	return v;
}

static void down_is_refused_to_strangers(void)
{
	struct visitor *v;

	start(1, geteuid() + 1);
	v = visit_as_stranger(0);
	ask(v, 1, REQUEST_DOWN);
	settle(v, 1);
	eq_int(v->problem, REQUEST_REFUSED);
	eq_int(w.downs, 0);
	ask(v, 2, REQUEST_STATUS);
	settle(v, 2);
	eq_int(v->peers, 1);
	close(v->fd);
	stop();
}

static void down_is_answered_and_then_done(void)
{
	struct visitor *v;

	start(1, geteuid());
	v = visit(0);
	ask(v, 1, REQUEST_DOWN);
	settle(v, 1);
	eq_int(v->done, 1);
	eq_int(w.downs, 1);
	close(v->fd);
	stop();
}

static void down_works_for_who_does_not_wait(void)
{
	struct visitor *v;

	start(1, geteuid());
	v = visit(0);
	ask(v, 1, REQUEST_DOWN);
	close(v->fd);
	turn(4);
	eq_int(w.downs, 1);
	stop();
}

static void one_client_too_many_hears_busy(void)
{
	start(1, 1000);
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		visit(i);
		turn(2);
	}

	struct visitor *late = visit(CONTROL_MAX_CLIENTS);

	settle(late, 1);
	eq_int(late->problem, REQUEST_BUSY);
	ok(is_cut(late));
	close(late->fd);
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		ask(&visitors[i], i, REQUEST_STATUS);
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		settle(&visitors[i], 1);
	/* Who leaves makes room. */
	close(visitors[3].fd);
	turn(2);
	late = visit(CONTROL_MAX_CLIENTS);
	ask(late, 9, REQUEST_STATUS);
	settle(late, 1);
	eq_int(late->done, 1);
	close(late->fd);
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (i != 3)
			close(visitors[i].fd);
	stop();
}

static void who_hangs_up_in_the_middle_makes_room(void)
{
	start(PEERS, 1000);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
			ask(visit(i), 1, REQUEST_STATUS);
		turn(3);
		for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
			close(visitors[i].fd);
		turn(3);
	}
	eq_int(control_server_deadline(w.server).ns, INSTANT_NEVER.ns);
	stop();
}

static struct instant in(uint64_t milliseconds)
{
	return instant_add(clock_now().boot, span_ms(milliseconds));
}

static void the_idle_are_cut_after_their_time(void)
{
	struct visitor *v;

	start(1, 1000);
	eq_int(control_server_deadline(w.server).ns, INSTANT_NEVER.ns);
	v = visit(0);
	turn(2);
	ok(instant_reached(control_server_deadline(w.server), in(CONTROL_IDLE_S * 1000)));
	ok(!instant_reached(control_server_deadline(w.server), in(CONTROL_IDLE_S * 1000 - 5000)));
	say(v, "\0", 1); /* half a request is no reason to stay */
	turn(2);
	control_server_tick(w.server, in(CONTROL_IDLE_S * 1000 - 5000));
	turn(2);
	hear(v);
	ok(!v->ended);
	control_server_tick(w.server, in(CONTROL_IDLE_S * 1000));
	ok(is_cut(v));
	close(v->fd);
	stop();
}

static void the_stalled_are_cut_and_hold_up_nobody(void)
{
	struct visitor *slow, *quick;

	start(PEERS, 1000);
	slow = visit(0);
	quick = visit(1);
	ask(slow, 1, REQUEST_STATUS);
	turn(100);
	ask(quick, 2, REQUEST_STATUS);
	settle(quick, 1);
	eq_int(quick->peers, PEERS);
	ok(instant_reached(control_server_deadline(w.server), in(CONTROL_STALL_S * 1000)));
	control_server_tick(w.server, in(CONTROL_STALL_S * 1000 - 5000));
	eq_int(slow->done, 0);
	hear(slow);
	ok(!slow->ended);
	turn(5); /* it has taken something: a new lease */
	control_server_tick(w.server, in(CONTROL_STALL_S * 1000));
	ok(is_cut(slow));
	eq_int(slow->done, 0);
	close(slow->fd);
	close(quick->fd);
	stop();
}

static void a_stalled_answer_costs_no_turns(void)
{
	struct visitor *v;
	uint64_t before;

	start(PEERS, 1000);
	v = visit(0);
	ask(v, 1, REQUEST_STATUS);
	turn(200);
	before = w.loop.turns;
	/* Nothing is ready: this waits for its deadline, once. */
	ok(loop_turn(&w.loop, in(20)) == 0);
	eq_int(w.loop.turns - before, 1);
	close(v->fd);
	stop();
}

static void peers_that_go_while_they_are_listed_do_no_harm(void)
{
	struct visitor *v;

	start(PEERS, 1000);
	v = visit(0);
	ask(v, 1, REQUEST_STATUS);
	turn(3);
	w.peers = 10;
	settle(v, 1);
	ok(v->peers >= 10 && v->peers < PEERS);
	close(v->fd);
	stop();
}

/* --- the tool's end ---------------------------------------------------------------------- */

static void nobody_listens(void)
{
	static struct control_client c;

	eq_int(control_connect_path(&c, "/tmp/meshguard-test-nothing/sock"), -ENOENT);
	int fd = listen_somewhere();
	close(fd);
	eq_int(control_connect_path(&c, w.path), -ECONNREFUSED);
	unlisten(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* A client whose daemon has said these bytes and then gone. */
static int heard(const void *bytes, size_t len)
{
	static struct control_client c;
	static struct answer a;
	int pair[2], r;

	ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	c = (struct control_client){ .fd = pair[0] };
	ok(control_ask(&c, REQUEST_STATUS) == 0);
	ok(write(pair[1], bytes, len) == (ssize_t)len);
	ok(shutdown(pair[1], SHUT_WR) == 0);
	r = control_next(&c, &a);
	control_close(&c);
	close(pair[1]);
	return r;
}

static void daemons_that_talk_strangely(void)
{
	uint8_t frame[256];
	size_t len;

	eq_int(heard("", 0), -EPIPE);
	eq_int(heard("\0\0", 2), -EPIPE);
	eq_int(heard("\0\0\0\5{", 5), -EPIPE);
	eq_int(heard("\0\0\0\0", 4), -EPROTO);
	eq_int(heard("\0\1\0\1", 4), -EPROTO);
	eq_int(heard("\0\0\0\2{}", 6), -EPROTO);
	len = frame_encode_done(1, 0, frame, sizeof(frame));
	eq_int(heard(frame, len), 0);
	len = frame_encode_done(2, 0, frame, sizeof(frame)); /* to another question */
	eq_int(heard(frame, len), -EPROTO);
	len = frame_encode_error(0, REQUEST_BUSY, frame, sizeof(frame));
	eq_int(heard(frame, len), 0);
}

static void a_daemon_that_is_stopped_does_not_hold_us(void)
{
	static struct control_client c;
	static struct answer a;
	struct instant before = clock_now().boot;
	uint64_t ms;
	int fd = listen_somewhere(); /* nobody accepts */

	eq_int(control_connect_path(&c, w.path), 0);
	eq_int(control_ask(&c, REQUEST_STATUS), 0);
	eq_int(control_next(&c, &a), -ETIMEDOUT);
	ms = span_in_ms(instant_since(clock_now().boot, before));
	ok(ms >= CONTROL_ANSWER_S * 1000 && ms < CONTROL_ANSWER_S * 1000 + 3000);
	control_close(&c);
	unlisten(fd);
}

TAP_TESTS(T(a_ping_is_waited_for_and_holds_up_nobody),
	  T(who_leaves_while_a_ping_is_under_way_ends_it),
	  T(a_status_of_every_member_arrives_whole), T(service_rules_arrive_whole),
	  T(counters_are_the_node_alone),
	  T(a_request_may_come_byte_by_byte), T(requests_in_a_row_are_answered_in_order),
	  T(who_asks_and_says_no_more_still_gets_his_answer),
	  T(a_frame_that_is_no_request_ends_the_connection),
	  T(an_unknown_verb_leaves_the_connection_open), T(down_is_refused_to_strangers),
	  T(down_is_answered_and_then_done), T(down_works_for_who_does_not_wait),
	  T(one_client_too_many_hears_busy), T(who_hangs_up_in_the_middle_makes_room),
	  T(the_idle_are_cut_after_their_time), T(the_stalled_are_cut_and_hold_up_nobody),
	  T(a_stalled_answer_costs_no_turns), T(peers_that_go_while_they_are_listed_do_no_harm),
	  T(nobody_listens), T(daemons_that_talk_strangely),
	  T(a_daemon_that_is_stopped_does_not_hold_us))
