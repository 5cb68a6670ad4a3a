/* mdns_helper.c - avahi-core between the LAN and the node process.
 *
 * It announces what it is told: an instance of _meshguard._udp with a name drawn by chance, on a
 * host of the same name, whose addresses are those of each interface; never on the mesh. It asks
 * for other instances, resolves each on the interface and family where it was heard, and says
 * address, port and TXT record of each. At most 64 are followed; a new one takes the place of the
 * one that was followed longest.
 */
#include "linux/mdns.h"

#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/simple-watch.h>
#include <avahi-common/timeval.h>
#include <avahi-core/core.h>
#include <avahi-core/log.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FOLLOWED 64u
#define CACHE_ENTRIES 512u
#define GOODBYE_MS 150u

struct followed {
	AvahiSServiceResolver *resolver;  /* NULL: free */
	AvahiIfIndex interface;
	AvahiProtocol protocol;
	char name[AVAHI_LABEL_MAX];
};

struct helper_state {
	int socket;
	const char *mesh_interface;
	AvahiSimplePoll *poll;
	AvahiWatch *watch;                /* of the socket; NULL: leaving */
	AvahiServer *server;
	AvahiSEntryGroup *group;
	AvahiSServiceBrowser *browser;
	struct mdns_announcement told;
	bool is_told;
	struct followed list[FOLLOWED];
	unsigned next;
};

static void be_silent(AvahiLogLevel level, const char *text)
{
	(void)level;
	(void)text;
}

static void quit(struct helper_state *h)
{
	avahi_simple_poll_quit(h->poll);
}

/* --- asking --------------------------------------------------------------------------------- */

static bool take_address(const AvahiAddress *a, AvahiIfIndex interface, struct endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (a->proto == AVAHI_PROTO_INET)
		out->ip = ip_of(FAMILY_IPV4, &a->data.ipv4.address);
	else if (a->proto == AVAHI_PROTO_INET6)
		out->ip = ip_of(FAMILY_IPV6, a->data.ipv6.address);
	else
		return false;
	out->scope = ip_is_link_local(&out->ip) && out->ip.family == FAMILY_IPV6
		     ? (uint32_t)interface : 0;
	return true;
}

/* True when all of it has room. */
static bool take_txt(AvahiStringList *txt, struct mdns_finding *f)
{
	size_t len = avahi_string_list_serialize(txt, NULL, 0);

	if (len > sizeof(f->txt))
		return false;
	f->len = (uint16_t)avahi_string_list_serialize(txt, f->txt, sizeof(f->txt));
	return true;
}

