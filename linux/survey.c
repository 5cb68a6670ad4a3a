#include "linux/survey.h"

#include "linux/loop.h"
#include "linux/rtnetlink.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 1200u
#define CHECKS 3u              /* requests that find out what a server can do */
#define CHECK_MS 1000

static int open_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static socklen_t to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (e->ip.family == FAMILY_IPV4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(e->port);
		memcpy(&four->sin_addr, e->ip.b, sizeof(four->sin_addr));
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(e->port);
	six->sin6_scope_id = e->scope;
	memcpy(&six->sin6_addr, e->ip.b, sizeof(six->sin6_addr));
	return sizeof(*six);
}

/* False: nothing is there. */
static bool receive(int fd, struct endpoint *from, uint8_t raw[static MESSAGE], size_t *len)
{
	struct sockaddr_storage a = { 0 };
	const struct sockaddr_in *four = (const struct sockaddr_in *)&a;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a;
	socklen_t size = sizeof(a);
	ssize_t n = recvfrom(fd, raw, MESSAGE, MSG_DONTWAIT, (struct sockaddr *)&a, &size);

	if (n < 0)
		return false;
	*len = (size_t)n;
	*from = (struct endpoint){ 0 };
	if (a.ss_family == AF_INET) {
		from->ip = ip_of(FAMILY_IPV4, &four->sin_addr);
		from->port = ntohs(four->sin_port);
	} else {
		from->ip = ip_of(FAMILY_IPV6, &six->sin6_addr);
		from->port = ntohs(six->sin6_port);
	}
	return true;
}

/* A network that cannot be reached is one that does not answer. */
static void send_to(int fd, const struct endpoint *to, const void *data, size_t len)
{
	struct sockaddr_storage a;
	socklen_t size = to_sockaddr(to, &a);

	(void)!sendto(fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&a, size);
}

