/* What a UPnP helper may connect to, and which words of a router go into its requests. */
#include "linux/priv_upnp.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct ip router = { FAMILY_IPV4, { 192, 168, 7, 1 } };

static void urls_of_the_router_are_taken(void)
{
	static const char *const good[] = {
		"http://192.168.7.1/", "http://192.168.7.1:80/a", "http://192.168.7.1:1024/",
		"http://192.168.7.1:5000/rootDesc.xml", "http://192.168.7.1:65535/x?y=z",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!upnp_url_ok(good[i], &router))
			TAP_FAIL("refused: %s", good[i]);
}

static void all_others_are_not(void)
{
	static const char *const bad[] = {
		"", "http://", "http://192.168.7.1", "http://192.168.7.1:5000",
		"https://192.168.7.1:5000/", "HTTP://192.168.7.1/", "http://192.168.7.11/",
		"http://192.168.7.1.evil.org/", "http://192.168.7.1@192.168.7.66/",
		"http://192.168.7.1:22/", "http://192.168.7.1:443/", "http://192.168.7.1:1023/",
		"http://192.168.7.1:65536/", "http://192.168.7.1:/", "http://192.168.7.1:5000x/",
		"http://192.168.7.1:+5000/", "http://192.168.7.66/", "http://router/",
		"http://[::1]/", "http://[fe80::1%eth0]/", "http://192.168.007.1/",
		"http://3232237313/", "http://192.168.7.1/a b", "http://192.168.7.1/a\r\nX: y",
		"http://192.168.7.1/\x7f", "http://192.168.7.1/\x80", " http://192.168.7.1/",
		"ftp://192.168.7.1/", "//192.168.7.1/",
	};
	char longest[600] = "http://192.168.7.1/";

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (upnp_url_ok(bad[i], &router))
			TAP_FAIL("taken: %s", bad[i]);
	memset(longest + strlen(longest), 'x', 512 - strlen(longest));
	longest[512] = '\0';
	ok(!upnp_url_ok(longest, &router));
	longest[511] = '\0';
	ok(upnp_url_ok(longest, &router));
}

static void services_are_of_four_names(void)
{
	ok(upnp_service_ok("urn:schemas-upnp-org:service:WANIPConnection:1"));
	ok(upnp_service_ok("urn:schemas-upnp-org:service:WANIPConnection:2"));
	ok(upnp_service_ok("urn:schemas-upnp-org:service:WANPPPConnection:1"));
	ok(!upnp_service_ok(""));
	ok(!upnp_service_ok("urn:schemas-upnp-org:service:WANIPConnection:1\r\nX: y"));
	ok(!upnp_service_ok("urn:schemas-upnp-org:service:WANIPConnection:1 "));
	ok(!upnp_service_ok("urn:schemas-upnp-org:service:Layer3Forwarding:1"));
}

static void requests_are_judged(void)
{
	struct upnp_feed u = { .socket = -1 };
	struct priv_message m = { .kind = PRIV_UPNP, .flag = 1, .value = 51821, .which = 51821 };

	m.endpoint.ip = router;
	m.endpoint.local = ip_v4(192, 168, 7, 2);
	eq_int(upnp_request(&u, &m, 51822), -EINVAL); /* of another port of this host */
	m.which = 22;
	eq_int(upnp_request(&u, &m, 51821), -EINVAL);
	m.which = 65536;
	eq_int(upnp_request(&u, &m, 51821), -EINVAL);
	m.which = 51821;
	m.endpoint.local.family = FAMILY_IPV6;
	eq_int(upnp_request(&u, &m, 51821), -EINVAL);
	m.endpoint.local.family = FAMILY_IPV4;
	u.helper = 1;
	eq_int(upnp_request(&u, &m, 51821), -EBUSY);
}

static void never(void *ctx, uint32_t events)
{
	(void)ctx;
	(void)events;
}

/* One that was reaped before it was heard is not heard any more. No other is started: there are no
 * descriptors. */
static void an_old_answer_is_let_go(void)
{
	struct priv_message m = { .kind = PRIV_UPNP, .flag = 1, .value = 51821, .which = 51821 };
	struct rlimit all, none;
	struct upnp_feed u;
	struct loop loop;
	int ends[2];

	m.endpoint.ip = router;
	m.endpoint.local = ip_v4(192, 168, 7, 2);
	eq_int(loop_init(&loop), 0);
	upnp_open(&u, &loop);
	eq_int(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	u.socket = ends[0];
	eq_int(loop_add(&loop, u.socket, EPOLLIN, never, NULL), 0);
	eq_int(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = (struct rlimit){ 0, all.rlim_max };
	eq_int(setrlimit(RLIMIT_NOFILE, &none), 0);
	eq_int(upnp_request(&u, &m, 51821), -EMFILE);
	eq_int(setrlimit(RLIMIT_NOFILE, &all), 0);
	eq_int(u.socket, -1);
	eq_int(fcntl(ends[0], F_GETFD), -1);
	close(ends[1]);
	loop_close(&loop);
}

TAP_TESTS(T(urls_of_the_router_are_taken), T(all_others_are_not), T(services_are_of_four_names),
	  T(requests_are_judged), T(an_old_answer_is_let_go))
