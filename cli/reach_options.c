#include "cli/reach_options.h"

#include "cli/command.h"
#include "dns/seeds.h"

#include <string.h>

/* Run by three who owe nothing to each other, and open to all. Whoever runs one learns the address
 * of a host that asks, and no more: `--stun off`, or one's own. */
static const char *const public_stun[] = {
	"stun.cloudflare.com:3478", "stun.l.google.com:19302", "stun.nextcloud.com:443",
};

/* HOST:PORT: an address as endpoint_parse wants it, or a name and a port. */
static bool host_port_ok(const char *text)
{
	struct endpoint e;
	struct dns_target t;

	if (endpoint_parse(text, strlen(text), 0, &e))
		return e.port != 0 && ip_is_unicast(&e.ip);
	return dns_target_parse(text, strlen(text), 0, &t) && t.port;
}

/* ADDR or ADDR:PORT; port 0: the daemon's. */
static bool take_announced(struct endpoint *e, const char *text)
{
	if (ip_parse(text, strlen(text), &e->ip)
	    || (endpoint_parse(text, strlen(text), 0, e) && !e->scope)) {
		if (ip_is_unicast(&e->ip) && !ip_is_link_local(&e->ip))
			return true;
	}
	note("up: --announce %.80s: it must be the address, or ADDRESS:PORT, where others reach "
	     "this host", text);
	return false;
}

static bool take_announces(struct priv_config *config, const struct arguments *a)
{
	const char *text;

	for (unsigned i = 0; (text = option_nth(a, "announce", i)); i++) {
		if (i == PRIV_ANNOUNCE) {
			note("up: --announce: at most %u addresses", PRIV_ANNOUNCE);
			return false;
		}
		if (!take_announced(&config->announce[i], text))
			return false;
		config->announce_count = i + 1;
	}
	return true;
}

bool take_stun(const char *command, struct priv_config *config, const struct arguments *a)
{
	const char *text = option_nth(a, "stun", 0);

	if (!text) {
		config->stun_count = sizeof(public_stun) / sizeof(*public_stun);
		memcpy(config->stun, public_stun, sizeof(public_stun));
		return true;
	}
	if (!strcmp(text, "off") && !option_nth(a, "stun", 1))
		return true;
	config->stun_given = true;
	for (unsigned i = 0; (text = option_nth(a, "stun", i)); i++) {
		if (i == PRIV_STUN_SERVERS) {
			note("%s: --stun: at most %u servers", command, PRIV_STUN_SERVERS);
			return false;
		}
		if (!host_port_ok(text)) {
			note("%s: --stun %.80s: it must be HOST:PORT, as in "
			     "stun.example.org:3478, or off alone", command, text);
			return false;
		}
		config->stun[i] = text;
		config->stun_count = i + 1;
	}
	return true;
}

static bool take_mapping(struct priv_config *config, const char *text)
{
	config->no_mapping = !strcmp(text, "off");
	if (config->no_mapping || !strcmp(text, "auto"))
		return true;
	note("up: --map %.80s: it must be auto or off", text);
	return false;
}

static bool take_birthday(struct priv_config *config, const char *text)
{
	config->no_birthday = !strcmp(text, "off");
	if (config->no_birthday || !strcmp(text, "auto"))
		return true;
	note("up: --birthday %.80s: it must be auto or off", text);
	return false;
}

bool take_reach(struct priv_config *config, const struct arguments *a)
{
	return take_announces(config, a) && take_stun("up", config, a) &&
	       take_mapping(config, option_text(a, "map", "auto")) &&
	       take_birthday(config, option_text(a, "birthday", "auto"));
}
