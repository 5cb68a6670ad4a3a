/* priv_setup.c - what `up` and `wireguard` need rights for, in the order in which it happens.
 *
 * Each step prints its own line when it fails: what, which, and what to do.
 */
#include "linux/priv_inside.h"

#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/hosts.h"
#include "linux/runtime.h"
#include "linux/tun.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_TEXT 256 /* a key file with generous white space */
#define IPV6_LEN 64
#define DYING_TRIES 50     /* for what a killed daemon still holds */
#define DYING_PAUSE_MS 10

static const char *const saved_names[PRIV_SAVES] = {
	[PRIV_SAVE_CLOCK] = "state/clock",
	[PRIV_SAVE_PEERS] = "state/peers",
	[PRIV_SAVE_NEXT_CLOCK] = "state/next.clock",
	[PRIV_SAVE_FORMER_CLOCK] = "state/former.clock",
};

const char *priv_saved_name(unsigned which)
{
	return which < PRIV_SAVES ? saved_names[which] : NULL;
}

/* --- identity ------------------------------------------------------------------------------ */

static int no_identity(const struct priv *p)
{
	priv_say("no identity in %s; make one with: meshguard keygen", p->store.path);
	return 1;
}

static int check_public(struct priv *p)
{
	char text[KEY_TEXT];
	struct public_key public;
	ssize_t n = store_read(&p->store, "identity.pub", text, sizeof(text), 0);

	if (n == -ENOENT) /* it follows from the other half */
		return 0;
	if (n < 0) {
		priv_say("%s", p->store.error);
		return 1;
	}
	if (public_key_parse(text, (size_t)n, &public) != KEY_OK
	    || memcmp(&public, &p->child->public, sizeof(public)) != 0) {
		priv_say("%s/identity.pub does not belong to identity.key; write the right one "
			 "with: rm '%s/identity.pub' && meshguard export > '%s/identity.pub'",
			 p->store.path, p->store.path, p->store.path);
		return 1;
	}
	return 0;
}

static int read_identity(struct priv *p)
{
	char text[KEY_TEXT];
	ssize_t n = store_read(&p->store, "identity.key", text, sizeof(text), STORE_SECRET);

	if (n == -ENOENT)
		return no_identity(p);
	if (n < 0) {
		priv_say("%s", p->store.error);
		return 1;
	}

	enum key_problem problem = secret_key_parse(text, (size_t)n, &p->child->secret,
						    &p->child->public);

	wipe(text, sizeof(text));
	if (problem != KEY_OK) {
		priv_say("%s/identity.key is damaged: %s; restore it from a copy, or make a new "
			 "identity with: meshguard keygen --force", p->store.path,
			 key_problem_text(problem));
		return 1;
	}
	return check_public(p);
}

/* What an earlier run saved helps; that it is missing or unusable stops nobody. */
static void read_saved(struct priv *p)
{
	for (unsigned i = 0; i < PRIV_SAVES; i++) {
		ssize_t n = store_read(&p->store, saved_names[i], p->child->saved[i], PRIV_DATA,
				       STORE_SECRET);

		if (n < 0 && n != -ENOENT)
			priv_say("%s; going on without it", p->store.error);
		p->child->saved_len[i] = n < 0 ? 0 : (uint32_t)n;
	}
}

/* A rule that was meant to hide a network must not be passed over. */
static int read_address_rules(struct priv *p)
{
	static char text[ADDRESS_RULES * 128];
	ssize_t n = store_read(&p->store, "addresses", text, sizeof(text), 0);
	unsigned line;

	if (n == -ENOENT)
		return 0;
	if (n < 0) {
		priv_say("%s", p->store.error);
		return 1;
	}
	line = address_rules_parse(text, (size_t)n, &p->child->rules);
	if (line)
		priv_say("%s/addresses:%u: it must be: allow PREFIX, or: deny PREFIX; at most %u "
			 "of them", p->store.path, line, ADDRESS_RULES);
	return line != 0;
}

