/* linux/rtnetlink.h - links and addresses of the kernel.
 *
 * Changes need CAP_NET_ADMIN; looking and watching need nothing. All numbers of messages are
 * checked before use, though they come from the kernel.
 */
#ifndef LINUX_RTNETLINK_H
#define LINUX_RTNETLINK_H

#include "base/bug.h"
#include "base/endpoint.h"

#include <net/if.h>
#include <stdint.h>

#define RTNL_ALIAS 256 /* IFALIASZ, terminator included */

struct rtnl {
	int fd;
	uint32_t sequence;
	char error[160]; /* after a failure: what the kernel said, else the words of errno */
};

struct rtnl_link {
	int index;
	uint32_t flags;          /* IFF_UP and so on */
	uint32_t mtu;
	char name[IFNAMSIZ];
	char kind[16];           /* "tun", "wireguard", "veth"; "" for hardware and loopback */
	char alias[RTNL_ALIAS];  /* "" for none */
};

struct rtnl_address {
	struct ip ip;
	uint8_t len;             /* of its net */
	uint8_t scope;           /* RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST */
	uint32_t flags;          /* IFA_F_TEMPORARY, IFA_F_DEPRECATED, IFA_F_TENTATIVE and so on */
	int index;               /* of its link */
};

/* All return 0 or negative errno with r->error set. */
int rtnl_open(struct rtnl *r) must_check;
void rtnl_close(struct rtnl *r);
int rtnl_link_get(struct rtnl *r, const char *name, struct rtnl_link *out) must_check; /* -ENODEV */
int rtnl_link_up(struct rtnl *r, int index) must_check;
int rtnl_link_mtu(struct rtnl *r, int index, uint32_t mtu) must_check;
int rtnl_link_alias(struct rtnl *r, int index, const char *alias) must_check;
/* The kernel shall give the link no IPv6 address of its own making (and so send nothing on it). */
int rtnl_link_no_autoconf(struct rtnl *r, int index) must_check;
int rtnl_link_delete(struct rtnl *r, int index) must_check;
/* `ip` with the length of its net; IPv6 without duplicate address detection. Adding what is there
 * and removing what is not are no errors. */
int rtnl_address_add(struct rtnl *r, int index, const struct ip *ip, uint8_t len) must_check;
/* The same for IPv6, and says whether it may become the source of what does not name one. */
int rtnl_address_prefer(struct rtnl *r, int index, const struct ip *ip, uint8_t len,
			bool preferred) must_check;
int rtnl_address_remove(struct rtnl *r, int index, const struct ip *ip, uint8_t len) must_check;

/* Calls fn for each address of the host; stops at the first non-zero and returns it. Opens its own
 * socket. */
int rtnl_addresses(int (*fn)(void *ctx, const struct rtnl_address *a), void *ctx);

/* The router of the default route by that family, by another link than `own`, and the index of that
 * link; family 0: there is none. Opens its own socket. */
int rtnl_gateway(int own, enum family family, struct ip *out, uint32_t *link) must_check;

/* What rtnl_watch_read learnt since it was called last. */
struct rtnl_news {
	bool addresses;  /* of other links than `own` */
	bool routes;     /* by other links than `own` */
	bool lost;       /* link `own` lost an address */
	bool overrun;    /* the kernel dropped messages: anything may have changed */
	bool link;       /* the three below were told about link `own` */
	bool up;
	bool removed;    /* deleted, or moved to another network namespace */
	uint32_t mtu;    /* 0: not told */
};

/* A non-blocking socket for changes. groups: RTMGRP_LINK | RTMGRP_IPV4_IFADDR and so on. */
int rtnl_watch_open(uint32_t groups) must_check;
/* Takes all that waits. True if there is any news. own: the index of our interface, or 0. */
bool rtnl_watch_read(int fd, int own, struct rtnl_news *news);

#endif
