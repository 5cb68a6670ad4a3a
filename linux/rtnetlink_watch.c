/* rtnetlink_watch.c - what changed on this host, boiled down to a few facts.
 *
 * What our own interface does to addresses and routes is no change of the network, and neither are
 * the entries that the kernel makes for itself (clones, the local table).
 */
#include "linux/rtnetlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX 32768u

/* The 32-bit number in an attribute, or 0 when it is not there. */
static uint32_t find_u32(const struct nlmsghdr *h, size_t header_len, uint16_t type)
{
	const char *end = mnl_nlmsg_get_payload_tail(h);
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, header_len);

	for (; mnl_attr_ok(a, (int)(end - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == type && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			return mnl_attr_get_u32(a);
	return 0;
}

static void take_link(const struct nlmsghdr *h, int own, struct rtnl_news *news)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);

	if (info->ifi_index != own || own == 0)
		return;
	news->link = true;
	news->removed = h->nlmsg_type == RTM_DELLINK;
	news->up = !news->removed && (info->ifi_flags & IFF_UP);

	uint32_t mtu = find_u32(h, sizeof(*info), IFLA_MTU);

	if (mtu)
		news->mtu = mtu;
}

static void take_address(const struct nlmsghdr *h, int own, struct rtnl_news *news)
{
	const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);

	if (own == 0 || a->ifa_index != (uint32_t)own)
		news->addresses = true;
	else if (h->nlmsg_type == RTM_DELADDR)
		news->lost = true;
}

static void take_route(const struct nlmsghdr *h, int own, struct rtnl_news *news)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(h);

	if ((route->rtm_flags & RTM_F_CLONED) || route->rtm_table == RT_TABLE_LOCAL)
		return;
	news->routes |= own == 0 || find_u32(h, sizeof(*route), RTA_OIF) != (uint32_t)own;
}

static void take(const struct nlmsghdr *h, int own, struct rtnl_news *news)
{
	size_t len = mnl_nlmsg_get_payload_len(h);

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (len >= sizeof(struct ifinfomsg))
			take_link(h, own, news);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (len >= sizeof(struct ifaddrmsg))
			take_address(h, own, news);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (len >= sizeof(struct rtmsg))
			take_route(h, own, news);
		break;
	}
}

bool rtnl_watch_read(int fd, int own, struct rtnl_news *news)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];

	memset(news, 0, sizeof(*news));
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			news->overrun = true;
			continue;
		}
		if (n <= 0)
			break;
		if (from.nl_pid != 0) /* another process may write to us; only the kernel counts */
			continue;

		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

		for (int left = (int)n; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			take(h, own, news);
	}
	return news->addresses || news->routes || news->lost || news->overrun || news->link;
}