static int load_identity(struct priv *p)
{
	struct priv_child *c = p->child;
	int r = store_open(&p->store);

	if (r == -ENOENT && p->store.path[0])
		return no_identity(p);
	if (r < 0) {
		priv_say("%s", p->store.error);
		return 1;
	}
	r = read_identity(p);
	if (r)
		return r;
	r = read_address_rules(p);
	if (r)
		return r;
	read_saved(p);
	c->owner = p->store.owner;
	memcpy(c->store_path, p->store.path, sizeof(c->store_path));
	snprintf(c->store_because, sizeof(c->store_because), "%s", p->store.because);
	if (strchr(p->store.because, ' ')) /* not simply the name of a variable */
		priv_say("using %s (%s)", p->store.path, p->store.because);
	return 0;
}

/* --- the interface ------------------------------------------------------------------------- */

static int held_by(const char *what, pid_t holder)
{
	if (holder > 0)
		priv_say("%s by process %d", what, (int)holder);
	else
		priv_say("%s by another process", what);
	return 1;
}

static int lock_interface(struct priv *p)
{
	char what[64];
	pid_t holder;
	int fd = lock_take_interface(p->child->interface, &holder);

	if (fd >= 0 || fd == -EACCES) { /* a stranger's lock stops nobody */
		p->interface_lock = fd >= 0 ? fd : -1;
		return 0;
	}
	if (fd == -EADDRINUSE) {
		snprintf(what, sizeof(what), "%s is already run", p->child->interface);
		return held_by(what, holder);
	}
	priv_say("cannot lock %s: %s", p->child->interface, strerror(-fd));
	return 1;
}

static bool may_administer(void)
{
	return capng_get_caps_process() == 0
	       && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

static int refuse_rights(const struct priv *p)
{
	const char *name = p->child->interface;
	bool mesh = p->config->mesh;

	priv_say("the capability CAP_NET_ADMIN is missing, which making %s needs; run this as "
		 "root: sudo meshguard %s%s", name, mesh ? "up" : "wireguard ", mesh ? "" : name);
	return 1;
}

/* -EBUSY while a process holds its TUN. */
static int remove_leftover(struct priv *p, const struct rtnl_link *link)
{
	char name[IFNAMSIZ];
	int fd, r;

	memcpy(name, link->name, sizeof(name));
	fd = strcmp(link->kind, "tun") == 0 ? tun_open(name, false) : -1;
	if (fd == -EBUSY)
		return fd;
	if (fd >= 0)
		close(fd);
	r = rtnl_link_delete(&p->netlink, link->index);
	return r == -ENODEV ? 0 : r;
}

/* What is there under our name: ours goes, another's stays and stops us. A node process whose
 * parent was killed just now holds the TUN for a moment; that of a daemon that moved the interface
 * here from another network namespace stays busy. */
static int clear_place(struct priv *p)
{
	const char *name = p->child->interface;
	struct rtnl_link link;
	int r = 0;

	for (int i = 0; i < DYING_TRIES; i++) {
		r = rtnl_link_get(&p->netlink, name, &link);
		if (r == -ENODEV)
			return 0;
		if (r < 0) {
			priv_say("cannot look for %s: %s", name, p->netlink.error);
			return 1;
		}
		if (strncmp(link.alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) != 0) {
			priv_say("there is an interface %s already (%s), and it is not ours; "
				 "choose another name%s", name,
				 link.kind[0] ? link.kind : "no virtual one",
				 p->config->mesh ? " with --interface" : "");
			return 1;
		}
		r = remove_leftover(p, &link);
		if (r != -EBUSY)
			break;
		poll(NULL, 0, DYING_PAUSE_MS);
	}
	if (r == -EBUSY)
		priv_say("%s is in use by a process of another network namespace", name);
	else if (r < 0)
		priv_say("cannot remove the left-over interface %s: %s", name, p->netlink.error);
	return r < 0;
}

static int make_tun(struct priv *p)
{
	struct priv_child *c = p->child;
	struct rtnl_link link;
	int fd = tun_open(c->interface, p->config->mesh && !p->config->off.tso);

	if (fd == -EPERM)
		return refuse_rights(p);
	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO) {
		priv_say("there is no /dev/net/tun; load the driver with: modprobe tun");
		return 1;
	}
	if (fd == -EACCES) {
		priv_say("may not open /dev/net/tun; allow it with: chmod 666 /dev/net/tun");
		return 1;
	}
	if (fd < 0) {
		priv_say("cannot make the interface %s: %s", c->interface, strerror(-fd));
		return 1;
	}
	c->tun = fd;
	if (rtnl_link_get(&p->netlink, c->interface, &link) < 0) {
		priv_say("cannot find the new interface %s: %s", c->interface, p->netlink.error);
		return 1;
	}
	p->link = link.index;
	return 0;
}

