/* priv_resolved.c - systemd-resolved is told over D-Bus (org.freedesktop.resolve1.Manager) that the
 * interface has a name server for `.mesh` and for the reverse zones, and for nothing else.
 *
 * libsystemd is loaded where it is there, so nothing needs it. D-Bus may keep a caller waiting, so
 * a process of its own calls, for at most ten seconds. It has our rights, which resolved asks for,
 * and no descriptor of ours; it reads what the system bus says and nothing else.
 */
#include "linux/priv_names.h"

#include "dns/zone.h"
#include "identity/address.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL_SECONDS 3
#define ALL_SECONDS 10

/* What is used of sd-bus(3). */
typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;

struct bus {
	int (*open_system)(sd_bus **);
	int (*set_timeout)(sd_bus *, uint64_t);
	int (*call)(sd_bus *, const char *, const char *, const char *, const char *, void *,
		    sd_bus_message **, const char *, ...);
	int (*read)(sd_bus_message *, const char *, ...);
	sd_bus *bus;
};

static bool find(void *lib, const char *name, void *to)
{
	void *at = dlsym(lib, name);

	memcpy(to, &at, sizeof(at));
	return at != NULL;
}

static bool load(struct bus *b)
{
	void *lib = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);

	return lib && find(lib, "sd_bus_open_system", &b->open_system)
	       && find(lib, "sd_bus_set_method_call_timeout", &b->set_timeout)
	       && find(lib, "sd_bus_call_method", &b->call)
	       && find(lib, "sd_bus_message_read", &b->read);
}

/* It is started by a call where it is installed and off; then nobody wanted it. */
static bool resolved_runs(struct bus *b)
{
	sd_bus_message *reply = NULL;
	int runs = 0;

	return b->call(b->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		       "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s",
		       "org.freedesktop.resolve1") >= 0
	       && b->read(reply, "b", &runs) > 0 && runs;
}

#define MANAGER "org.freedesktop.resolve1", "/org/freedesktop/resolve1", \
		"org.freedesktop.resolve1.Manager"
#define EIGHT(b) (b)[0], (b)[1], (b)[2], (b)[3], (b)[4], (b)[5], (b)[6], (b)[7]

static int set_servers(struct bus *b, int link, const struct ip *v4, const struct ip *v6)
{
	if (v4->family == FAMILY_NONE)
		return b->call(b->bus, MANAGER, "SetLinkDNS", NULL, NULL, "ia(iay)", link, 1,
			       AF_INET6, 16, EIGHT(v6->b), EIGHT(v6->b + 8));
	return b->call(b->bus, MANAGER, "SetLinkDNS", NULL, NULL, "ia(iay)", link, 2,
		       AF_INET, 4, v4->b[0], v4->b[1], v4->b[2], v4->b[3],
		       AF_INET6, 16, EIGHT(v6->b), EIGHT(v6->b + 8));
}

/* Of a prefix that ends within an octet there would be many zones; it has none. */
static bool zone_of(const struct prefix *p, char out[static 64])
{
	const uint8_t *b = p->ip.b;

	switch (p->len) {
	case 8:
		snprintf(out, 64, "%u.in-addr.arpa", b[0]);
		return true;
	case 16:
		snprintf(out, 64, "%u.%u.in-addr.arpa", b[1], b[0]);
		return true;
	case 24:
		snprintf(out, 64, "%u.%u.%u.in-addr.arpa", b[2], b[1], b[0]);
		return true;
	default:
		return false;
	}
}

/* A domain with `true` routes questions and completes no names. */
static int set_domains(struct bus *b, int link, const struct prefix *p)
{
	static const char v6[] = "0.0.0.0.0.0.0.0.7.6.d.6.9.9.d.f.ip6.arpa";
	char v4[64];

	if (!zone_of(p, v4))
		return b->call(b->bus, MANAGER, "SetLinkDomains", NULL, NULL, "ia(sb)", link, 2,
			       DNS_MESH, 1, v6, 1);
	return b->call(b->bus, MANAGER, "SetLinkDomains", NULL, NULL, "ia(sb)", link, 3,
		       DNS_MESH, 1, v6, 1, v4, 1);
}

/* Names of the mesh are not signed, and nothing there speaks the other protocols. Older versions
 * lack some of these calls. */
static void set_rest(struct bus *b, int link)
{
	b->call(b->bus, MANAGER, "SetLinkDNSSEC", NULL, NULL, "is", link, "no");
	b->call(b->bus, MANAGER, "SetLinkDNSOverTLS", NULL, NULL, "is", link, "no");
	b->call(b->bus, MANAGER, "SetLinkLLMNR", NULL, NULL, "is", link, "no");
	b->call(b->bus, MANAGER, "SetLinkMulticastDNS", NULL, NULL, "is", link, "no");
	b->call(b->bus, MANAGER, "SetLinkDefaultRoute", NULL, NULL, "ib", link, 0);
}

static int tell(const struct priv *p, const struct ip *ipv4)
{
	struct bus b = { .bus = NULL };
	struct ip ipv6;
	int error;

	if (!load(&b) || b.open_system(&b.bus) < 0)
		return 0; /* there is none to tell */
	b.set_timeout(b.bus, CALL_SECONDS * 1000000u);
	if (!resolved_runs(&b))
		return 0;
	mesh_ipv6(&p->child->public, &ipv6);
	error = set_servers(&b, p->link, ipv4, &ipv6);
	if (error >= 0)
		error = set_domains(&b, p->link, &p->child->prefix);
	if (error >= 0)
		set_rest(&b, p->link);
	return error;
}

void resolved_tell(const struct priv *p, const struct ip *ipv4)
{
	sigset_t none;
	pid_t pid;
	int error;

	pid = fork(); /* reaped like every child that is not the node */
	if (pid != 0)
		return;
	priv_close_all_but(NULL, 0);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(ALL_SECONDS);
	error = tell(p, ipv4);
	if (error < 0)
		priv_say("systemd-resolved does not take names below ." DNS_MESH ": %s",
			 strerror(-error));
	_exit(error < 0);
}
