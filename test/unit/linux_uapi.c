/* The UAPI server with clients that stall: who is dropped, when, and who is not. */
#include "linux/uapi_server.h"

#include "linux/keylog.h"

#include "contexts.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS 4096u

static struct loop l;
static struct random chance;
static struct uapi_device device;
static struct uapi_server server;
static struct outbox out;
static struct out items[2 * OUTBOX_STEP_ITEMS];
static uint8_t arena[2 * OUTBOX_STEP_BYTES];
static unsigned flushes;
static struct sockaddr_un place;
static socklen_t place_len;

static void *map(size_t size)
{
	void *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		abort();
	return m;
}

static void flush(void *ctx)
{
	(void)ctx;
	flushes++;
	outbox_clear(&out);
}

/* An abstract socket, so that nothing is left in the file system. */
static int listen_somewhere(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	place = (struct sockaddr_un){ .sun_family = AF_UNIX };
	place_len = sizeof(sa_family_t); /* autobind */
	if (fd < 0 || bind(fd, (struct sockaddr *)&place, place_len) < 0 || listen(fd, 64) < 0)
		abort();
	place_len = sizeof(place);
	if (getsockname(fd, (struct sockaddr *)&place, &place_len) < 0)
		abort();
	return fd;
}

static void start(bool writable)
{
	struct wg_config config = {
		.limits = { PEERS, PEERS, 128 }, .random = &chance, .roam = true,
	};
	static const uint8_t seed[32];

	test_crypto();
	random_init(&chance, seed);
	outbox_init(&out, items, 2 * OUTBOX_STEP_ITEMS, arena, sizeof(arena));
	device = (struct uapi_device){
		.wg = wg_init(map(wg_size(&config.limits)), &config, clock_now().boot),
		.shown = allowedips_init(map(allowedips_size(PEERS, PEERS)), PEERS, PEERS),
	};
	if (writable)
		device.routes = allowedips_init(map(allowedips_size(PEERS, PEERS)), PEERS, PEERS);
	eq_int(loop_init(&l), 0);
	server = (struct uapi_server){
		.loop = &l, .listener = listen_somewhere(), .device = &device,
		.hide_secrets = !writable, .out = &out, .flush = flush,
	};
	eq_int(uapi_server_open(&server), 0);
}

static void stop(void)
{
	uapi_server_close(&server);
	close(server.listener);
	loop_close(&l);
}

/* Unix sockets are ready at once: some turns without waiting do all there is to do. */
static void settle(void)
{
	for (unsigned i = 0; i < 64; i++)
		if (loop_turn(&l, INSTANT_ZERO))
			abort();
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&place, place_len) < 0)
		abort();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void tell(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		abort();
	settle();
}

/* What came, at most cap - 1 bytes: "" for nothing, NULL when the connection is closed. */
static const char *heard(int fd)
{
	static char buf[1 << 16];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		return NULL;
	buf[n < 0 ? 0 : n] = 0;
	return buf;
}

static void later(uint64_t seconds)
{
	uapi_server_tick(&server, instant_add(clock_now().boot, span_s(seconds)));
	settle();
}

static void half_a_transaction_is_waited_for_thirty_seconds(void)
{
	static const char *const halves[] = {
		"", "g", "get=1", "get=1\n", "set=1\n", "set=1\nlisten_port=5\n",
		"set=1\nlisten_port=5", "get=1\n\nset=1\n",
	};

	start(true);
	for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++) {
		int fd = dial();
		tell(fd, halves[i]);
		while (heard(fd) && *heard(fd))
			;
		later(29);
		ok(heard(fd));
		ok(!instant_reached(uapi_server_deadline(&server), clock_now().boot));
		later(31);
		ok(!heard(fd));
		close(fd);
		eq_int(uapi_server_deadline(&server).ns, UINT64_MAX);
	}
	stop();
}

static void who_rests_between_transactions_stays(void)
{
	start(true);
	int fd = dial();

	tell(fd, "set=1\nlisten_port=77\n\n");
	eq_str(heard(fd), "errno=0\n\n");
	later(100000);
	tell(fd, "get=1\n\n");
	const char *got = heard(fd);
	ok(got && strstr(got, "listen_port=77\n") && strstr(got, "errno=0\n\n"));
	close(fd);
	stop();
}

static void drops_of_bytes_do_not_stretch_the_time(void)
{
	start(true);
	int fd = dial();

	tell(fd, "set=1\n");
	const struct instant first = uapi_server_deadline(&server);
	tell(fd, "listen_port=1\nfw");
	tell(fd, "mark=1\n");
	eq_int(uapi_server_deadline(&server).ns, first.ns);
	close(fd);
	stop();
}

static void fill_with_peers(int fd)
{
	tell(fd, "set=1\n");
	for (unsigned i = 0; i < PEERS; i++) {
		char line[256];
		snprintf(line, sizeof(line), "public_key=%064x\npreshared_key=%064x\n"
			 "allowed_ip=10.%u.%u.0/24\n", i + 1, i + 1, i >> 8, i & 255);
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
			abort();
		settle();
	}
	tell(fd, "\n");
	eq_str(heard(fd), "errno=0\n\n");
}

