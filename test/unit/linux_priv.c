/* The two processes for real, in a network and mount namespace of the test's own: what the node
 * process is left with, what it may ask, what it is told, and what stays behind. Needs root. */
#include "tap.h"

#include "crypto/curve.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/priv.h"
#include "linux/rtnetlink.h"
#include "linux/store_orgs.h"
#include "linux/tun.h"
#include "linux/udp.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME "tstmg0"
#define PORT 51821
#define OWNER 54321
#define LIMIT_MS 10000 /* for whatever is waited for */

static char config_dir[] = "/tmp/mgpriv-XXXXXX";
static struct public_key our_public;
static struct ip our_v4, our_v6;
static struct statement vouch; /* that the child has saved */

/* --- the test's side --------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define wait_until(cond)                                                      \
	do {                                                                  \
		int64_t end_ = now_ms() + LIMIT_MS;                           \
		while (!(cond) && now_ms() < end_)                            \
			poll(NULL, 0, 5);                                     \
		ok(cond);                                                     \
	} while (0)

struct run {
	pid_t pid;
	int words;          /* its standard error */
	int told;           /* what the child function says */
	char said[8192];
};

static struct priv_config mesh_config(void)
{
	struct priv_config c = { .mesh = true, .interface = NAME, .mtu = 1420, .port = PORT,
				 .prefix = mesh_ipv4_default_prefix() };

	return c;
}

/* Runs priv_run in a process of its own. */
static struct run start(const struct priv_config *config, int (*child)(struct priv_child *))
{
	struct run r = { 0 };
	int words[2], told[2];

	ok(pipe2(words, O_CLOEXEC | O_NONBLOCK) == 0 && pipe(told) == 0);
	fflush(stdout);
	r.pid = fork();
	if (r.pid == 0) {
		/* The node process keeps 0, 1 and 2 only. */
		dup2(told[1], STDOUT_FILENO);
		dup2(words[1], STDERR_FILENO);
		close(told[0]);
		close(told[1]);
		_exit(priv_run(config, child));
	}
	close(words[1]);
	close(told[1]);
	r.words = words[0];
	r.told = told[0];
	return r;
}

static void listen_to(struct run *r)
{
	size_t have = strlen(r->said);
	ssize_t n = read(r->words, r->said + have, sizeof(r->said) - have - 1);

	if (n > 0)
		r->said[have + (size_t)n] = '\0';
}

/* One line that the child told, without its end. */
static const char *heard(struct run *r)
{
	static char line[256];
	int64_t end = now_ms() + LIMIT_MS;
	size_t len = 0;

	while (now_ms() < end && len < sizeof(line) - 1) {
		struct pollfd p = { .fd = r->told, .events = POLLIN };

		listen_to(r);
		if (poll(&p, 1, 50) <= 0)
			continue;
		if (read(r->told, line + len, 1) != 1) {
			snprintf(line, sizeof(line), "(it ended: %.200s)", r->said);
			return line;
		}
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
	return line;
}

static void expect(struct run *r, const char *want)
{
	const char *line = heard(r);

	if (strcmp(line, want) != 0)
		TAP_FAIL("the child tells \"%s\", want \"%s\" (stderr: %s)", line, want, r->said);
}

static bool said(struct run *r, const char *part)
{
	listen_to(r);
	return strstr(r->said, part) != NULL;
}

/* The exit status, or 1000 and the signal. */
static int finish(struct run *r)
{
	int status = 0;
	bool ended = false;
	int64_t end = now_ms() + LIMIT_MS;

	while (!ended && now_ms() < end) {
		listen_to(r);
		ended = waitpid(r->pid, &status, WNOHANG) == r->pid;
		if (!ended)
			poll(NULL, 0, 5);
	}
	if (!ended) {
		TAP_FAIL("process %d does not end", (int)r->pid);
		kill(r->pid, SIGKILL);
		waitpid(r->pid, &status, 0);
	}
	listen_to(r);
	close(r->words);
	close(r->told);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int stop(struct run *r)
{
	kill(r->pid, SIGTERM);
	return finish(r);
}

static bool exists(const char *ending)
{
	char path[PATH_MAX];

	BUG_ON(!runtime_path(path, sizeof(path), 0, NAME, ending));
	return access(path, F_OK) == 0;
}

static void nothing_is_left(void)
{
	ok(if_nametoindex(NAME) == 0);
	eq_int(runtime_holder(NAME), 0);
	ok(!exists("sock"));
	ok(!exists("state"));
	ok(access("/var/run/wireguard/" NAME ".sock", F_OK) < 0);
}

/* --- the children ------------------------------------------------------------------------ */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vdprintf(STDOUT_FILENO, format, ap);
	va_end(ap);
}

static bool next(struct priv_child *c, struct priv_message *m)
{
	struct pollfd p = { .fd = c->channel, .events = POLLIN };
	int r;

	while ((r = priv_next_notice(c, m)) == 0)
		poll(&p, 1, -1);
	return r == 1;
}

/* Tells each notice, and ends when told to. */
static int tells_notices(struct priv_child *c)
{
	struct priv_message m;
	char text[ENDPOINT_TEXT];

	while (next(c, &m)) {
		switch (m.kind) {
		case PRIV_TRUST_BEGIN:
			say("begin%s\n", m.flag ? " unreadable" : "");
			break;
		case PRIV_TRUST_DENY:
			say(m.flag ? "not all\n" : "deny %s\n", m.name);
			break;
		case PRIV_TRUST_ORG:
			say("org %s\n", m.name);
			break;
		case PRIV_TRUST_STATEMENT:
			say("statement %u\n", m.data_len);
			break;
		case PRIV_TRUST_CERTIFICATE:
			say("certificate\n");
			break;
		case PRIV_TRUST_KEY:
			say("key %s %02x\n", m.name, m.key.b[0]);
			break;
		case PRIV_TRUST_END:
			say("end %u\n", m.value);
			break;
		case PRIV_SEED:
			endpoint_format(&m.endpoint, text);
			say("seed %u %s\n", m.value, text);
			break;
		case PRIV_STOP:
			say("stop\n");
			return 0;
		}
	}
	return 77;
}

#define CHECK(cond)                                                           \
	do {                                                                  \
		if (!(cond))                                                  \
			say("line %d: %s\n", __LINE__, #cond);                \
	} while (0)

static void check_descriptors(const struct priv_child *c)
{
	const int mine[] = { 0, 1, 2, c->channel, c->tun, c->udp4, c->udp6, c->control, c->uapi,
			     c->requests };

	for (int fd = 0; fd < 200; fd++) {
		bool known = false;

		for (size_t i = 0; i < sizeof(mine) / sizeof(*mine); i++)
			known |= mine[i] == fd;
		if (known != (fcntl(fd, F_GETFD) >= 0))
			say("descriptor %d is %s\n", fd, known ? "missing" : "left open");
	}
	for (size_t i = 3; i < sizeof(mine) / sizeof(*mine); i++)
		CHECK(fcntl(mine[i], F_GETFL) & O_NONBLOCK || mine[i] == c->control);
}

static int inspects_itself(struct priv_child *c)
{
	uid_t u[3];
	gid_t g[3];
	struct rlimit core;
	char name[17] = "";
	struct secret_key secret;
	struct public_key public;
	int number = 0;

	getresuid(&u[0], &u[1], &u[2]);
	getresgid(&g[0], &g[1], &g[2]);
	for (int i = 0; i < 3; i++) {
		CHECK(u[i] == OWNER);
		CHECK(g[i] == OWNER + 1);
	}
	CHECK(getgroups(0, NULL) == 0);
	CHECK(setuid(0) < 0 && seteuid(0) < 0);
	capng_get_caps_process();
	CHECK(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
	CHECK(capng_have_capabilities(CAPNG_SELECT_BOUNDS) == CAPNG_NONE);
	CHECK(capng_have_capabilities(CAPNG_SELECT_AMBIENT) == CAPNG_NONE);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGKILL);
	CHECK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "meshguard: net"));
	CHECK(open("/dev/net/tun", O_RDWR) >= 0 ? socket(AF_INET, SOCK_RAW, 1) < 0 : true);
	check_descriptors(c);

	ed25519_from_seed(&public, &secret, c->secret.b);
	CHECK(!memcmp(&secret, &c->secret, sizeof(secret)));
	CHECK(!memcmp(&public, &c->public, sizeof(public)));
	CHECK(!memcmp(&public, &our_public, sizeof(public)));
	CHECK(c->port == PORT);
	CHECK(!strcmp(c->store_path, config_dir));
	CHECK(!strcmp(c->store_because, "MESHGUARD_CONFIG_DIR"));
	CHECK(c->owner == OWNER);
	CHECK(c->saved_len[PRIV_SAVE_CLOCK] == 5 && !memcmp(c->saved[PRIV_SAVE_CLOCK], "clock", 5));
	CHECK(c->saved_len[PRIV_SAVE_PEERS] == 0);
	say("inspected\n");
	return tells_notices(c);
}

