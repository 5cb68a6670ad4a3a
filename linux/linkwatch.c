/* linkwatch.c - link messages of the kernel, about one interface.
 *
 * The socket joins the multicast group first and then asks for the interface, so that no change
 * falls between. After an overrun (ENOBUFS) it asks again. RTM_DELLINK comes for a deleted
 * interface and for one that moved away. Polling the TUN tells which: it is in error when its
 * interface is gone, and writable only while that is up.
 */
#include "linux/linkwatch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOVED_LOOK_MS 1000u
#define MESSAGE_MAX 32768u

static void look_at_tun(struct linkwatch *w)
{
	struct pollfd p = { .fd = w->tun, .events = POLLOUT };

	if (poll(&p, 1, 0) < 0)
		return;
	w->gone = p.revents & (POLLERR | POLLHUP | POLLNVAL);
	w->up = !w->gone && (p.revents & POLLOUT);
}

static int ask(int fd, int index)
{
	char buf[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct ifinfomsg))];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = index;
	return send(fd, buf, h->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* An interface of our number may be another one after ours moved away: it has our name only when
 * the TUN says so. */
static bool is_ours(const struct linkwatch *w, const char *name)
{
	struct ifreq req = { 0 };

	if (!w->moved)
		return true;
	return name && ioctl(w->tun, TUNGETIFF, &req) == 0 &&
	       !strncmp(req.ifr_name, name, IFNAMSIZ);
}

static void take_message(struct linkwatch *w, const struct nlmsghdr *h, struct instant now)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;
	const char *name = NULL;
	uint32_t mtu = 0;

	if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
		return;
	if (mnl_nlmsg_get_payload_len(h) < sizeof(*info) || info->ifi_index != w->index)
		return;
	if (h->nlmsg_type == RTM_DELLINK) {
		look_at_tun(w);
		w->moved = !w->gone;
		w->look = w->moved ? instant_add(now, span_ms(MOVED_LOOK_MS)) : INSTANT_NEVER;
		return;
	}
	const char *end = mnl_nlmsg_get_payload_tail(h);
	attr = mnl_nlmsg_get_payload_offset(h, sizeof(*info));
	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr)) {
		const uint16_t type = mnl_attr_get_type(attr);
		if (type == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
		if (type == IFLA_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			mtu = mnl_attr_get_u32(attr);
	}
	if (!is_ours(w, name))
		return;
	w->moved = false;
	w->look = INSTANT_NEVER;
	w->up = info->ifi_flags & IFF_UP;
	if (mtu)
		w->mtu = mtu;
}

void linkwatch_read(struct linkwatch *w, struct instant now)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];
	struct sockaddr_nl from = { 0 };
	socklen_t from_len;

	for (;;) {
		from_len = sizeof(from);
		const ssize_t n = recvfrom(w->fd, buf, sizeof(buf), MSG_DONTWAIT,
					   (struct sockaddr *)&from, &from_len);
		if (n < 0 && errno == ENOBUFS && !ask(w->fd, w->index))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (from.nl_pid) /* only the kernel is believed */
			continue;
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
		int left = (int)n;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			take_message(w, h, now);
	}
}

int linkwatch_open(struct linkwatch *w, const char *interface, int tun)
{
	const struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int err;

	*w = (struct linkwatch){ .fd = -1, .tun = tun, .look = INSTANT_NEVER };
	w->index = (int)if_nametoindex(interface);
	if (!w->index)
		return -errno;
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (w->fd < 0)
		return -errno;
	if (bind(w->fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		err = -errno;
		goto failed;
	}
	err = ask(w->fd, w->index);
	if (err)
		goto failed;
	linkwatch_read(w, INSTANT_ZERO); /* rtnetlink answers within the request */
	return 0;
failed:
	linkwatch_close(w);
	return err;
}

void linkwatch_close(struct linkwatch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void linkwatch_tick(struct linkwatch *w, struct instant now)
{
	if (!instant_reached(w->look, now))
		return;
	look_at_tun(w);
	w->look = w->gone ? INSTANT_NEVER : instant_add(now, span_ms(MOVED_LOOK_MS));
}
