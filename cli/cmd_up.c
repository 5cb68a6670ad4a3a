/* cmd_up.c - the daemon. Checks what was asked; linux/priv does it. */
#include "cli/command.h"
#include "cli/reach_options.h"

#include "dns/seeds.h"
#include "identity/address.h"
#include "linux/mesh.h"
#include "linux/priv.h"
#include "linux/priv_seeds.h"

#include <stdio.h>
#include <string.h>

#define MIN_MTU 1280u   /* IPv6 (RFC 8200, section 5) */
#define MAX_MTU 65440u  /* and the wrapping fits one UDP datagram */

/* HOST[:PORT]. Of an IPv6 address without brackets it is not clear where the port begins. */
static bool seed_ok(const char *text)
{
	struct seed s;

	if (text[0] != '[' && strchr(text, ':') != strrchr(text, ':'))
		return false;
	return seed_parse(text, &s)
	       && (s.source != SEED_GIVEN || ip_is_unicast(&s.addresses[0].ip));
}

static bool take_domains(struct priv_config *config, const struct arguments *a)
{
	const size_t most = 253 - sizeof(DNS_SEEDS_LABELS);
	const char *domain;

	for (unsigned i = 0; (domain = option_nth(a, "dns", i)); i++) {
		if (i == PRIV_MAX_DOMAINS) {
			note("up: at most %u domains", PRIV_MAX_DOMAINS);
			return false;
		}
		if (strlen(domain) > most || !dns_host_valid(domain, strlen(domain))) {
			note("up: --dns %.80s: it must be a domain, as in example.org", domain);
			return false;
		}
		config->dns[i] = domain;
		config->dns_count = i + 1;
	}
	return true;
}

static bool take_seeds(struct priv_config *config, const struct arguments *a)
{
	const char *seed;

	for (unsigned i = 0; (seed = option_nth(a, "seed", i)); i++) {
		if (i == PRIV_MAX_SEEDS) {
			note("up: at most %u seeds", PRIV_MAX_SEEDS);
			return false;
		}
		if (!seed_ok(seed)) {
			note("up: --seed %.80s: it must be HOST:PORT, as in 192.0.2.7:%u, "
			     "[2001:db8::7]:%u or seed.example.org", seed, MESH_PORT, MESH_PORT);
			return false;
		}
		config->seeds[i] = seed;
		config->seed_count = i + 1;
	}
	return true;
}

static bool take_prefix(struct priv_config *config, const char *text)
{
	struct prefix p = mesh_ipv4_default_prefix();

	if (text && (!strchr(text, '/') || !prefix_parse(text, strlen(text), &p)
		     || p.ip.family != FAMILY_IPV4 || p.len < 8 || p.len > 24
		     || !ip_is_unicast(&p.ip) || ip_is_loopback(&p.ip))) {
		note("up: --prefix %.80s: it must be an IPv4 prefix of /8 to /24, as in "
		     "10.99.0.0/16",
		     text);
		return false;
	}
	config->prefix = p;
	return true;
}

static bool take_profile(struct priv_config *config, const char *text)
{
	static const char *const names[SWIM_PROFILES] = {
		[SWIM_LAN] = "lan", [SWIM_WAN] = "wan", [SWIM_METERED] = "metered",
	};

	for (unsigned i = 0; i < SWIM_PROFILES; i++) {
		if (!strcmp(text, names[i])) {
			config->profile = (enum swim_profile)i;
			return true;
		}
	}
	note("up: --profile %.80s: it must be lan, wan or metered", text);
	return false;
}

static bool take_relay(struct priv_config *config, const char *text)
{
	static const char *const names[] = {
		[RELAY_AUTO] = "auto", [RELAY_ON] = "on", [RELAY_OFF] = "off",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(text, names[i])) {
			config->relay = (enum relay_mode)i;
			return true;
		}
	}
	note("up: --relay %.80s: it must be auto, on or off", text);
	return false;
}

/* What goes together. */
static bool take_kind(struct priv_config *config, const struct arguments *a)
{
	config->gossip_only = has_option(a, "gossip-only");
	config->log_events = has_option(a, "log-events");
	config->detach = has_option(a, "detach");
	config->keylog = option_text(a, "debug-keylog", NULL);
	if (config->log_events && config->detach) {
		note("up: --log-events needs standard error, which --detach lets go of");
		return false;
	}
	if (config->gossip_only && has_option(a, "hosts")) {
		note("up: --gossip-only gives no addresses that --hosts could name");
		return false;
	}
	if (config->gossip_only && (config->keylog || has_option(a, "mtu"))) {
		note("up: --gossip-only makes no tunnel that --%s could be for",
		     config->keylog ? "debug-keylog" : "mtu");
		return false;
	}
	return true;
}