static int ask(struct priv_child *c, struct priv_message *m, int fds[2])
{
	return priv_ask(c, m, fds);
}

static int address_request(struct priv_child *c, struct ip ip, uint8_t len, bool add)
{
	struct priv_message m = { .kind = PRIV_ADDRESS, .flag = add, .prefix = { ip, len } };

	return ask(c, &m, NULL);
}

static int additional_request(struct priv_child *c, struct ip ip, uint8_t len, bool add)
{
	struct priv_message m = { .kind = PRIV_ADDRESS, .flag = add, .value = 1,
				  .prefix = { ip, len } };

	return ask(c, &m, NULL);
}

static void asks_for_additional_addresses(struct priv_child *c)
{
	const struct public_key nobodys = { { 0 } };
	struct ip v4, v6;

	CHECK(additional_request(c, our_v4, 32, true) == 0);
	CHECK(additional_request(c, our_v4, 32, false) == 0);
	CHECK(additional_request(c, our_v4, 16, true) == -EPERM);
	CHECK(additional_request(c, ip_v4(8, 8, 8, 8), 32, true) == -EPERM);
	/* There is no second key. */
	mesh_ipv4(&nobodys, 0, &c->prefix, &v4);
	mesh_ipv6(&nobodys, &v6);
	CHECK(additional_request(c, v4, 32, true) == -EPERM);
	CHECK(additional_request(c, v6, 64, true) == -EPERM);
	CHECK(address_request(c, v6, 64, true) == -EPERM);
}

static void asks_for_addresses(struct priv_child *c)
{
	struct ip second;

	mesh_ipv4(&c->public, 3, &c->prefix, &second);
	CHECK(address_request(c, second, 16, true) == 0);
	CHECK(address_request(c, our_v4, 16, false) == 0);
	CHECK(address_request(c, our_v6, 64, true) == 0);
	/* Nobody else's. */
	CHECK(address_request(c, ip_v4(10, 99, 0, 1), 16, true) == -EPERM);
	CHECK(address_request(c, second, 24, true) == -EPERM);
	CHECK(address_request(c, our_v6, 128, true) == -EPERM);
	CHECK(address_request(c, ip_v4(8, 8, 8, 8), 32, true) == -EPERM);
	CHECK(address_request(c, (struct ip){ 0 }, 0, true) == -EPERM);
	asks_for_additional_addresses(c);
	say("addresses\n");
}

