/* Links and addresses, in a network namespace of the test's own; so all of it needs root. */
#include "tap.h"

#include "linux/rtnetlink.h"
#include "linux/tun.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <unistd.h>

static const struct ip v4 = { FAMILY_IPV4, { 10, 99, 1, 2 } };
static const struct ip v6 = { FAMILY_IPV6, { 0xfd, 0x99, 0x6d, 0x67, [15] = 1 } };

static struct rtnl netlink;
static int tun = -1;

static struct rtnl_link new_link(void)
{
	char name[IFNAMSIZ] = "tst%d";
	struct rtnl_link link;

	tun = tun_open(name, false);
	ok(tun >= 0);
	eq_int(rtnl_link_get(&netlink, name, &link), 0);
	return link;
}

struct found {
	unsigned count, of_ours;
	int index;
	struct rtnl_address last;
};

static int collect(void *ctx, const struct rtnl_address *a)
{
	struct found *f = ctx;

	f->count++;
	if (a->index == f->index) {
		f->of_ours++;
		f->last = *a;
	}
	return 0;
}

static struct found addresses_of(int index)
{
	struct found f = { .index = index };

	eq_int(rtnl_addresses(collect, &f), 0);
	return f;
}

static void a_link_is_found_by_its_name(void)
{
	struct rtnl_link link;

	eq_int(rtnl_link_get(&netlink, "lo", &link), 0);
	eq_int(link.index, 1);
	eq_str(link.name, "lo");
	eq_str(link.kind, "");
	eq_str(link.alias, "");
	eq_int(rtnl_link_get(&netlink, "absent", &link), -ENODEV);
	ok(netlink.error[0] != 0);
	eq_int(rtnl_link_get(&netlink, "", &link), -EINVAL);
	eq_int(rtnl_link_get(&netlink, "sixteen-letters-", &link), -EINVAL);
}

static void a_link_takes_mtu_alias_and_goes_up_and_away(void)
{
	struct rtnl_link link = new_link();
	char name[IFNAMSIZ], alias[RTNL_ALIAS];

	memcpy(name, link.name, sizeof(name));
	eq_str(link.kind, "tun");
	ok(!(link.flags & IFF_UP));
	eq_int(rtnl_link_mtu(&netlink, link.index, 1420), 0);
	memset(alias, 'a', sizeof(alias) - 1);
	alias[sizeof(alias) - 1] = '\0';
	eq_int(rtnl_link_alias(&netlink, link.index, alias), 0);
	eq_int(rtnl_link_no_autoconf(&netlink, link.index), 0);
	eq_int(rtnl_link_up(&netlink, link.index), 0);
	eq_int(rtnl_link_get(&netlink, name, &link), 0);
	eq_int(link.mtu, 1420);
	eq_str(link.alias, alias);
	ok(link.flags & IFF_UP);
	eq_int(addresses_of(link.index).of_ours, 0); /* no address of the kernel's making */
	const int index = link.index;

	eq_int(rtnl_link_delete(&netlink, index), 0);
	eq_int(rtnl_link_get(&netlink, name, &link), -ENODEV);
	eq_int(rtnl_link_delete(&netlink, index), -ENODEV);
	close(tun);
}

static void refusals_come_in_the_words_of_the_kernel(void)
{
	struct rtnl_link link = new_link();

	eq_int(rtnl_link_mtu(&netlink, link.index, 10), -EINVAL);
	eq_str(netlink.error, "mtu less than device minimum");
	eq_int(rtnl_link_mtu(&netlink, link.index, 1000000), -EINVAL);
	eq_str(netlink.error, "mtu greater than device maximum");
	close(tun);
}

static void addresses_come_and_go(void)
{
	struct rtnl_link link = new_link();
	struct found f;

	eq_int(rtnl_link_no_autoconf(&netlink, link.index), 0);
	eq_int(rtnl_link_up(&netlink, link.index), 0);
	eq_int(rtnl_address_add(&netlink, link.index, &v4, 16), 0);
	eq_int(rtnl_address_add(&netlink, link.index, &v4, 16), 0);
	f = addresses_of(link.index);
	eq_int(f.of_ours, 1);
	ok(ip_equal(&f.last.ip, &v4));
	eq_int(f.last.len, 16);
	eq_int(f.last.scope, RT_SCOPE_UNIVERSE);

	eq_int(rtnl_address_add(&netlink, link.index, &v6, 64), 0);
	eq_int(rtnl_address_remove(&netlink, link.index, &v4, 16), 0);
	f = addresses_of(link.index);
	eq_int(f.of_ours, 1);
	ok(ip_equal(&f.last.ip, &v6));
	eq_int(f.last.len, 64);
	ok(f.last.flags & IFA_F_NODAD);
	ok(!(f.last.flags & IFA_F_TENTATIVE)); /* usable at once */
	ok(!(f.last.flags & IFA_F_DEPRECATED));
	for (unsigned i = 0; i < 3; i++) { /* again and again, and it is there all the time */
		eq_int(rtnl_address_prefer(&netlink, link.index, &v6, 64, i == 1), 0);
		f = addresses_of(link.index);
		eq_int(f.of_ours, 1);
		eq_int(f.last.flags & IFA_F_DEPRECATED, i == 1 ? 0 : IFA_F_DEPRECATED);
		ok(!(f.last.flags & IFA_F_TENTATIVE));
	}
	eq_int(rtnl_address_remove(&netlink, link.index, &v6, 64), 0);
	eq_int(rtnl_address_prefer(&netlink, link.index, &v6, 64, false), 0);
	eq_int(addresses_of(link.index).of_ours, 1);
	eq_int(rtnl_address_remove(&netlink, link.index, &v6, 64), 0);
	eq_int(rtnl_address_remove(&netlink, link.index, &v6, 64), 0);
	eq_int(rtnl_address_remove(&netlink, link.index, &v4, 16), 0);
	eq_int(addresses_of(link.index).of_ours, 0);
	close(tun);
}