static bool take_offloads(struct priv_config *config, const char *words)
{
	if (!words || offload_parse(words, &config->off))
		return true;
	note("up: --no-offload %.80s: it must be words of tso, uso, udp-segment, udp-gro, "
	     "ipsec-mb, with commas between, or all", words);
	return false;
}

static enum exit_code run(const struct arguments *a)
{
	static struct priv_config config; /* the daemon keeps it */
	const char *interface;

	if (!chosen_interface(a, &interface) || !take_seeds(&config, a)
	    || !take_domains(&config, a)
	    || !take_prefix(&config, option_text(a, "prefix", NULL))
	    || !take_reach(&config, a)
	    || !take_relay(&config, option_text(a, "relay", "auto"))
	    || !take_profile(&config, option_text(a, "profile", "lan")) || !take_kind(&config, a)
	    || !take_offloads(&config, option_text(a, "no-offload", NULL)))
		return EXIT_USAGE;
	config.mesh = true;
	snprintf(config.interface, sizeof(config.interface), "%s", interface);
	config.mtu = option_number(a, "mtu", MESH_MTU);
	config.members = option_number(a, "max-members", MAX_MEMBERS);
	config.port = (uint16_t)option_number(a, "port", MESH_PORT);
	config.port_given = has_option(a, "port");
	config.open = has_option(a, "open");
	config.hosts = has_option(a, "hosts");
	config.mdns = has_option(a, "mdns");
	if (config.open)
		note("every key that knows this node's address is let in: --open");
	return (enum exit_code)priv_run(&config, mesh_child);
}

const struct command command_up = {
	.name = "up",
	.summary = "run the daemon: join the mesh",
	.words = "",
	.options = (const struct option_spec[]){
		{ .name = "seed", .kind = OPTION_TEXT, .repeats = true, .value = "HOST:PORT",
		  .help = "a peer to ask first (port: 51821)" },
		{ .name = "dns", .kind = OPTION_TEXT, .repeats = true, .value = "DOMAIN",
		  .help = "ask the peers that the domain names; see meshguard(8)" },
		{ .name = "mdns", .kind = OPTION_FLAG,
		  .help = "find peers on the LAN, and be found by them" },
		{ .name = "port", .kind = OPTION_NUMBER, .min = 1, .max = 65535, .value = "N",
		  .help = "UDP port (default: 51821)" },
		INTERFACE_OPTION,
		{ .name = "mtu", .kind = OPTION_NUMBER, .value = "N",
		  .min = MIN_MTU, .max = MAX_MTU },
		{ .name = "prefix", .kind = OPTION_TEXT, .value = "CIDR" },
		{ .name = "max-members", .kind = OPTION_NUMBER, .value = "N",
		  .min = 1, .max = MOST_MEMBERS },
		{ .name = "detach", .kind = OPTION_FLAG,
		  .help = "return when the mesh address is usable" },
		{ .name = "gossip-only", .kind = OPTION_FLAG,
		  .help = "membership alone: no interface, no rights needed" },
		{ .name = "profile", .kind = OPTION_TEXT, .value = "lan|wan|metered" },
		{ .name = "log-events", .kind = OPTION_FLAG },
		{ .name = "announce", .kind = OPTION_TEXT, .repeats = true, .value = "ADDR[:PORT]",
		  .help = "an address of this host to tell first; may be repeated" },
		{ .name = "map", .kind = OPTION_TEXT, .value = "auto|off",
		  .help = "ask the router to map the UDP port (default: auto)" },
		{ .name = "stun", .kind = OPTION_TEXT, .repeats = true, .value = "HOST:PORT",
		  .help = "a STUN server to ask, or off; may be repeated" },
		{ .name = "birthday", .kind = OPTION_TEXT, .value = "auto|off",
		  .help = "guess ports of symmetric NATs (default: auto)" },
		{ .name = "hosts", .kind = OPTION_FLAG,
		  .help = "keep the names of peers in /etc/hosts, too" },
		{ .name = "relay", .kind = OPTION_TEXT, .value = "auto|on|off",
		  .help = "carry traffic of peers for each other (default: auto)" },
		{ .name = "open", .kind = OPTION_FLAG,
		  .help = "let in every key that is not denied; dangerous" },
		{ .name = "no-offload", .kind = OPTION_TEXT, .value = "WORDS" },
		{ .name = "debug-keylog", .kind = OPTION_TEXT, .value = "FILE" },
		{ 0 } },
	.text = "Makes the interface, gives it this machine's mesh addresses, finds the trusted\n"
		"peers through the seeds and serves until it is stopped. Stays in the foreground\n"
		"without --detach. Needs root (CAP_NET_ADMIN), but for --gossip-only.",
	.example = "sudo meshguard up --seed 192.0.2.7:51821",
	.run = run,
};