static void asks_for_sockets(struct priv_child *c)
{
	struct priv_message m = { .kind = PRIV_UDP_OPEN, .value = 0 };
	int fds[2] = { -1, -1 }, same[2], mark = 0;
	socklen_t len = sizeof(mark);
	uint32_t port;

	CHECK(ask(c, &m, fds) == 0);
	port = m.value;
	CHECK(port > 1023 && port != PORT);
	CHECK(fds[0] >= 0 && fds[1] >= 0);
	m = (struct priv_message){ .kind = PRIV_UDP_OPEN, .value = port };
	CHECK(ask(c, &m, same) == 0 && m.value == port);
	m = (struct priv_message){ .kind = PRIV_SET_MARK, .value = 4242 };
	CHECK(ask(c, &m, NULL) == 0);
	CHECK(getsockopt(fds[1], SOL_SOCKET, SO_MARK, &mark, &len) == 0 && mark == 4242);
	m = (struct priv_message){ .kind = PRIV_UDP_OPEN, .value = 22 };
	CHECK(ask(c, &m, NULL) == -EPERM);
	m = (struct priv_message){ .kind = PRIV_UDP_OPEN, .value = 65536 };
	CHECK(ask(c, &m, NULL) == -EINVAL);
	m = (struct priv_message){ .kind = PRIV_UDP_CLOSE };
	CHECK(ask(c, &m, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(same[i]);
	}
	close(c->udp4);
	close(c->udp6);

	/* Now the first port is free, and the mark is remembered. */
	m = (struct priv_message){ .kind = PRIV_UDP_OPEN, .value = PORT };
	CHECK(ask(c, &m, fds) == 0 && m.value == PORT);
	mark = 0;
	CHECK(getsockopt(fds[0], SOL_SOCKET, SO_MARK, &mark, &len) == 0 && mark == 4242);
	say("sockets\n");
}

static void asks_to_save(struct priv_child *c)
{
	struct priv_message m = { .kind = PRIV_SAVE, .which = PRIV_SAVE_PEERS };

	m.data_len = PRIV_DATA;
	memset(m.data, 'p', PRIV_DATA);
	CHECK(ask(c, &m, NULL) == 0);
	m = (struct priv_message){ .kind = PRIV_SAVE, .which = PRIV_SAVES };
	CHECK(ask(c, &m, NULL) == -EINVAL);
	say("saved\n");
}

static void asks_to_save_a_statement(struct priv_child *c)
{
	struct priv_message m = { .kind = PRIV_SAVE_STATEMENT };
	struct priv_statement p = {
		.kind = vouch.body.kind, .len = vouch.len, .number = vouch.body.number,
		.issuer = vouch.body.issuer, .subject = vouch.body.subject,
	};

	memcpy(p.wire, vouch.wire, vouch.len);
	memcpy(m.data, &p, sizeof(p));
	CHECK(ask(c, &m, NULL) == -EINVAL);
	m = (struct priv_message){ .kind = PRIV_SAVE_STATEMENT, .data_len = sizeof(p) };
	memcpy(m.data, &p, sizeof(p));
	CHECK(ask(c, &m, NULL) == 0);
	p.wire[p.len - 1] ^= 1;
	m = (struct priv_message){ .kind = PRIV_SAVE_STATEMENT, .data_len = sizeof(p) };
	memcpy(m.data, &p, sizeof(p));
	CHECK(ask(c, &m, NULL) == -EINVAL);
	say("kept\n");
}

static int wait_told(struct priv_child *c)
{
	struct pollfd p = { .fd = c->requests, .events = POLLIN };
	int result = 99;

	CHECK(poll(&p, 1, 5000) == 1);
	CHECK(priv_told(c, &result) == 1);
	return result;
}

static void tells_and_asks(struct priv_child *c)
{
	struct priv_message save = { .kind = PRIV_SAVE, .which = PRIV_SAVE_PEERS, .data_len = 1 };
	struct priv_message mtu = { .kind = PRIV_SET_MTU, .value = 1310 };
	int result = 99;

	CHECK(priv_told(c, &result) == 0);
	CHECK(priv_tell(c, &save) == 0);
	CHECK(priv_tell(c, &save) == -EAGAIN);
	CHECK(ask(c, &mtu, NULL) == 0 && mtu.kind == PRIV_SET_MTU);
	CHECK(priv_told(c, &result) == 1 && result == 0);
	CHECK(priv_told(c, &result) == 0);
	save.which = PRIV_SAVES;
	CHECK(priv_tell(c, &save) == 0);
	mtu = (struct priv_message){ .kind = PRIV_SET_MTU, .value = 1300 };
	CHECK(ask(c, &mtu, NULL) == 0);
	CHECK(priv_told(c, &result) == 1 && result == -EINVAL);
	CHECK(priv_tell(c, &save) == 0);
	CHECK(wait_told(c) == -EINVAL);
	save.which = PRIV_SAVE_PEERS;
	save.data_len = PRIV_DATA;
	memset(save.data, 'p', PRIV_DATA);
	CHECK(priv_tell(c, &save) == 0);
	CHECK(wait_told(c) == 0);
	say("told\n");
}

static int asks(struct priv_child *c)
{
	struct priv_message m = { .kind = PRIV_SET_MTU, .value = 1300 };

	CHECK(ask(c, &m, NULL) == 0);
	m = (struct priv_message){ .kind = PRIV_SET_MTU, .value = 5 };
	CHECK(ask(c, &m, NULL) == -EINVAL);
	m = (struct priv_message){ .kind = 63 };
	CHECK(ask(c, &m, NULL) == -EBADRQC);
	asks_for_addresses(c);
	asks_for_sockets(c);
	asks_to_save(c);
	asks_to_save_a_statement(c);
	tells_and_asks(c);
	return tells_notices(c); /* what came meanwhile is not lost */
}

static int ends_at_once(struct priv_child *c)
{
	(void)c;
	return 7;
}

static int crashes(struct priv_child *c)
{
	(void)c;
	abort();
	return 0;
}

static int never_ends(struct priv_child *c)
{
	(void)c;
	say("running\n");
	for (;;)
		pause();
	return 0;
}

/* A good-bye takes a moment. */
static int ends_slowly(struct priv_child *c)
{
	int status = tells_notices(c);

	poll(NULL, 0, 100);
	return status;
}

static int becomes_ready(struct priv_child *c)
{
	fprintf(stderr, "hello\n");
	priv_ready(c);
	fprintf(stderr, "later\n");
	return tells_notices(c);
}

static int looks_at_its_descriptors(struct priv_child *c)
{
	return c->tun > 2 && c->channel > 2 && c->control > 2 && fcntl(2, F_GETFD) >= 0 ? 8 : 9;
}

static int is_not_ready(struct priv_child *c)
{
	(void)c;
	fprintf(stderr, "no luck\n");
	return 9;
}

/* Reads slowly, and counts. */
static int counts_keys(struct priv_child *c)
{
	struct priv_message m;
	unsigned keys = 0;

	while (next(c, &m)) {
		if (m.kind == PRIV_TRUST_BEGIN) {
			keys = 0;
			poll(NULL, 0, 200);
		}
		keys += m.kind == PRIV_TRUST_KEY;
		if (m.kind == PRIV_TRUST_END)
			say("%u keys\n", keys);
		if (m.kind == PRIV_STOP)
			return 0;
	}
	return 77;
}

static int sends_nonsense(struct priv_child *c)
{
	if (send(c->requests, "nonsense", 8, 0) != 8)
		return 1;
	return tells_notices(c);
}

/* --- the tests --------------------------------------------------------------------------- */

static void put(const char *name, const char *text, unsigned flags)
{
	struct store s;

	eq_int(store_open(&s), 0);
	eq_int(store_write(&s, name, text, strlen(text), flags | STORE_REPLACE), 0);
	store_close(&s);
}

static void put_key(const char *name, uint8_t number)
{
	char path[128], text[KEYFILE_PUBLIC + 1];
	struct public_key public;
	struct secret_key secret;
	uint8_t seed[32] = { number };

	ed25519_from_seed(&public, &secret, seed);
	public_key_format(&public, text);
	snprintf(path, sizeof(path), "authorized_keys/%s.pub", name);
	put(path, text, 0);
}

static const char *key_line(const char *name, uint8_t number)
{
	static char line[100];
	struct public_key public;
	struct secret_key secret;
	uint8_t seed[32] = { number };

	ed25519_from_seed(&public, &secret, seed);
	snprintf(line, sizeof(line), "key %s %02x", name, public.b[0]);
	return line;
}

static void command(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void command(const char *format, ...)
{
	char line[PATH_MAX + 256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (system(line) != 0)
		TAP_FAIL("%s failed", line);
}

static void no_trust(void)
{
	command("rm -rf '%s/authorized_keys'", config_dir);
}

static struct rtnl_link link_of(const char *name)
{
	struct rtnl r;
	struct rtnl_link link;

	eq_int(rtnl_open(&r), 0);
	if (rtnl_link_get(&r, name, &link) < 0)
		TAP_FAIL("no %s", name);
	rtnl_close(&r);
	return link;
}

struct addresses {
	unsigned v4, v6;
	struct ip want4;
	int index;
};

static int count_address(void *ctx, const struct rtnl_address *a)
{
	struct addresses *n = ctx;

	if (a->index != n->index)
		return 0;
	n->v4 += ip_equal(&a->ip, &n->want4) && a->len == 16;
	n->v6 += ip_equal(&a->ip, &our_v6) && a->len == 64;
	return 0;
}

static struct addresses addresses(struct ip want4)
{
	struct addresses n = { .want4 = want4, .index = (int)if_nametoindex(NAME) };

	eq_int(rtnl_addresses(count_address, &n), 0);
	return n;
}

static void the_interface_is_as_the_issue_says(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, tells_notices);
	char alias[128] = "meshguard ";

	no_trust();
	expect(&r, "begin");
	expect(&r, "end 0");

	struct rtnl_link link = link_of(NAME);

	base64_encode(our_public.b, 32, alias + strlen(alias), sizeof(alias) - strlen(alias));
	eq_str(link.alias, alias);
	eq_str(link.kind, "tun");
	eq_int(link.mtu, 1420);
	ok(link.flags & IFF_UP);
	eq_int(addresses(our_v4).v4, 1);
	eq_int(addresses(our_v4).v6, 1);
	eq_int(runtime_holder(NAME), r.pid);
	ok(exists("state"));
	eq_int(stop(&r), 0);
	eq_str(r.said, "");
	nothing_is_left();
}

static void the_child_has_no_rights_and_what_it_needs(void)
{
	const struct priv_config config = mesh_config();

	put("state/clock", "clock", STORE_SECRET);
	no_trust();

	struct run r = start(&config, inspects_itself);

	expect(&r, "inspected");
	expect(&r, "begin");
	expect(&r, "end 0");
	eq_int(stop(&r), 0);
	nothing_is_left();
}

static void sockets_are_for_those_who_may(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, tells_notices);
	char path[PATH_MAX];
	struct stat st;

	expect(&r, "begin");
	expect(&r, "end 0");
	BUG_ON(!runtime_path(path, sizeof(path), 0, NAME, "sock"));
	ok(lstat(path, &st) == 0 && S_ISSOCK(st.st_mode));
	eq_int(st.st_mode & 07777, 0660);
	eq_int(st.st_uid, OWNER);
	ok(lstat("/var/run/wireguard/" NAME ".sock", &st) == 0 && S_ISSOCK(st.st_mode));
	eq_int(st.st_mode & 07777, 0600);
	eq_int(st.st_uid, 0);
	ok(lstat("/run/meshguard", &st) == 0);
	eq_int(st.st_mode & 07777, 0755);
	eq_int(st.st_uid, 0);
	eq_int(stop(&r), 0);
}

/* Its key is put into the store. */
static void an_org_vouches(void)
{
	const uint8_t seed[32] = { 43 };
	struct statement_body b = { .kind = STATEMENT_VOUCH, .number = 1, .subject = our_public };
	struct secret_key secret;
	char text[KEYFILE_PUBLIC + 1];

	ed25519_from_seed(&b.issuer, &secret, seed);
	ok(statement_sign(&b, &secret, NULL, &vouch));
	public_key_format(&b.issuer, text);
	put("trusted_orgs/acme.pub", text, 0);
}

static void the_child_may_ask_for_its_own_things_only(void)
{
	const struct priv_config config = mesh_config();
	struct run r;
	struct ip second;
	char saved[PRIV_DATA + 1], kept[STORE_ORGS_FILE], path[PATH_MAX];
	char text[BASE64_LEN(MAX_STATEMENT) + 1];
	struct store s;
	struct stat st;

	an_org_vouches();
	r = start(&config, asks);
	expect(&r, "addresses");
	expect(&r, "sockets");
	expect(&r, "saved");
	expect(&r, "kept");
	expect(&r, "told");
	expect(&r, "begin");
	expect(&r, "org acme");
	expect(&r, "end 0");
	eq_int(link_of(NAME).mtu, 1300);
	mesh_ipv4(&our_public, 3, &config.prefix, &second);
	eq_int(addresses(second).v4, 1);
	eq_int(addresses(our_v4).v4, 0);
	eq_int(store_open(&s), 0);
	eq_int(store_read(&s, "state/peers", saved, sizeof(saved), STORE_SECRET), PRIV_DATA);
	eq_int(store_remove(&s, "state/peers"), 0);
	statement_file(kept, STATEMENT_VOUCH, &vouch.body.issuer, &vouch.body.subject);
	base64_encode(vouch.wire, vouch.len, text, sizeof(text));
	eq_int(store_read(&s, kept, saved, sizeof(saved), 0), strlen(text) + 1);
	eq_mem(saved, text, strlen(text));
	snprintf(path, sizeof(path), "%s/%s", config_dir, kept);
	ok(stat(path, &st) == 0);
	eq_int(st.st_uid, OWNER);
	store_close(&s);
	eq_int(stop(&r), 0);
	command("rm -r '%s/statements' '%s/trusted_orgs'", config_dir, config_dir);
	nothing_is_left();
}

static void a_child_that_sends_nonsense_is_ended(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, sends_nonsense);

	eq_int(finish(&r), 77); /* the channel was closed */
	ok(said(&r, "malformed request"));
	nothing_is_left();
}

