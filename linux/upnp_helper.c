/* upnp_helper.c - UPnP-IGD in a process without rights; see priv_upnp.h.
 *
 * Whoever answers the multicast search first could send us anywhere: a description is fetched, and
 * a command sent, only where the URL names the address of the router that was asked for. What the
 * description says of the service goes into a header of ours, so it must be one of four names.
 */
#include "linux/priv_upnp.h"

#include "linux/priv_inside.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECONDS 20             /* all of it; less than core/nat/mapping waits */
#define SEARCH_MS 2000
#define URL_LONGEST 512u
#define PORTS 4u               /* outside ports that are tried, one after the other */
#define ONLY_PERMANENT 725     /* the router's error: it knows no leases */

bool upnp_url_ok(const char *url, const struct ip *gateway)
{
	static const char http[] = "http://";
	char text[IP_TEXT];
	size_t len = strnlen(url, URL_LONGEST);
	uint64_t port = 80;

	if (len == URL_LONGEST || strncmp(url, http, sizeof(http) - 1) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (url[i] <= 0x20 || url[i] >= 0x7f)
			return false;
	ip_format(gateway, text);
	url += sizeof(http) - 1;
	if (strncmp(url, text, strlen(text)) != 0)
		return false;
	url += strlen(text);
	if (*url == ':') {
		size_t digits = strcspn(url + 1, "/");

		if (!parse_u64(url + 1, digits, UINT16_MAX, &port))
			return false;
		url += 1 + digits;
	}
	return *url == '/' && (port == 80 || port >= 1024);
}

bool upnp_service_ok(const char *service)
{
	static const char *const names[] = {
		"urn:schemas-upnp-org:service:WANIPConnection:1",
		"urn:schemas-upnp-org:service:WANIPConnection:2",
		"urn:schemas-upnp-org:service:WANPPPConnection:1",
		"urn:schemas-upnp-org:service:WANPPPConnection:2",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(service, names[i]))
			return true;
	return false;
}

/* --- without rights ------------------------------------------------------------------------- */

static void limit(int resource, rlim_t most)
{
	const struct rlimit to = { most, most };

	setrlimit(resource, &to);
}

/* No file at all: nothing of what it does needs one. */
static void hide_files(void)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (rules < 0)
		return;
	syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
}

static void give_up_rights(const struct upnp_feed *u, const int *out, pid_t parent)
{
	const struct priv_drop drop = {
		.uid = u->uid, .gid = u->gid, .parent = parent, .name = "meshguard: upnp",
		.keep = out, .keep_count = 1,
	};
	const char *step;
	sigset_t none;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (priv_drop(&drop, &step) < 0)
		_exit(1);
	alarm(SECONDS);
	hide_files();
	limit(RLIMIT_CPU, 5);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_NOFILE, 32);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return;
#endif
#endif
	limit(RLIMIT_DATA, 64u << 20);
#endif
}

/* --- the router ----------------------------------------------------------------------------- */

struct igd {
	struct UPNPUrls urls;
	struct IGDdatas data;
};

static bool find_igd(const struct upnp_wish *w, const char *client, struct igd *igd)
{
	char own[64];
	int error = 0;
	struct UPNPDev *found = upnpDiscover(SEARCH_MS, client, "/dev/null", UPNP_LOCAL_PORT_ANY, 0,
					     2, &error);

	for (const struct UPNPDev *d = found; d; d = d->pNext) {
		if (!upnp_url_ok(d->descURL, &w->gateway))
			continue;
		memset(igd, 0, sizeof(*igd));
		if (UPNP_GetIGDFromUrl(d->descURL, &igd->urls, &igd->data, own, sizeof(own)) &&
		    igd->urls.controlURL && upnp_url_ok(igd->urls.controlURL, &w->gateway) &&
		    upnp_service_ok(igd->data.first.servicetype))
			return true;
	}
	return false;
}

/* Its lease, or 0 for ever: then it is renewed all the same. */
static bool add_mapping(const struct igd *igd, const struct upnp_wish *w, const char *client,
			uint16_t external)
{
	const char *control = igd->urls.controlURL, *service = igd->data.first.servicetype;
	char inside[8], outside[8], lease[12];
	int r;

	snprintf(inside, sizeof(inside), "%u", w->internal);
	snprintf(outside, sizeof(outside), "%u", external);
	snprintf(lease, sizeof(lease), "%u", UPNP_LEASE);
	r = UPNP_AddPortMapping(control, service, outside, inside, client, "meshguard", "UDP", NULL,
				lease);
	if (r == ONLY_PERMANENT)
		r = UPNP_AddPortMapping(control, service, outside, inside, client, "meshguard",
					"UDP", NULL, "0");
	return r == UPNPCOMMAND_SUCCESS;
}

static struct upnp_said map(const struct igd *igd, const struct upnp_wish *w, const char *client)
{
	struct upnp_said said = { .lease_s = UPNP_LEASE };
	char text[40] = "";
	struct ip ip;

	if (UPNP_GetExternalIPAddress(igd->urls.controlURL, igd->data.first.servicetype, text) !=
	    UPNPCOMMAND_SUCCESS)
		return said;
	text[sizeof(text) - 1] = '\0';
	if (!ip_parse(text, strlen(text), &ip) || ip.family != FAMILY_IPV4)
		return said;
	memcpy(said.ip, ip.b, sizeof(said.ip));
	for (unsigned i = 0; i < PORTS && !said.mapped; i++) {
		said.port = w->external + i <= UINT16_MAX ? w->external + i : 1024 + i;
		said.mapped = add_mapping(igd, w, client, (uint16_t)said.port);
	}
	return said;
}

static void unmap(const struct igd *igd, const struct upnp_wish *w)
{
	char outside[8];

	snprintf(outside, sizeof(outside), "%u", w->external);
	UPNP_DeletePortMapping(igd->urls.controlURL, igd->data.first.servicetype, outside, "UDP",
			       NULL);
}

_Noreturn void upnp_help(const struct upnp_feed *u, const struct upnp_wish *w, int out,
			 pid_t parent)
{
	struct upnp_said said = { 0 };
	char client[IP_TEXT];
	struct igd igd;

	give_up_rights(u, &out, parent);
	ip_format(&w->client, client);
	if (find_igd(w, client, &igd)) {
		if (w->map)
			said = map(&igd, w, client);
		else
			unmap(&igd, w);
	}
	_exit(send(out, &said, sizeof(said), MSG_NOSIGNAL) < 0);
}
