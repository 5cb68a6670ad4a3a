/* rtnetlink.c - requests, one at a time, each with its acknowledgement.
 *
 * A request carries a number; what carries another number is an answer to somebody older and is
 * skipped. The kernel explains refusals in words (extended acknowledgement), which are kept for
 * the message to the user.
 */
#include "linux/rtnetlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX 32768u
#define REQUEST_MAX 1024u
#define ANSWER_SECONDS 5

typedef int answer_fn(void *ctx, const struct nlmsghdr *h); /* 0, or negative errno: stop */

static int open_socket(int flags, uint32_t groups)
{
	const struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* One datagram of the kernel; its length, or negative errno. */
static ssize_t receive(int fd, void *buf, size_t cap)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, cap, MSG_TRUNC, (struct sockaddr *)&from, &len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (from.nl_pid != 0) /* another process may write to us; only the kernel counts */
			continue;
		return (size_t)n > cap ? -EMSGSIZE : n;
	}
}

int rtnl_open(struct rtnl *r)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	int on = 1;

	*r = (struct rtnl){ .fd = open_socket(0, 0) };
	if (r->fd < 0) {
		snprintf(r->error, sizeof(r->error), "no netlink socket: %s", strerror(-r->fd));
		return r->fd;
	}
	/* Helpful, not needed: without them there are no words, and answers are longer. */
	setsockopt(r->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(r->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return 0;
}

int rtnl_watch_open(uint32_t groups)
{
	return open_socket(SOCK_NONBLOCK, groups);
}

void rtnl_close(struct rtnl *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* --- attributes of what the kernel sends --------------------------------------------------- */

/* Fills table[0..max] with the attributes behind a header of header_len bytes. False when the
 * message is too short or an attribute leaves it. */
static bool attributes(const struct nlmsghdr *h, size_t header_len, const struct nlattr **table,
		       unsigned max)
{
	for (unsigned i = 0; i <= max; i++)
		table[i] = NULL;
	if (mnl_nlmsg_get_payload_len(h) < header_len)
		return false;

	const char *end = mnl_nlmsg_get_payload_tail(h);
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, header_len);

	for (; mnl_attr_ok(a, (int)(end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) <= max)
			table[mnl_attr_get_type(a)] = a;
	return true;
}

static uint32_t number(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_U32) >= 0 ? mnl_attr_get_u32(a) : 0;
}

static void text(const struct nlattr *a, char *out, size_t cap)
{
	out[0] = '\0';
	if (!a)
		return;

	size_t len = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	if (len >= cap)
		len = cap - 1;
	memcpy(out, mnl_attr_get_payload(a), len);
	out[len] = '\0';
}

/* --- requests ------------------------------------------------------------------------------ */

struct request {
	_Alignas(struct nlmsghdr) char buf[REQUEST_MAX];
	struct nlmsghdr *h;
};

static void *begin(struct request *q, uint16_t type, uint16_t flags, size_t header_len)
{
	q->h = mnl_nlmsg_put_header(q->buf);
	q->h->nlmsg_type = type;
	q->h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return mnl_nlmsg_put_extra_header(q->h, header_len);
}

static int refused(struct rtnl *r, const struct nlmsghdr *h)
{
	const struct nlattr *table[NLMSGERR_ATTR_MAX + 1];
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	size_t echoed = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*e))
		return -EBADMSG;
	if (e->error == 0)
		return 0;
	snprintf(r->error, sizeof(r->error), "%s", strerror(-e->error));
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		echoed += MNL_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if ((h->nlmsg_flags & NLM_F_ACK_TLVS) && attributes(h, echoed, table, NLMSGERR_ATTR_MAX)
	    && table[NLMSGERR_ATTR_MSG])
		text(table[NLMSGERR_ATTR_MSG], r->error, sizeof(r->error));
	return e->error < 0 ? e->error : -EBADMSG;
}

/* 1 when the answer is complete, 0 when more is to come, or negative errno. */
static int take_answer(struct rtnl *r, const struct nlmsghdr *h, answer_fn *fn, void *ctx)
{
	if (h->nlmsg_seq != r->sequence)
		return 0;
	if (h->nlmsg_type == NLMSG_ERROR) {
		int error = refused(r, h);

		return error ? error : 1;
	}
	if (h->nlmsg_type == NLMSG_DONE)
		return 1;
	return h->nlmsg_type >= NLMSG_MIN_TYPE && fn ? fn(ctx, h) : 0;
}