static void trust_is_followed_live(void)
{
	const struct priv_config config = mesh_config();
	struct run r;
	int64_t since;

	no_trust();
	put_key("bob", 2);
	r = start(&config, tells_notices);
	expect(&r, "begin");
	expect(&r, key_line("bob", 2));
	expect(&r, "end 0");

	since = now_ms();
	put_key("alice", 1);
	expect(&r, "begin");
	expect(&r, key_line("alice", 1));
	expect(&r, key_line("bob", 2));
	expect(&r, "end 0");
	ok(now_ms() - since < 1000);

	put("authorized_keys/broken.pub", "not a key", 0);
	expect(&r, "begin");
	expect(&r, key_line("alice", 1));
	expect(&r, key_line("bob", 2));
	expect(&r, "end 1");
	ok(said(&r, "authorized_keys/broken.pub"));
	r.said[0] = '\0';

	command("rm '%s/authorized_keys/alice.pub'", config_dir);
	expect(&r, "begin");
	expect(&r, key_line("bob", 2));
	expect(&r, "end 1");
	ok(!said(&r, "broken")); /* once is enough */

	/* The folder goes as a whole, and another comes. */
	command("mv '%s/authorized_keys' '%s/away'", config_dir, config_dir);
	expect(&r, "begin");
	expect(&r, "end 0");
	command("mkdir -m 700 '%s/new' && cp -p '%s/away/bob.pub' '%s/new/carol.pub' && "
		"mv '%s/new' '%s/authorized_keys'",
		config_dir, config_dir, config_dir, config_dir, config_dir);
	expect(&r, "begin");
	expect(&r, key_line("carol", 2));
	expect(&r, "end 0");
	put_key("dave", 4);
	expect(&r, "begin");
	expect(&r, key_line("carol", 2));
	expect(&r, key_line("dave", 4));
	expect(&r, "end 0");

	/* Not ours any more. */
	command("chown 999 '%s/authorized_keys'", config_dir);
	expect(&r, "begin unreadable");
	expect(&r, "not all");
	expect(&r, "end 0");
	ok(said(&r, "nobody is trusted"));
	command("chown %d '%s/authorized_keys'", OWNER, config_dir);
	expect(&r, "begin");
	expect(&r, key_line("carol", 2));
	expect(&r, key_line("dave", 4));
	expect(&r, "end 0");
	eq_int(stop(&r), 0);
	command("rm -rf '%s/away'", config_dir);
	no_trust();
}

