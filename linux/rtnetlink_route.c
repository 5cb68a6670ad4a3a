/* rtnetlink_route.c - the router that leads to the Internet. */
#include "linux/rtnetlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX 32768u

struct search {
	int own;
	uint8_t family;            /* AF_INET or AF_INET6 */
	bool found;
	uint32_t link;
	uint32_t metric;
	struct ip gateway;
};

struct attributes {
	const struct nlattr *gateway, *metric, *link, *table;
};

static int take_attribute(const struct nlattr *a, void *ctx)
{
	struct attributes *t = ctx;
	const bool number = mnl_attr_get_payload_len(a) == 4;

	switch (mnl_attr_get_type(a)) {
	case RTA_GATEWAY: t->gateway = a; break;
	case RTA_PRIORITY: t->metric = number ? a : NULL; break;
	case RTA_OIF: t->link = number ? a : NULL; break;
	case RTA_TABLE: t->table = number ? a : NULL; break;
	}
	return MNL_CB_OK;
}

/* The default route of the lowest metric, of the main table, that has a router and does not lead
 * into the mesh. */
static int take_route(const struct nlmsghdr *h, void *ctx)
{
	struct search *s = ctx;
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct attributes t = { 0 };

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(*m) ||
	    m->rtm_family != s->family || m->rtm_dst_len || m->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	if (mnl_attr_parse(h, sizeof(*m), take_attribute, &t) < 0 || !t.gateway ||
	    mnl_attr_get_payload_len(t.gateway) != (s->family == AF_INET ? 4 : 16))
		return MNL_CB_OK;

	uint32_t metric = t.metric ? mnl_attr_get_u32(t.metric) : 0;
	uint32_t table = t.table ? mnl_attr_get_u32(t.table) : m->rtm_table;

	if (table != RT_TABLE_MAIN || (t.link && mnl_attr_get_u32(t.link) == (uint32_t)s->own) ||
	    (s->found && metric >= s->metric))
		return MNL_CB_OK;
	s->found = true;
	s->metric = metric;
	s->link = t.link ? mnl_attr_get_u32(t.link) : 0;
	s->gateway = ip_of(s->family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6,
			   mnl_attr_get_payload(t.gateway));
	return MNL_CB_OK;
}

int rtnl_gateway(int own, enum family family, struct ip *out, uint32_t *link)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];
	struct search s = { .own = own, .family = family == FAMILY_IPV6 ? AF_INET6 : AF_INET };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	int r = -1;

	*out = (struct ip){ 0 };
	*link = 0;
	if (!nl)
		return -errno;
	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = 1;
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->rtm_family = s.family;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(nl, h, h->nlmsg_len) >= 0) {
		unsigned port = mnl_socket_get_portid(nl);

		do {
			ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

			r = n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, 1, port, take_route, &s);
		} while (r > MNL_CB_STOP);
	}
	r = r < 0 ? -errno : 0;
	mnl_socket_close(nl);
	if (!r && s.found)
		*out = s.gateway;
	*link = s.link;
	return r;
}