static int failed_on_link(const struct priv *p, const char *what)
{
	priv_say("cannot %s %s: %s", what, p->child->interface, p->netlink.error);
	return 1;
}

/* Hosts may have IPv6 off for new interfaces; for ours it can be switched on. */
static void enable_ipv6(const char *interface)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);

	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		priv_say("IPv6 is switched off and stays so: %s: %s", path, strerror(errno));
	close(fd);
}

static void add_ipv6(struct priv *p)
{
	struct ip ip;
	int r;

	mesh_ipv6(&p->child->public, &ip);
	r = rtnl_address_add(&p->netlink, p->link, &ip, IPV6_LEN);
	if (r < 0) {
		enable_ipv6(p->child->interface);
		r = rtnl_address_add(&p->netlink, p->link, &ip, IPV6_LEN);
	}
	if (r < 0)
		priv_say("%s gets no IPv6 address: %s; going on with IPv4", p->child->interface,
			 p->netlink.error);
}

int priv_alias(struct priv *p)
{
	const struct public_key *key = &p->child->public;
	char alias[sizeof(ALIAS_PREFIX) + BASE64_LEN(sizeof(*key))];

	memcpy(alias, ALIAS_PREFIX, sizeof(ALIAS_PREFIX));
	base64_encode(key->b, sizeof(*key), alias + strlen(alias), sizeof(alias) - strlen(alias));
	return rtnl_link_alias(&p->netlink, p->link, alias);
}

static int give_mesh_addresses(struct priv *p)
{
	struct priv_child *c = p->child;
	struct ip ip;

	if (priv_alias(p) < 0)
		return failed_on_link(p, "name the owner of");
	mesh_ipv4(&c->public, 0, &c->prefix, &ip);
	if (rtnl_address_add(&p->netlink, p->link, &ip, c->prefix.len) < 0)
		return failed_on_link(p, "give an IPv4 address to");
	p->ipv4_indexes[0] = 1;
	add_ipv6(p);
	if (rtnl_link_up(&p->netlink, p->link) < 0)
		return failed_on_link(p, "bring up");
	return 0;
}

static int make_interface(struct priv *p)
{
	int r;

	if (!may_administer())
		return refuse_rights(p);
	if (rtnl_open(&p->netlink) < 0) {
		priv_say("%s", p->netlink.error);
		return 1;
	}
	r = lock_interface(p);
	if (!r)
		r = clear_place(p);
	if (!r)
		r = make_tun(p);
	if (r)
		return r;
	if (rtnl_link_no_autoconf(&p->netlink, p->link) < 0) {
		/* Old kernels: it then has a link-local address that nobody uses. */
	}
	if (rtnl_link_mtu(&p->netlink, p->link, p->child->mtu) < 0)
		return failed_on_link(p, "set the MTU of");
	return p->config->mesh ? give_mesh_addresses(p) : 0;
}

/* --- sockets ------------------------------------------------------------------------------- */

static int lock_port(struct priv *p, uint16_t port)
{
	char what[64];
	pid_t holder;
	int fd = lock_take_port(port, &holder);

	if (fd == -EADDRINUSE) {
		snprintf(what, sizeof(what), "port %u is already used", port);
		if (holder > 0)
			priv_say("%s by meshguard process %d; choose another with --port", what,
				 (int)holder);
		else
			return held_by(what, holder);
		return 1;
	}
	p->port_lock = fd >= 0 ? fd : -1;
	return 0;
}

static int open_udp(struct priv *p)
{
	struct priv_child *c = p->child;
	uint16_t port = p->config->port ? p->config->port : MESH_PORT;
	int r = lock_port(p, port);

	if (r)
		return r;
	r = udp_open(&p->udp, port, 0);
	for (int i = 0; i < DYING_TRIES && r == -EADDRINUSE; i++) {
		poll(NULL, 0, DYING_PAUSE_MS);
		r = udp_open(&p->udp, port, 0);
	}
	if (r == -EADDRINUSE) {
		priv_say("UDP port %u is already used by another program "
			 "(see: ss -lunp 'sport = :%u'); choose another with --port", port, port);
		return 1;
	}
	if (r < 0) {
		priv_say("cannot open UDP port %u: %s", port, strerror(-r));
		return 1;
	}
	c->udp4 = p->udp.fd4;
	c->udp6 = p->udp.fd6;
	c->port = p->udp.port;
	return 0;
}