/* Until something came to one of them, or that time. */
static void await(const int *fds, unsigned count, struct instant until)
{
	const uint64_t ms = span_in_ms(instant_since(until, clock_now().boot)) + 1;
	struct pollfd list[4] = { 0 };

	for (unsigned i = 0; i < count; i++)
		list[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	poll(list, count, ms > 60000 ? 60000 : (int)ms);
}

static void seed(struct random *random)
{
	uint8_t bytes[32];

	entropy(bytes, sizeof(bytes));
	random_init(random, bytes);
	wipe(bytes, sizeof(bytes));
}

/* --- what the NAT does */

enum { A4, A6, B4, SOCKETS };

struct addresses {
	struct ip list[16];
	unsigned count;
};

static int add_address(void *ctx, const struct rtnl_address *a)
{
	struct addresses *l = ctx;

	if (l->count < sizeof(l->list) / sizeof(*l->list))
		l->list[l->count++] = a->ip;
	return 0;
}

static void take_all(struct survey *s, const int fds[static SOCKETS])
{
	uint8_t raw[MESSAGE];
	struct endpoint from;
	size_t len;

	for (unsigned i = 0; i < SOCKETS; i++) {
		for (unsigned n = 0; n < 32 && receive(fds[i], &from, raw, &len); n++) {
			from.socket = i == B4 ? SURVEY_B : SURVEY_A;
			survey_input(s, clock_now().boot, &from, bytes_of(raw, len));
		}
	}
}

static void survey_turn(struct survey *s, const int fds[static SOCKETS], struct outbox *out)
{
	outbox_clear(out);
	survey_tick(s, clock_now().boot, out);
	for (uint32_t i = 0; i < out->count; i++) {
		const struct out *o = &out->items[i];
		const bool six = o->to.ip.family == FAMILY_IPV6;

		send_to(fds[o->to.socket == SURVEY_B ? B4 : six ? A6 : A4], &o->to, o->data,
			o->len);
	}
}

int survey_run(struct survey *s, const struct endpoint *servers, unsigned count)
{
	static struct random random;
	struct out items[SURVEY_QUESTIONS];
	_Alignas(16) uint8_t arena[2048];
	int fds[SOCKETS] = { open_socket(AF_INET), open_socket(AF_INET6), open_socket(AF_INET) };
	struct addresses own = { .count = 0 };
	struct outbox out;
	int error = rtnl_addresses(add_address, &own);

	if (fds[A4] < 0 || fds[B4] < 0)
		error = fds[A4] < 0 ? fds[A4] : fds[B4];
	seed(&random);
	survey_init(s, &random, own.list, own.count);
	for (unsigned i = 0; i < count; i++)
		survey_add(s, &servers[i]);
	outbox_init(&out, items, SURVEY_QUESTIONS, arena, sizeof(arena));
	while (!error && !survey_done(s)) {
		survey_turn(s, fds, &out);
		if (survey_done(s))
			break;
		await(fds, SOCKETS, survey_deadline(s));
		take_all(s, fds);
	}
	for (unsigned i = 0; i < SOCKETS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	wipe(&random, sizeof(random));
	return error;
}

/* --- how long it keeps a mapping */

struct aging {
	struct random random;
	struct endpoint helper;
	struct lifetime *lifetime;
	int x, knocker;              /* the silent one; the one that asks for the answer to it */
	uint8_t touch[STUN_ID], knock[STUN_ID];
	uint16_t outside;            /* the port that x is seen as; 0: not known */
	bool came;                   /* the answer to a knock, at x */
	bool refused;                /* the server answers knocks to whoever asks */
};

static void touch(struct aging *a)
{
	uint8_t raw[STUN_REQUEST_LEN];

	random_bytes(&a->random, a->touch, sizeof(a->touch));
	stun_request(a->touch, raw);
	send_to(a->x, &a->helper, raw, sizeof(raw));
}

static int fresh(struct aging *a)
{
	if (a->x >= 0)
		close(a->x);
	a->outside = 0;
	a->x = open_socket(AF_INET);
	return a->x < 0 ? a->x : 0;
}

static void knock(struct aging *a)
{
	const struct stun_wish wish = { .response_port = a->outside };
	uint8_t raw[STUN_QUESTION_LEN];
	size_t len = stun_question(a->knock, &wish, raw);

	send_to(a->knocker, &a->helper, raw, len);
}

static void took(struct aging *a, bool silent_one, const struct stun_answer *answer)
{
	const bool knocked = ct_equal(answer->id, a->knock, STUN_ID);

	if (!silent_one) {
		a->refused |= knocked;
		return;
	}
	if (ct_equal(answer->id, a->touch, STUN_ID) && !answer->error)
		a->outside = answer->mapped.port;
	else if (!knocked || answer->error)
		return;
	a->came |= knocked;
	lifetime_heard(a->lifetime, clock_now().boot);
}

static void take_answers(struct aging *a)
{
	const int fds[] = { a->x, a->knocker };
	struct stun_answer answer;
	uint8_t raw[MESSAGE];
	struct endpoint from;
	size_t len;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 0; n < 32 && receive(fds[i], &from, raw, &len); n++)
			if (ip_equal(&from.ip, &a->helper.ip) && from.port == a->helper.port &&
			    stun_answer_decode(bytes_of(raw, len), &answer))
				took(a, i == 0, &answer);
}

/* Whether the server sends to another port than it was asked from. */
static int check(struct aging *a)
{
	random_bytes(&a->random, a->knock, sizeof(a->knock));
	for (unsigned i = 0; i < CHECKS && !a->came && !a->refused; i++) {
		struct instant until = instant_add(clock_now().boot, span_ms(CHECK_MS));

		touch(a);
		for (bool knocked = false; instant_before(clock_now().boot, until) && !a->came &&
					   !a->refused;) {
			await((const int[]){ a->x, a->knocker }, 2, until);
			take_answers(a);
			if (a->outside && !knocked)
				knock(a);
			knocked |= a->outside != 0;
		}
	}
	if (a->came)
		return 0;
	return a->outside ? -EOPNOTSUPP : -ETIMEDOUT;
}

static int act(struct aging *a, enum lifetime_do what)
{
	int error = what == LIFETIME_FRESH ? fresh(a) : 0;

	if (what == LIFETIME_KNOCK) {
		knock(a);
	} else if (!error) {
		random_bytes(&a->random, a->knock, sizeof(a->knock));
		touch(a);
	}
	return error;
}

static int measure(struct aging *a, uint16_t most_s)
{
	enum lifetime_do what;
	int error = fresh(a);

	if (!error)
		error = check(a);
	if (error)
		return error;
	lifetime_begin(a->lifetime, most_s, clock_now().boot);
	while (!error && lifetime_measures(a->lifetime)) {
		what = lifetime_tick(a->lifetime, clock_now().boot);
		if (what != LIFETIME_NOTHING) {
			error = act(a, what);
			continue;
		}
		await((const int[]){ a->x, a->knocker }, 2, lifetime_deadline(a->lifetime));
		take_answers(a);
	}
	return error ? error : a->lifetime->known ? 0 : -ETIMEDOUT;
}

int survey_lifetime(struct lifetime *l, const struct endpoint *helper, uint16_t most_s)
{
	static struct aging a;
	int error;

	a = (struct aging){ .helper = *helper, .lifetime = l, .x = -1 };
	a.helper.socket = 0;
	lifetime_init(l);
	seed(&a.random);
	a.knocker = open_socket(AF_INET);
	error = a.knocker < 0 ? a.knocker : measure(&a, most_s);
	if (a.x >= 0)
		close(a.x);
	if (a.knocker >= 0)
		close(a.knocker);
	wipe(&a, sizeof(a));
	return error;
}