static int converse(struct rtnl *r, struct request *q, answer_fn *fn, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[ANSWER_MAX];

	r->error[0] = '\0';
	q->h->nlmsg_seq = ++r->sequence;
	if (send(r->fd, q->h, q->h->nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = receive(r->fd, buf, sizeof(buf));
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
		int left = (int)n;

		if (n < 0)
			return (int)(n == -EAGAIN ? -ETIMEDOUT : n);
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			int done = take_answer(r, h, fn, ctx);

			if (done)
				return done > 0 ? 0 : done;
		}
	}
}

static int ask(struct rtnl *r, struct request *q, answer_fn *fn, void *ctx)
{
	int error = converse(r, q, fn, ctx);

	if (error && !r->error[0])
		snprintf(r->error, sizeof(r->error), "%s", strerror(-error));
	return error;
}

/* --- links --------------------------------------------------------------------------------- */

static void link_kind(const struct nlattr *info, char out[16])
{
	if (!info)
		return;

	const struct nlattr *a = mnl_attr_get_payload(info);
	const char *end = (const char *)a + mnl_attr_get_payload_len(info);

	for (; mnl_attr_ok(a, (int)(end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			text(a, out, 16);
}

static int take_link(void *ctx, const struct nlmsghdr *h)
{
	struct rtnl_link *out = ctx;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	const struct nlattr *table[IFLA_IFALIAS + 1];

	if (h->nlmsg_type != RTM_NEWLINK || !attributes(h, sizeof(*info), table, IFLA_IFALIAS))
		return -EBADMSG;
	*out = (struct rtnl_link){ .index = info->ifi_index, .flags = info->ifi_flags,
				   .mtu = number(table[IFLA_MTU]) };
	text(table[IFLA_IFNAME], out->name, sizeof(out->name));
	text(table[IFLA_IFALIAS], out->alias, sizeof(out->alias));
	link_kind(table[IFLA_LINKINFO], out->kind);
	return 0;
}

int rtnl_link_get(struct rtnl *r, const char *name, struct rtnl_link *out)
{
	struct request q;

	*out = (struct rtnl_link){ 0 };
	if (!name[0] || strlen(name) >= IFNAMSIZ) {
		snprintf(r->error, sizeof(r->error), "not a name of an interface");
		return -EINVAL;
	}
	begin(&q, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(q.h, IFLA_IFNAME, name);

	int error = ask(r, &q, take_link, out);

	return error ? error : out->index > 0 ? 0 : -ENODEV;
}

static struct ifinfomsg *begin_link(struct request *q, uint16_t type, int index)
{
	struct ifinfomsg *info = begin(q, type, NLM_F_ACK, sizeof(*info));

	info->ifi_index = index;
	return info;
}

int rtnl_link_up(struct rtnl *r, int index)
{
	struct request q;
	struct ifinfomsg *info = begin_link(&q, RTM_NEWLINK, index);

	info->ifi_flags = info->ifi_change = IFF_UP;
	return ask(r, &q, NULL, NULL);
}

int rtnl_link_mtu(struct rtnl *r, int index, uint32_t mtu)
{
	struct request q;

	begin_link(&q, RTM_NEWLINK, index);
	mnl_attr_put_u32(q.h, IFLA_MTU, mtu);
	return ask(r, &q, NULL, NULL);
}

int rtnl_link_alias(struct rtnl *r, int index, const char *alias)
{
	struct request q;

	BUG_ON(strlen(alias) >= RTNL_ALIAS);
	begin_link(&q, RTM_NEWLINK, index);
	mnl_attr_put_str(q.h, IFLA_IFALIAS, alias);
	return ask(r, &q, NULL, NULL);
}

int rtnl_link_no_autoconf(struct rtnl *r, int index)
{
	struct request q;

	begin_link(&q, RTM_NEWLINK, index);

	struct nlattr *families = mnl_attr_nest_start(q.h, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(q.h, AF_INET6);

	mnl_attr_put_u8(q.h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(q.h, inet6);
	mnl_attr_nest_end(q.h, families);
	return ask(r, &q, NULL, NULL);
}

int rtnl_link_delete(struct rtnl *r, int index)
{
	struct request q;

	begin_link(&q, RTM_DELLINK, index);
	return ask(r, &q, NULL, NULL);
}

/* --- addresses ----------------------------------------------------------------------------- */

static void put_address(struct request *q, uint16_t type, uint16_t flags, int index,
			const struct ip *ip, uint8_t len)
{
	bool v4 = ip->family == FAMILY_IPV4;
	struct ifaddrmsg *a = begin(q, type, flags, sizeof(*a));

	BUG_ON(ip->family == FAMILY_NONE || len > ip_bits(ip));
	a->ifa_family = v4 ? AF_INET : AF_INET6;
	a->ifa_prefixlen = len;
	a->ifa_flags = v4 ? 0 : IFA_F_NODAD;
	a->ifa_scope = RT_SCOPE_UNIVERSE;
	a->ifa_index = (uint32_t)index;
	mnl_attr_put(q->h, IFA_LOCAL, v4 ? 4 : 16, ip->b);
	mnl_attr_put(q->h, IFA_ADDRESS, v4 ? 4 : 16, ip->b);
}

int rtnl_address_add(struct rtnl *r, int index, const struct ip *ip, uint8_t len)
{
	struct request q;
	int error;

	put_address(&q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, index, ip, len);
	error = ask(r, &q, NULL, NULL);
	return error == -EEXIST ? 0 : error;
}

int rtnl_address_prefer(struct rtnl *r, int index, const struct ip *ip, uint8_t len,
			bool preferred)
{
	const struct ifa_cacheinfo life = {
		.ifa_prefered = preferred ? UINT32_MAX : 0, .ifa_valid = UINT32_MAX,
	};
	struct request q;

	put_address(&q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, index, ip, len);
	mnl_attr_put(q.h, IFA_CACHEINFO, sizeof(life), &life);
	return ask(r, &q, NULL, NULL);
}

int rtnl_address_remove(struct rtnl *r, int index, const struct ip *ip, uint8_t len)
{
	struct request q;
	int error;

	put_address(&q, RTM_DELADDR, NLM_F_ACK, index, ip, len);
	error = ask(r, &q, NULL, NULL);
	return error == -EADDRNOTAVAIL ? 0 : error;
}

struct lister {
	int (*fn)(void *ctx, const struct rtnl_address *a);
	void *ctx;
	int result;
};

static int take_address(void *ctx, const struct nlmsghdr *h)
{
	struct lister *l = ctx;
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *table[IFA_FLAGS + 1];

	if (h->nlmsg_type != RTM_NEWADDR || !attributes(h, sizeof(*m), table, IFA_FLAGS))
		return 0;

	/* Of a point-to-point link IFA_ADDRESS is the other end. */
	const struct nlattr *ip = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
	enum family family = m->ifa_family == AF_INET ? FAMILY_IPV4 :
			     m->ifa_family == AF_INET6 ? FAMILY_IPV6 : FAMILY_NONE;

	if (l->result || !ip || family == FAMILY_NONE
	    || mnl_attr_get_payload_len(ip) != (family == FAMILY_IPV4 ? 4 : 16))
		return 0;

	struct rtnl_address a = {
		.ip = ip_of(family, mnl_attr_get_payload(ip)),
		.len = m->ifa_prefixlen,
		.scope = m->ifa_scope,
		.flags = table[IFA_FLAGS] ? number(table[IFA_FLAGS]) : m->ifa_flags,
		.index = (int)m->ifa_index,
	};

	l->result = l->fn(l->ctx, &a);
	return 0;
}

int rtnl_addresses(int (*fn)(void *ctx, const struct rtnl_address *a), void *ctx)
{
	struct lister l = { .fn = fn, .ctx = ctx };
	struct rtnl r;
	struct request q;
	int error = rtnl_open(&r);

	if (error)
		return error;

	struct ifaddrmsg *a = begin(&q, RTM_GETADDR, NLM_F_DUMP, sizeof(*a));

	a->ifa_family = AF_UNSPEC;
	error = ask(&r, &q, take_address, &l);
	rtnl_close(&r);
	return error ? error : l.result;
}