static void who_does_not_read_is_dropped_and_others_are_served(void)
{
	size_t total = 0;

	start(true);
	int writer = dial(), slow = dial();

	fill_with_peers(writer);
	tell(slow, "get=1\n\n"); /* more than a socket holds */
	tell(writer, "set=1\n\n");
	eq_str(heard(writer), "errno=0\n\n");
	later(29);
	const char *got = heard(slow);
	ok(got && !strncmp(got, "public_key=", 11));
	/* It read something, and the rest follows. */
	settle();
	for (unsigned i = 0; i < 10 && (got = heard(slow)); i++) {
		total += strlen(got);
		settle();
	}
	ok(total > 300000);
	ok(got != NULL);
	later(31);
	while ((got = heard(slow)) && *got) /* what the socket holds is still his */
		;
	ok(got == NULL);
	tell(writer, "set=1\n\n");
	eq_str(heard(writer), "errno=0\n\n");
	close(slow);
	close(writer);
	stop();
}

static void sixteen_busy_clients_are_the_limit(void)
{
	int busy[UAPI_CLIENTS];

	start(true);
	for (unsigned i = 0; i < UAPI_CLIENTS; i++) {
		busy[i] = dial();
		tell(busy[i], "set=1\n");
	}
	int more = dial();
	settle();
	ok(!heard(more));
	close(more);
	tell(busy[3], "\n");
	eq_str(heard(busy[3]), "errno=0\n\n");
	more = dial(); /* takes the place of the one that rests */
	tell(more, "set=1\n\n");
	eq_str(heard(more), "errno=0\n\n");
	ok(!heard(busy[3]));
	ok(heard(busy[4]));
	close(more);
	for (unsigned i = 0; i < UAPI_CLIENTS; i++)
		close(busy[i]);
	settle();
	eq_int(uapi_server_deadline(&server).ns, UINT64_MAX);
	stop();
}

static void a_read_only_server_refuses_changes_and_hides_keys(void)
{
	static const struct dh_secret secret = { { 8, 1 } };

	start(false);
	wg_set_private(device.wg, &secret, clock_now().boot);
	int fd = dial();
	tell(fd, "set=1\nlisten_port=5\nprivate_key=00\n\n");
	eq_str(heard(fd), "errno=-1\n\n");
	eq_int(device.listen_port, 0);
	tell(fd, "get=1\n\n");
	const char *got = heard(fd);
	ok(got && !strstr(got, "private_key") && strstr(got, "errno=0\n\n"));
	close(fd);
	stop();
}

static void lines_of_the_longest_length_and_one_more(void)
{
	char line[UAPI_LINE_MAX + 3];

	start(true);
	int fd = dial();
	memset(line, '0', sizeof(line));
	memcpy(line, "listen_port=", 12);
	line[UAPI_LINE_MAX] = 0;
	tell(fd, "set=1\n");
	tell(fd, line);
	tell(fd, "\n\n");
	eq_str(heard(fd), "errno=0\n\n"); /* zero, written in 243 digits */
	line[UAPI_LINE_MAX] = '0';
	line[UAPI_LINE_MAX + 1] = 0;
	tell(fd, "set=1\n");
	tell(fd, line);
	tell(fd, "\n\n");
	eq_str(heard(fd), "errno=-22\n\n");
	close(fd);
	stop();
}

static void the_key_log_has_wiresharks_lines_in_its_order(void)
{
	static const struct dh_secret own = { { 1 } }, ephemeral = { { 3 } };
	static const struct dh_public theirs = { { 2 } };
	static const struct sym_key psk = { { 4 } };
	const struct wg_keylog log = { &own, &theirs, &ephemeral, &psk };
	char got[512] = { 0 };
	int fds[2], none = -1;

	if (pipe(fds) < 0)
		abort();
	keylog_write(&fds[1], &log);
	ok(read(fds[0], got, sizeof(got) - 1) > 0);
	eq_str(got, "LOCAL_STATIC_PRIVATE_KEY = AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	       "REMOTE_STATIC_PUBLIC_KEY = AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	       "LOCAL_EPHEMERAL_PRIVATE_KEY = AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	       "PRESHARED_KEY = BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	keylog_write(&none, &log); /* writes nothing anywhere */
	close(fds[0]);
	close(fds[1]);
}

TAP_TESTS(T(half_a_transaction_is_waited_for_thirty_seconds),
	  T(who_rests_between_transactions_stays), T(drops_of_bytes_do_not_stretch_the_time),
	  T(who_does_not_read_is_dropped_and_others_are_served),
	  T(sixteen_busy_clients_are_the_limit),
	  T(a_read_only_server_refuses_changes_and_hides_keys),
	  T(lines_of_the_longest_length_and_one_more),
	  T(the_key_log_has_wiresharks_lines_in_its_order))