static int stop_at_once(void *ctx, const struct rtnl_address *a)
{
	(void)a;
	++*(int *)ctx;
	return 42;
}

static void a_listing_stops_when_told(void)
{
	int calls = 0;

	eq_int(rtnl_link_up(&netlink, 1), 0); /* lo gets 127.0.0.1 and ::1 */
	ok(addresses_of(1).of_ours == 2);
	eq_int(rtnl_addresses(stop_at_once, &calls), 42);
	eq_int(calls, 1);
}

static void a_complete_list_of_thousands(void)
{
	enum { MANY = 3000 };
	struct rtnl_link link = new_link();

	for (unsigned i = 0; i < MANY; i++) {
		struct ip ip = ip_v4(10, 1, (uint8_t)(i >> 8), (uint8_t)i);

		if (rtnl_address_add(&netlink, link.index, &ip, 32))
			TAP_FAIL("address %u: %s", i, netlink.error);
	}
	eq_int(addresses_of(link.index).of_ours, MANY);
	close(tun);
}

static void the_watcher_tells_what_changed(void)
{
	struct rtnl_link own = new_link();
	int own_tun = tun;
	struct rtnl_link other = new_link();
	int fd = rtnl_watch_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
				 | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	struct rtnl_news news;

	ok(fd >= 0);
	eq_int(rtnl_link_no_autoconf(&netlink, own.index), 0);
	eq_int(rtnl_link_no_autoconf(&netlink, other.index), 0);
	rtnl_watch_read(fd, own.index, &news);
	ok(!rtnl_watch_read(fd, own.index, &news));

	eq_int(rtnl_link_up(&netlink, own.index), 0);
	eq_int(rtnl_address_add(&netlink, own.index, &v4, 16), 0);
	ok(rtnl_watch_read(fd, own.index, &news));
	ok(news.link && news.up && !news.removed);
	ok(!news.addresses && !news.routes && !news.overrun);

	eq_int(rtnl_link_mtu(&netlink, own.index, 1300), 0);
	ok(rtnl_watch_read(fd, own.index, &news));
	eq_int(news.mtu, 1300);
	ok(!rtnl_watch_read(fd, own.index, &news));

	eq_int(rtnl_link_up(&netlink, other.index), 0);
	rtnl_watch_read(fd, own.index, &news);
	ok(!news.link);
	struct ip ip = ip_v4(192, 0, 2, 1);

	eq_int(rtnl_address_add(&netlink, other.index, &ip, 24), 0);
	ok(rtnl_watch_read(fd, own.index, &news));
	ok(news.addresses && news.routes && !news.link);

	close(own_tun);
	ok(rtnl_watch_read(fd, own.index, &news));
	ok(news.link && news.removed && !news.up);
	ok(!news.addresses);
	close(tun);
	ok(rtnl_watch_read(fd, own.index, &news));
	ok(news.addresses);
	close(fd);
}

static void a_watcher_that_sleeps_too_long_hears_that_it_lost_something(void)
{
	struct rtnl_link link = new_link();
	int fd = rtnl_watch_open(RTMGRP_IPV4_IFADDR);
	struct rtnl_news news;

	for (unsigned i = 0; i < 3000; i++) {
		struct ip ip = ip_v4(10, 1, (uint8_t)(i >> 8), (uint8_t)i);

		if (rtnl_address_add(&netlink, link.index, &ip, 32))
			TAP_FAIL("address %u: %s", i, netlink.error);
	}
	ok(rtnl_watch_read(fd, 0, &news));
	ok(news.overrun);
	ok(news.addresses);
	close(fd);
	close(tun);
}

static void looking_needs_no_rights(void)
{
	struct rtnl_link link = new_link();
	struct rtnl r;

	ok(seteuid(65534) == 0);
	eq_int(rtnl_open(&r), 0);
	ok(addresses_of(1).of_ours == 2);
	eq_int(rtnl_link_mtu(&r, link.index, 1300), -EPERM);
	ok(r.error[0] != 0);

	int fd = rtnl_watch_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR);

	ok(fd >= 0);
	close(fd);
	rtnl_close(&r);
	ok(seteuid(0) == 0);
	close(tun);
}

static void skipped(void)
{
}

#define R(fn) { root ? #fn : #fn " # SKIP needs root", root ? fn : skipped }

int main(int argc, char **argv)
{
	const bool root = geteuid() == 0;

	if (root && unshare(CLONE_NEWNET) < 0) {
		printf("Bail out! no network namespace: %s\n", strerror(errno));
		return 1;
	}
	if (rtnl_open(&netlink) < 0) {
		printf("Bail out! %s\n", netlink.error);
		return 1;
	}

	const struct tap_test tests[] = {
		R(a_link_is_found_by_its_name),
		R(a_link_takes_mtu_alias_and_goes_up_and_away),
		R(refusals_come_in_the_words_of_the_kernel),
		R(addresses_come_and_go),
		R(a_listing_stops_when_told),
		R(a_complete_list_of_thousands),
		R(the_watcher_tells_what_changed),
		R(a_watcher_that_sleeps_too_long_hears_that_it_lost_something),
		R(looking_needs_no_rights),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