static void the_directory_may_be_replaced_as_a_whole(void)
{
	const struct priv_config config = mesh_config();
	struct run r;

	no_trust();
	r = start(&config, tells_notices);
	expect(&r, "begin");
	expect(&r, "end 0");
	command("mv '%s' '%s.old'", config_dir, config_dir);
	expect(&r, "begin unreadable");
	expect(&r, "not all");
	expect(&r, "end 0");
	command("cp -a '%s.old' '%s'", config_dir, config_dir);
	put_key("erin", 5);
	for (const char *line = heard(&r); line[0] && strcmp(line, key_line("erin", 5)) != 0; )
		line = heard(&r);
	eq_int(stop(&r), 0);
	ok(said(&r, "nobody is trusted"));
	command("rm -rf '%s.old'", config_dir);
	no_trust();
}

static void thousands_of_keys_reach_a_slow_child(void)
{
	enum { KEYS = 16384 };
	const struct priv_config config = mesh_config();
	struct run r;
	char path[PATH_MAX], text[KEYFILE_PUBLIC + 1];

	put_key("k", 9);
	snprintf(path, sizeof(path), "%s/authorized_keys/k.pub", config_dir);

	int fd = open(path, O_RDONLY);

	ok(read(fd, text, KEYFILE_PUBLIC) == KEYFILE_PUBLIC);
	close(fd);
	for (int i = 0; i < KEYS - 1; i++) {
		snprintf(path, sizeof(path), "%s/authorized_keys/k%d.pub", config_dir, i);
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		if (fd < 0 || write(fd, text, KEYFILE_PUBLIC) != KEYFILE_PUBLIC)
			TAP_FAIL("cannot write %s", path);
		close(fd);
	}
	r = start(&config, counts_keys);
	expect(&r, "16384 keys");
	command("rm '%s/authorized_keys/k.pub'", config_dir);
	expect(&r, "16383 keys");
	eq_int(stop(&r), 0);
	no_trust();
}

static void seeds_are_told_as_addresses(void)
{
	struct priv_config config = mesh_config();
	struct run r;
	bool localhost = false;

	config.seeds[0] = "192.0.2.7:51821";
	config.seeds[1] = "[2001:db8::7]:1000";
	config.seeds[2] = "192.0.2.8";
	config.seeds[3] = "localhost:777";
	config.seeds[4] = "no-such-host.invalid:1";
	config.seed_count = 5;
	r = start(&config, tells_notices);
	expect(&r, "seed 0 192.0.2.7:51821");
	expect(&r, "seed 1 [2001:db8::7]:1000");
	expect(&r, "seed 2 192.0.2.8:51821");
	expect(&r, "begin");
	expect(&r, "end 0");
	for (int i = 0; i < 2 && !localhost; i++) {
		const char *line = heard(&r);

		localhost = !strcmp(line, "seed 3 127.0.0.1:777");
		ok(localhost || !strcmp(line, "seed 3 [::1]:777"));
	}
	ok(localhost);
	wait_until(said(&r, "no-such-host.invalid has no address"));
	eq_int(stop(&r), 0);
	nothing_is_left();
}

/* A name server that knows one name. */
static int dns_open(void)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ok(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
	put("resolv.conf", "nameserver 127.0.0.1\n", 0);
	command("chmod 755 '%s'", config_dir);
	command("mount --bind '%s/resolv.conf' /etc/resolv.conf", config_dir);
	return fd;
}

static void dns_close(int fd)
{
	close(fd);
	command("umount /etc/resolv.conf; rm '%s/resolv.conf'", config_dir);
}

/* Answers one question: 192.0.2.99 for A, nothing else. */
static void dns_answer(int fd)
{
	static const uint8_t a[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 99 };
	uint8_t m[512 + sizeof(a)];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &from_len);
	size_t end = 12;

	if (n < 17)
		return;
	while (end < (size_t)n && m[end])
		end += m[end] + 1u;
	end += 5;
	m[2] = 0x81;
	m[3] = 0x80;
	memset(m + 6, 0, 6);
	if (m[end - 3] == 1) {
		m[7] = 1;
		memcpy(m + end, a, sizeof(a));
		end += sizeof(a);
	}
	ok(sendto(fd, m, end, 0, (struct sockaddr *)&from, from_len) == (ssize_t)end);
}

static pid_t helper_of(pid_t parent)
{
	char path[64], line[64];
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);

	FILE *f = fopen(path, "r");

	for (int p = 0; f && fscanf(f, "%d", &p) == 1; ) {
		snprintf(path, sizeof(path), "/proc/%d/comm", p);

		FILE *comm = fopen(path, "r");

		if (comm && fgets(line, sizeof(line), comm) && !strcmp(line, "meshguard: dns\n"))
			pid = p;
		if (comm)
			fclose(comm);
	}
	if (f)
		fclose(f);
	return pid;
}

static bool has_line(pid_t pid, const char *want)
{
	char path[64], line[256];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);

	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		found |= !strcmp(line, want);
	if (f)
		fclose(f);
	return found;
}

