/* natbox.h - one NAT, in the terms of RFC 4787, for UDP.
 *
 * Mapping says which datagrams of one inside endpoint share an outside port: all, those to one
 * address, or those to one address and port. Filtering says from whom an outside port is open: from
 * all, from addresses, or from addresses and ports that the inside has sent to through it.
 * Pure: time comes in, endpoints come out; it allocates its tables. A mapping lives `timeout` after
 * the last datagram out (and in, if inbound_refreshes), and so does a permission.
 */
#ifndef SIM_NATBOX_H
#define SIM_NATBOX_H

#include "base/endpoint.h"
#include "base/instant.h"
#include "base/rng.h"

enum nat_by { NAT_BY_NONE, NAT_BY_ADDRESS, NAT_BY_ADDRESS_AND_PORT };

enum nat_ports {
	NAT_PORTS_RANDOM,
	NAT_PORTS_SEQUENTIAL,   /* the next free one */
	NAT_PORTS_PRESERVE,     /* the inside's where it is free, else the next free one. With a
	                           mapping that depends on the remote, one port serves several
	                           remotes, as Linux does */
};

struct nat_config {
	struct ip outside;
	enum nat_by mapping, filtering;
	enum nat_ports ports;
	uint16_t first_port;    /* of sequential and random ones; 0: 1024 */
	bool hairpin;
	bool inbound_refreshes;
	struct span timeout;    /* 0: two minutes */
	uint32_t mappings;      /* at the most; 0: 1024 */
	uint32_t strangers;     /* flows that others begin in a second: each takes the next port */
};

struct natbox;
struct natbox *natbox_new(const struct nat_config *config, uint64_t seed);
void natbox_free(struct natbox *n);
const struct nat_config *natbox_config(const struct natbox *n);
/* What the source of a datagram from inside becomes; false: no port or place is left, it is
 * lost. */
bool natbox_out(struct natbox *n, struct instant now, const struct endpoint *inside,
		const struct endpoint *to, struct endpoint *as);
/* Whose a datagram from outside is; false: nobody's, it is lost. */
bool natbox_in(struct natbox *n, struct instant now, const struct endpoint *from, uint16_t port,
	       struct endpoint *inside);
/* Whose that port is at present, whoever may send to it; changes nothing. */
bool natbox_owner(const struct natbox *n, struct instant now, uint16_t port,
		  struct endpoint *inside);
/* Reboot: all is forgotten. */
void natbox_forget(struct natbox *n);
/* Mappings that live. */
uint32_t natbox_count(struct natbox *n, struct instant now);

#endif