static void on_resolved(AvahiSServiceResolver *r, AvahiIfIndex interface, AvahiProtocol protocol,
			AvahiResolverEvent event, const char *name, const char *type,
			const char *domain, const char *host, const AvahiAddress *a, uint16_t port,
			AvahiStringList *txt, AvahiLookupResultFlags flags, void *ctx)
{
	struct helper_state *h = ctx;
	struct mdns_finding f = { .name = "" };

	(void)r;
	(void)protocol;
	(void)type;
	(void)domain;
	(void)host;
	if (event != AVAHI_RESOLVER_FOUND || (flags & AVAHI_LOOKUP_RESULT_LOCAL) || !name || !a
	    || strlen(name) >= sizeof(f.name) || !take_address(a, interface, &f.at)
	    || !take_txt(txt, &f))
		return;
	strcpy(f.name, name);
	f.at.port = port;
	/* A node that has no time now hears of it when it is announced again. */
	if (send(h->socket, &f, sizeof(f), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
		quit(h);
}

static void unfollow(struct followed *f)
{
	if (f->resolver)
		avahi_s_service_resolver_free(f->resolver);
	f->resolver = NULL;
}

static struct followed *find(struct helper_state *h, AvahiIfIndex interface,
			     AvahiProtocol protocol, const char *name)
{
	for (unsigned i = 0; i < FOLLOWED; i++) {
		struct followed *f = &h->list[i];

		if (f->resolver && f->interface == interface && f->protocol == protocol
		    && !strcmp(f->name, name))
			return f;
	}
	return NULL;
}

static void follow(struct helper_state *h, AvahiIfIndex interface, AvahiProtocol protocol,
		   const char *name, const char *type, const char *domain)
{
	struct followed *f = &h->list[h->next++ % FOLLOWED];

	unfollow(f);
	f->interface = interface;
	f->protocol = protocol;
	strncpy(f->name, name, sizeof(f->name) - 1);
	/* An address of the family in which it was heard can be reached there. */
	f->resolver = avahi_s_service_resolver_new(h->server, interface, protocol, name, type,
						   domain, protocol, 0, on_resolved, h);
}

static void on_browse(AvahiSServiceBrowser *b, AvahiIfIndex interface, AvahiProtocol protocol,
		      AvahiBrowserEvent event, const char *name, const char *type,
		      const char *domain, AvahiLookupResultFlags flags, void *ctx)
{
	struct helper_state *h = ctx;
	struct followed *f = name ? find(h, interface, protocol, name) : NULL;

	(void)b;
	if (event == AVAHI_BROWSER_FAILURE)
		quit(h);
	else if (event == AVAHI_BROWSER_REMOVE && f)
		unfollow(f);
	else if (event == AVAHI_BROWSER_NEW && !f && name && strlen(name) < sizeof(h->list->name)
		 && !(flags & AVAHI_LOOKUP_RESULT_LOCAL))
		follow(h, interface, protocol, name, type, domain);
}

/* --- telling -------------------------------------------------------------------------------- */

/* Somebody else has our name, by chance or to silence us: we go on under another. Whoever claims
 * each of them gets us to begin anew more and more seldom (mdns_keeper.c). */
static void lose_name(struct helper_state *h)
{
	const struct mdns_finding f = { .taken = true };

	(void)!send(h->socket, &f, sizeof(f), MSG_DONTWAIT | MSG_NOSIGNAL);
	quit(h);
}

static void on_group(AvahiServer *s, AvahiSEntryGroup *g, AvahiEntryGroupState state, void *ctx)
{
	(void)s;
	(void)g;
	if (state == AVAHI_ENTRY_GROUP_FAILURE)
		quit(ctx);
	else if (state == AVAHI_ENTRY_GROUP_COLLISION)
		lose_name(ctx);
}

/* The same instance with another TXT record is an update; another name is another instance. */
static void publish(struct helper_state *h, bool again)
{
	const struct mdns_announcement *a = &h->told;
	AvahiStringList *txt = NULL;
	int error;

	if (!h->is_told || avahi_server_get_state(h->server) != AVAHI_SERVER_RUNNING)
		return;
	if (avahi_string_list_parse(a->txt, a->len, &txt) < 0)
		return;
	if (!h->group)
		h->group = avahi_s_entry_group_new(h->server, on_group, h);
	if (!h->group) {
		avahi_string_list_free(txt);
		quit(h);
		return;
	}
	if (again) {
		error = avahi_server_update_service_txt_strlst(
			h->server, h->group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, 0, a->name,
			MDNS_TYPE, NULL, txt);
	} else {
		avahi_s_entry_group_reset(h->group);
		error = avahi_server_add_service_strlst(
			h->server, h->group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, 0, a->name,
			MDNS_TYPE, NULL, NULL, a->port, txt);
		if (error == 0)
			error = avahi_s_entry_group_commit(h->group);
	}
	avahi_string_list_free(txt);
	if (error < 0)
		quit(h);
}

static void on_server(AvahiServer *s, AvahiServerState state, void *ctx)
{
	struct helper_state *h = ctx;

	h->server = s; /* it may come before avahi_server_new has returned */
	if (state == AVAHI_SERVER_RUNNING)
		publish(h, false);
	else if (state == AVAHI_SERVER_COLLISION)
		lose_name(h);
	else if (state == AVAHI_SERVER_FAILURE)
		quit(h);
}

static bool open_server(struct helper_state *h)
{
	AvahiServerConfig c;
	int error;

	avahi_server_config_init(&c);
	c.host_name = avahi_strdup(h->told.name);
	c.publish_workstation = c.publish_hinfo = c.publish_domain = 0;
	c.n_cache_entries_max = CACHE_ENTRIES;
	c.deny_interfaces = avahi_string_list_new("lo", h->mesh_interface, NULL);
	h->server = avahi_server_new(avahi_simple_poll_get(h->poll), &c, on_server, h, &error);
	avahi_server_config_free(&c);
	if (!h->server)
		return false;
	h->browser = avahi_s_service_browser_new(h->server, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
						 MDNS_TYPE, NULL, 0, on_browse, h);
	return h->browser != NULL;
}

static void on_left(AvahiTimeout *t, void *ctx)
{
	(void)t;
	quit(ctx);
}

/* Takes back what was announced; avahi sends that in a moment. */
static void leave(struct helper_state *h)
{
	const AvahiPoll *api = avahi_simple_poll_get(h->poll);
	struct timeval at;

	if (!h->watch)
		return;
	api->watch_free(h->watch);
	h->watch = NULL;
	if (h->group)
		avahi_s_entry_group_reset(h->group);
	avahi_elapse_time(&at, GOODBYE_MS, 0);
	if (!api->timeout_new(api, &at, on_left, h))
		quit(h);
}

static void take(struct helper_state *h, const struct mdns_announcement *a)
{
	const bool same = h->is_told && !strcmp(a->name, h->told.name) && a->port == h->told.port;

	h->told = *a;
	h->is_told = true;
	if (!h->server) {
		if (!open_server(h))
			quit(h);
	} else if (same) {
		publish(h, true);
	} else {
		leave(h); /* the host gets another name, too, so begin anew */
	}
}

static void on_socket(AvahiWatch *w, int fd, AvahiWatchEvent events, void *ctx)
{
	struct helper_state *h = ctx;
	struct mdns_announcement a;
	ssize_t n = -1;

	(void)w;
	(void)events;
	errno = EAGAIN;
	while (h->watch && (n = recv(fd, &a, sizeof(a), MSG_DONTWAIT)) == sizeof(a))
		if (a.len <= sizeof(a.txt) && !a.name[LAN_NAME])
			take(h, &a);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		leave(h);
}

void mdns_help(int socket, const char *mesh_interface)
{
	static struct helper_state state;
	struct helper_state *h = &state;
	const struct mdns_finding hello = { .name = "" };
	const AvahiPoll *api;

	*h = (struct helper_state){ .socket = socket, .mesh_interface = mesh_interface };
	avahi_set_log_function(be_silent);
	h->poll = avahi_simple_poll_new();
	if (!h->poll)
		return;
	api = avahi_simple_poll_get(h->poll);
	h->watch = api->watch_new(api, socket, AVAHI_WATCH_IN, on_socket, h);
	if (!h->watch || send(socket, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
		return;
	avahi_simple_poll_loop(h->poll);
	for (unsigned i = 0; i < FOLLOWED; i++)
		unfollow(&h->list[i]);
	if (h->server)
		avahi_server_free(h->server);
}