static void names_are_resolved_by_a_process_without_rights(void)
{
	struct priv_config config = mesh_config();
	struct pollfd p = { .events = POLLIN };
	struct run r;
	char path[64];
	pid_t helper;

	p.fd = dns_open();
	config.seeds[0] = "seed.example:1234";
	config.seed_count = 1;
	r = start(&config, tells_notices);
	expect(&r, "begin");
	expect(&r, "end 0");
	ok(poll(&p, 1, LIMIT_MS) == 1); /* it asks, and waits */
	helper = helper_of(r.pid);
	ok(helper > 0);
	ok(has_line(helper, "Uid:\t65534\t65534\t65534\t65534\n"));
	ok(has_line(helper, "Gid:\t65534\t65534\t65534\t65534\n"));
	ok(has_line(helper, "Groups:\t \n"));
	ok(has_line(helper, "CapPrm:\t0000000000000000\n"));
	ok(has_line(helper, "CapBnd:\t0000000000000000\n"));
	ok(has_line(helper, "NoNewPrivs:\t1\n"));
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)helper);

	DIR *d = opendir(path);
	unsigned fds = 0;

	while (d && readdir(d))
		fds++;
	if (d)
		closedir(d);
	eq_int(fds, 2 + 3 + 2); /* dots, stdio, the pipe, the socket of the resolver */
	while (poll(&p, 1, 100) == 1)
		dns_answer(p.fd);
	expect(&r, "seed 0 192.0.2.99:1234");
	eq_int(stop(&r), 0);
	nothing_is_left();
	dns_close(p.fd);
}

static void a_helper_that_hangs_ends_with_us(void)
{
	struct priv_config config = mesh_config();
	struct pollfd p = { .events = POLLIN };
	struct run r;
	pid_t helper;

	p.fd = dns_open();
	config.seeds[0] = "seed.example:1234";
	config.seed_count = 1;
	r = start(&config, tells_notices);
	ok(poll(&p, 1, LIMIT_MS) == 1);
	helper = helper_of(r.pid);
	ok(helper > 0);
	eq_int(stop(&r), 0);
	wait_until(kill(helper, 0) < 0 || has_line(helper, "State:\tZ (zombie)\n"));
	dns_close(p.fd);
}

static void malformed_seeds_are_wrong_usage(void)
{
	static const char *const bad[] = { "", ":1", "host:", "host:0", "host:65536", "host:x",
					   "[::1", "[::1]x", "[::1]:0", "[]:1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct priv_config config = mesh_config();

		config.seeds[0] = bad[i];
		config.seed_count = 1;

		struct run r = start(&config, ends_at_once);

		if (finish(&r) != 2)
			TAP_FAIL("the seed \"%s\" is taken", bad[i]);
		ok(said(&r, "HOST:PORT"));
	}
}

static void a_second_daemon_learns_who_the_first_is(void)
{
	struct priv_config config = mesh_config();
	struct run first = start(&config, tells_notices), second;
	char text[128];

	expect(&first, "begin");
	expect(&first, "end 0");
	second = start(&config, ends_at_once);
	eq_int(finish(&second), 1);
	snprintf(text, sizeof(text), "%s is already run by process %d\n", NAME, (int)first.pid);
	ok(said(&second, text));

	memcpy(config.interface, "tstmg1", 7);
	second = start(&config, ends_at_once);
	eq_int(finish(&second), 1);
	snprintf(text, sizeof(text), "port %d is already used by meshguard process %d", PORT,
		 (int)first.pid);
	ok(said(&second, text));
	ok(if_nametoindex("tstmg1") == 0);

	/* The first was not harmed. */
	ok(if_nametoindex(NAME) != 0);
	eq_int(addresses(our_v4).v4, 1);
	for (int i = 0; i < 200; i++) /* its locks do not run full of askers */
		eq_int(runtime_holder(NAME), first.pid);
	eq_int(runtime_remove_leftover(NAME), -EBUSY);
	eq_int(stop(&first), 0);
	nothing_is_left();
}

static void a_stranger_cannot_lock_us_out(void)
{
	const struct priv_config config = mesh_config();
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char name[] = "meshguard/if/" NAME;
	struct run r;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path + 1, name, sizeof(name) - 1);
	ok(seteuid(OWNER) == 0);
	ok(bind(fd, (struct sockaddr *)&at, offsetof(struct sockaddr_un, sun_path) + sizeof(name))
	   == 0 && listen(fd, 1) == 0);
	ok(seteuid(0) == 0);
	eq_int(runtime_holder(NAME), 0);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 7);
	close(fd);
}

/* What of a process's memory is in use, by proc(5): pages that nobody has touched hold nothing. */
struct memory {
	int mem, pagemap;
	FILE *maps;
};

static bool memory_open(struct memory *m, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	m->mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	m->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	m->maps = fopen(path, "re");
	return m->mem >= 0 && m->pagemap >= 0 && m->maps;
}

/* The bytes may lie across two pages: the end of the last one is kept before each new one. */
static bool pages_hold(const struct memory *m, unsigned long from, unsigned long to,
		       const void *bytes, size_t len)
{
	enum { PAGE = 4096, AT_ONCE = 8192 };
	static uint64_t page[AT_ONCE];
	uint8_t buf[PAGE * 2] = { 0 };
	bool found = false;

	for (; from < to; from += AT_ONCE * PAGE) {
		ssize_t n = pread(m->pagemap, page, sizeof(page), (off_t)(from / PAGE * 8));

		for (ssize_t i = 0; i < n / 8 && from + i * PAGE < to; i++) {
			if (page[i] >> 62 == 0) /* neither present nor swapped */
				continue;
			memcpy(buf, buf + PAGE, PAGE);
			if (pread(m->mem, buf + PAGE, PAGE, (off_t)(from + i * PAGE)) != PAGE)
				continue;
			found |= memmem(buf + PAGE - len, PAGE + len, bytes, len) != NULL;
		}
	}
	wipe(buf, sizeof(buf));
	return found;
}

/* True if the memory of that process holds these bytes. */
static bool remembers(pid_t pid, const void *bytes, size_t len)
{
	struct memory m;
	char line[512];
	bool found = false;

	ok(memory_open(&m, pid));
	while (m.maps && fgets(line, sizeof(line), m.maps)) {
		unsigned long from, to;
		char write;

		if (sscanf(line, "%lx-%lx r%c", &from, &to, &write) != 3 || write != 'w')
			continue;
		/* A sanitizer's shadow: terabytes of notes on memory, not memory. */
		if (to - from <= 1ul << 32)
			found |= pages_hold(&m, from, to, bytes, len);
	}
	if (m.maps)
		fclose(m.maps);
	close(m.mem);
	close(m.pagemap);
	return found;
}