static void choose_user(struct priv *p)
{
	p->uid = 65534;
	p->gid = 65534;
	priv_user("nobody", &p->uid, &p->gid);
	if (p->config->mesh && p->store.owner != 0) {
		p->uid = p->store.owner;
		p->gid = p->store.group ? p->store.group : p->gid;
	}
	priv_user("meshguard", &p->uid, &p->gid);
}

static void prepare_child(struct priv *p)
{
	struct priv_child *c = p->child;

	c->channel = c->requests = c->tun = c->udp4 = c->udp6 = -1;
	c->control = c->uapi = c->keylog = c->ready = c->mdns = -1;
	memcpy(c->interface, p->config->interface, sizeof(c->interface));
	c->mtu = p->config->mtu ? p->config->mtu : MESH_MTU;
	c->prefix = p->config->prefix;
	c->config = p->config;
	c->owner = geteuid();
}

/* Gossip alone needs none; its name is that of the instance, and must not be taken for another. */
static int reserve_name(struct priv *p)
{
	if (if_nametoindex(p->child->interface)) {
		priv_say("there is an interface %s; choose another name with --interface",
			 p->child->interface);
		return 1;
	}
	return lock_interface(p);
}

static int set_up_mesh(struct priv *p)
{
	const bool alone = p->config->gossip_only;
	int r = load_identity(p);

	if (!r)
		r = alone ? reserve_name(p) : make_interface(p);
	if (!r && hosts_write(p->child->interface, NULL, 0) == 0) {
		/* What a killed daemon left of --hosts is gone now, if there was any. */
	}
	if (!r)
		r = open_udp(p);
	if (!r)
		r = priv_listen_control(p);
	if (!r && !alone)
		r = priv_listen_uapi(p);
	if (!r)
		r = priv_write_state(p);
	return r;
}

/* Its UDP sockets are opened when the interface is brought up. */
static int set_up_plain(struct priv *p)
{
	int r = make_interface(p);

	return r ? r : priv_listen_uapi(p);
}

int priv_setup(struct priv *p)
{
	int r;

	prepare_child(p);
	r = p->config->mesh ? set_up_mesh(p) : set_up_plain(p);
	if (r)
		return r;
	if (p->config->keylog) {
		p->child->keylog = priv_open_keylog(p->config->keylog);
		if (p->child->keylog < 0)
			return 1;
	}
	p->child->control = p->control.fd;
	p->child->uapi = p->uapi.fd;
	choose_user(p);
	return 0;
}

/* The link goes with the last descriptor of its TUN; this is for one that somebody made
 * persistent. One that moved to another network namespace has not our index here. */
static void remove_link(struct priv *p)
{
	struct rtnl_link link;

	if (p->link == 0 || p->netlink.fd < 0)
		return;
	if (rtnl_link_get(&p->netlink, p->child->interface, &link) == 0 && link.index == p->link
	    && strcmp(link.kind, "tun") == 0 && rtnl_link_delete(&p->netlink, link.index) < 0)
		priv_say("cannot remove %s: %s", p->child->interface, p->netlink.error);
	p->link = 0;
}

void priv_cleanup(struct priv *p)
{
	wipe(&p->child->secret, sizeof(p->child->secret));
	if (p->child->tun >= 0)
		close(p->child->tun);
	p->child->tun = -1;
	remove_link(p);
	udp_close(&p->udp);
	priv_dns_close(p);
	priv_socket_remove(&p->uapi);
	priv_socket_remove(&p->control);
	if (p->state_path[0])
		unlink(p->state_path);
	if (p->config->mesh)
		runtime_unmake(p->place);
	rtnl_close(&p->netlink);
	store_close(&p->store);
	/* Last: who waits for the locks finds nothing left. */
	if (p->port_lock >= 0)
		close(p->port_lock);
	if (p->interface_lock >= 0)
		close(p->interface_lock);
	p->port_lock = p->interface_lock = -1;
}