static void the_secret_is_with_the_child_alone(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, tells_notices);
	struct public_key public;
	struct secret_key secret;
	char text[KEYFILE_SECRET + 1], path[64];
	uint8_t seed[32] = { 42 };
	int child = 0;

	expect(&r, "begin");
	expect(&r, "end 0");
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)r.pid, (int)r.pid);

	FILE *f = fopen(path, "r");

	ok(f && fscanf(f, "%d", &child) == 1);
	if (f)
		fclose(f);
	ed25519_from_seed(&public, &secret, seed);
	secret_key_format(&secret, text);
	/* Its start; the second half of the secret is the public key. */
	ok(remembers(child, &secret, 40));
	ok(!remembers(r.pid, &secret, 40));
	ok(!remembers(r.pid, text, 40));
	ok(remembers(r.pid, &public, 32));
	wipe(&secret, sizeof(secret));
	wipe(text, sizeof(text));
	eq_int(stop(&r), 0);
}

static void a_port_of_a_foreign_program_is_named(void)
{
	const struct priv_config config = mesh_config();
	struct udp u;
	struct run r;

	eq_int(udp_open(&u, PORT, 0), 0);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "UDP port 51821 is already used by another program"));
	nothing_is_left();
	udp_close(&u);
}

static int persistent_tun(const char *alias)
{
	char name[IFNAMSIZ] = NAME;
	int fd = tun_open(name, false);

	ok(fd >= 0 && ioctl(fd, TUNSETPERSIST, 1) == 0);
	if (alias)
		command("ip link set dev " NAME " alias '%s'", alias);
	return fd;
}

static void somebody_elses_interface_is_not_touched(void)
{
	const struct priv_config config = mesh_config();
	struct run r;
	unsigned index;

	close(persistent_tun(NULL));
	index = if_nametoindex(NAME);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "not ours"));
	eq_int(if_nametoindex(NAME), index);
	eq_int(runtime_remove_leftover(NAME), -EEXIST);
	eq_int(if_nametoindex(NAME), index);
	command("ip link del " NAME);
	eq_int(runtime_remove_leftover(NAME), -ENOENT);
}

static void a_left_over_of_ours_goes(void)
{
	const struct priv_config config = mesh_config();
	struct run r;
	int fd = persistent_tun("meshguard left over");

	/* As long as somebody holds it, it is none. */
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "in use by a process"));
	eq_int(runtime_remove_leftover(NAME), -EBUSY);
	close(fd);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 7);
	nothing_is_left();

	close(persistent_tun("meshguard left over"));
	eq_int(runtime_remove_leftover(NAME), 0);
	nothing_is_left();
}

static void after_sigkill_the_next_start_works(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, tells_notices);

	expect(&r, "begin");
	expect(&r, "end 0");
	kill(r.pid, SIGKILL);
	eq_int(finish(&r), 1000 + SIGKILL);
	wait_until(if_nametoindex(NAME) == 0); /* the node process died of it */
	ok(exists("sock"));
	eq_int(runtime_holder(NAME), 0);
	r = start(&config, tells_notices);
	expect(&r, "begin");
	expect(&r, "end 0");
	eq_int(stop(&r), 0);
	nothing_is_left();
}

static void the_end_of_the_child_is_ours(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, ends_at_once);

	eq_int(finish(&r), 7);
	nothing_is_left();
	r = start(&config, crashes);
	eq_int(finish(&r), 1);
	ok(said(&r, "signal 6"));
	nothing_is_left();
	r = start(&config, never_ends);
	expect(&r, "running");
	kill(r.pid, SIGINT);
	poll(NULL, 0, 500); /* at once it would be taken for the same */
	kill(r.pid, SIGINT);
	eq_int(finish(&r), 1);
	ok(said(&r, "interrupted again: the node process was killed"));
	nothing_is_left();
}

/* timeout(1) and others pass an interrupt on that the terminal sends, too. */
static void one_key_may_come_twice(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, ends_slowly);

	expect(&r, "begin");
	expect(&r, "end 0");
	kill(r.pid, SIGINT);
	expect(&r, "stop");
	kill(r.pid, SIGINT);
	eq_int(finish(&r), 0);
	nothing_is_left();
}

static void an_identity_is_needed_and_checked(void)
{
	const struct priv_config config = mesh_config();
	struct run r;

	command("chmod 644 '%s/identity.key'", config_dir);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "chmod 600 '"));
	command("chmod 600 '%s/identity.key'; mv '%s/identity.key' '%s/key'", config_dir,
		config_dir, config_dir);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "make one with: meshguard keygen"));
	put("identity.key", "broken\n", STORE_SECRET);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "identity.key is damaged"));
	command("mv '%s/key' '%s/identity.key'; cp -p '%s/identity.pub' '%s/pub'", config_dir,
		config_dir, config_dir, config_dir);
	put("identity.pub", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "identity.pub does not belong"));
	command("mv '%s/pub' '%s/identity.pub'", config_dir, config_dir);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 7);
	nothing_is_left();
}

static void without_the_capability_it_says_which(void)
{
	const struct priv_config config = mesh_config();
	struct run r = { 0 };
	int words[2];

	ok(pipe2(words, O_CLOEXEC | O_NONBLOCK) == 0);
	fflush(stdout);
	r.pid = fork();
	if (r.pid == 0) {
		dup2(words[1], STDERR_FILENO);
		if (setresuid(OWNER, OWNER, OWNER) < 0)
			_exit(100);
		_exit(priv_run(&config, ends_at_once));
	}
	close(words[1]);
	r.words = words[0];
	r.told = dup(words[0]);
	eq_int(finish(&r), 1);
	ok(said(&r, "CAP_NET_ADMIN"));
	ok(strstr(r.said, "sudo meshguard up"));
}

static int has_no_capability(struct priv_child *c)
{
	capng_get_caps_process();
	CHECK(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
	CHECK(getuid() == OWNER);
	CHECK(c->tun >= 0 && c->control >= 0);
	say("looked\n");
	return tells_notices(c);
}

/* As a unit of systemd with User= and AmbientCapabilities=CAP_NET_ADMIN, RuntimeDirectory=. */
static void one_capability_is_enough_and_the_child_loses_it(void)
{
	struct priv_config config = mesh_config();
	struct run r = { 0 };
	int words[2], told[2];

	ok(pipe2(words, O_CLOEXEC | O_NONBLOCK) == 0 && pipe(told) == 0);
	command("rm -rf /run/meshguard /run/wireguard; "
		"install -d -o %d /run/meshguard /run/wireguard", OWNER);
	command("mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200");
	fflush(stdout);
	r.pid = fork();
	if (r.pid == 0) {
		dup2(told[1], STDOUT_FILENO);
		dup2(words[1], STDERR_FILENO);
		close(told[0]);
		close(told[1]);
		capng_clear(CAPNG_SELECT_BOTH);
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
		if (capng_change_id(OWNER, OWNER + 1, CAPNG_DROP_SUPP_GRP) < 0)
			_exit(100);
		_exit(priv_run(&config, has_no_capability));
	}
	close(words[1]);
	close(told[1]);
	r.words = words[0];
	r.told = told[0];
	expect(&r, "looked");
	expect(&r, "begin");
	expect(&r, "end 0");
	eq_int(stop(&r), 0);
	eq_str(r.said, "");
	nothing_is_left();
	command("rm -rf /run/meshguard /run/wireguard; umount /dev/net");
}

static void closed_standard_descriptors_do_no_harm(void)
{
	const struct priv_config config = mesh_config();
	int status = 0;

	fflush(stdout);

	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			close(i);
		_exit(priv_run(&config, looks_at_its_descriptors));
	}
	ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	eq_int(WEXITSTATUS(status), 8);
}

static bool leads_to(const char *link, const char *target)
{
	char text[64];
	ssize_t len = readlink(link, text, sizeof(text));

	return len == (ssize_t)strlen(target) && !memcmp(text, target, (size_t)len);
}

/* A user may have 128 of them, and hundreds of daemons. */
static void one_inotify_is_enough(void)
{
	const struct priv_config config = mesh_config();
	struct run r = start(&config, tells_notices);
	unsigned have = 0;
	char path[64];

	expect(&r, "begin");
	expect(&r, "end 0");
	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)r.pid, fd);
		have += leads_to(path, "anon_inode:inotify");
	}
	eq_int(have, 1);
	eq_int(stop(&r), 0);
	nothing_is_left();
}

static void detach_returns_when_the_child_is_ready(void)
{
	struct priv_config config = mesh_config();
	struct run r;
	pid_t daemon;
	char path[64];

	config.detach = true;
	r = start(&config, becomes_ready);
	eq_int(finish(&r), 0);
	ok(said(&r, "hello\n"));
	ok(!said(&r, "later"));
	daemon = runtime_holder(NAME);
	ok(daemon > 0 && daemon != r.pid && getsid(daemon) == daemon);
	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)daemon);
	wait_until(leads_to(path, "/dev/null"));
	kill(daemon, SIGTERM);
	wait_until(runtime_holder(NAME) == 0);
	nothing_is_left();

	r = start(&config, is_not_ready);
	eq_int(finish(&r), 9);
	ok(said(&r, "no luck\n"));
	nothing_is_left();
}

static void plain_wireguard_needs_its_socket(void)
{
	struct priv_config config = { .interface = NAME, .mtu = 1420, .foreground = true };
	struct run r = start(&config, tells_notices), second;
	char path[] = "/var/run/wireguard/" NAME ".sock";

	wait_until(access(path, F_OK) == 0);
	second = start(&config, ends_at_once);
	eq_int(finish(&second), 1);
	ok(said(&second, "already run by process"));
	eq_int(link_of(NAME).flags & IFF_UP, 0);
	eq_str(link_of(NAME).alias, "");
	/* Removing its socket ends it, as with wireguard-go. */
	ok(unlink(path) == 0);
	expect(&r, "stop");
	eq_int(finish(&r), 0);
	nothing_is_left();

	/* A living socket of somebody else: refused; for a mesh it is left alone. */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	memcpy(at.sun_path, path, sizeof(path));
	ok(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 4) == 0);
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 1);
	ok(said(&r, "belongs to another running program"));
	config = mesh_config();
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 7);
	ok(access(path, F_OK) == 0);
	close(fd);
	/* Nobody listens any more: replaced. */
	r = start(&config, ends_at_once);
	eq_int(finish(&r), 7);
	nothing_is_left();
}

static void skipped(void)
{
}

static bool prepare(void)
{
	struct secret_key secret;
	const struct prefix prefix = mesh_ipv4_default_prefix();
	char text[KEYFILE_SECRET + 1];
	uint8_t seed[32] = { 42 };

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0
	    || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
	    || mount("none", "/run", "tmpfs", 0, "mode=755") < 0 || !mkdtemp(config_dir)
	    || chown(config_dir, OWNER, OWNER + 1) < 0)
		return false;
	/* As root of a real machine has them: the child must lose these too. */
	if (setgroups(2, (const gid_t[]){ 0, 4 }) < 0)
		return false;
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	setenv("MESHGUARD_CONFIG_DIR", config_dir, 1);
	unsetenv("SUDO_UID");
	command("ip link set lo up");
	ed25519_from_seed(&our_public, &secret, seed);
	mesh_ipv4(&our_public, 0, &prefix, &our_v4);
	mesh_ipv6(&our_public, &our_v6);
	secret_key_format(&secret, text);
	put("identity.key", text, STORE_SECRET);
	wipe(&secret, sizeof(secret)); /* so that forks of ours do not inherit it */
	wipe(text, sizeof(text));
	public_key_format(&our_public, text);
	put("identity.pub", text, 0);
	return tap_bad == 0;
}

#define R(fn) { root ? #fn : #fn " # SKIP needs root", root ? fn : skipped }

int main(int argc, char **argv)
{
	const bool root = geteuid() == 0;

	if (root && !prepare()) {
		printf("Bail out! no namespace of our own: %s\n", strerror(errno));
		return 1;
	}

	const struct tap_test tests[] = {
		R(the_interface_is_as_the_issue_says),
		R(the_child_has_no_rights_and_what_it_needs),
		R(sockets_are_for_those_who_may),
		R(the_child_may_ask_for_its_own_things_only),
		R(a_child_that_sends_nonsense_is_ended),
		R(trust_is_followed_live),
		R(the_directory_may_be_replaced_as_a_whole),
		R(thousands_of_keys_reach_a_slow_child),
		R(seeds_are_told_as_addresses),
		R(names_are_resolved_by_a_process_without_rights),
		R(a_helper_that_hangs_ends_with_us),
		R(malformed_seeds_are_wrong_usage),
		R(a_second_daemon_learns_who_the_first_is),
		R(a_stranger_cannot_lock_us_out),
		R(the_secret_is_with_the_child_alone),
		R(a_port_of_a_foreign_program_is_named),
		R(somebody_elses_interface_is_not_touched),
		R(a_left_over_of_ours_goes),
		R(after_sigkill_the_next_start_works),
		R(the_end_of_the_child_is_ours),
		R(one_key_may_come_twice),
		R(an_identity_is_needed_and_checked),
		R(without_the_capability_it_says_which),
		R(one_capability_is_enough_and_the_child_loses_it),
		R(closed_standard_descriptors_do_no_harm),
		R(one_inotify_is_enough),
		R(detach_returns_when_the_child_is_ready),
		R(plain_wireguard_needs_its_socket),
	};
	int result = tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);

	if (root)
		command("rm -rf '%s'", config_dir);
	return result;
}
