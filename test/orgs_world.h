/* orgs_world.h - node_world.h with two orgs, and what each machine has of them on its disk. */
#ifndef TEST_ORGS_WORLD_H
#define TEST_ORGS_WORLD_H

#include "node_world.h"

#include "identity/certificate.h"

#define DAY 86400u
#define ACME 0u
#define BETA 1u

static struct public_key orgs[2];
static struct secret_key org_secrets[2];

/* What lies on a machine's disk. */
struct disk {
	unsigned keys;                   /* trusted machines, a bit each of the first 32 */
	unsigned denied;
	unsigned trusted;                /* orgs */
	struct certificate own[2];
	unsigned own_count;
	struct statement said[4];
	unsigned said_count;
};
static struct disk disks[NODES];

static inline void orgs_world(void)
{
	const uint8_t seeds[2][32] = { { 201 }, { 202 } };

	world(false);
	memset(disks, 0, sizeof(disks));
	for (unsigned o = 0; o < 2; o++)
		ed25519_from_seed(&orgs[o], &org_secrets[o], seeds[o]);
}

static inline struct certificate certificate(unsigned org, unsigned node, uint64_t ends)
{
	struct certificate_body b = { .org = orgs[org], .node = machines[node].public,
				      .not_before = now.wall.s - 300, .expires = ends };
	struct certificate c;

	snprintf(b.name, sizeof(b.name), "node%u", node);
	ok(certificate_sign(&b, &org_secrets[org], &c));
	return c;
}

static inline struct statement statement(enum statement_kind kind, unsigned org, unsigned node)
{
	struct statement_body b = { .kind = kind, .issuer = orgs[org], .number = 1,
				    .subject = machines[node].public, .issued = now.wall.s };
	struct statement s;

	ok(statement_sign(&b, &org_secrets[org], NULL, &s));
	return s;
}

static inline void read_disk(unsigned i)
{
	static const char *const names[] = { "acme", "beta" };
	struct machine *m = &machines[i];
	const struct disk *d = &disks[i];

	event(m, &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	for (unsigned k = 0; k < NODES && k < 32; k++)
		if (d->denied & 1u << k)
			event(m, &(struct node_event){ .kind = NODE_TRUST_DENY,
						       .key = machines[k].public });
	for (unsigned o = 0; o < 2; o++)
		if (d->trusted & 1u << o)
			event(m, &(struct node_event){ .kind = NODE_TRUST_ORG, .key = orgs[o],
						       .name = names[o] });
	for (unsigned k = 0; k < d->said_count; k++)
		event(m, &(struct node_event){ .kind = NODE_TRUST_STATEMENT,
			.data = bytes_of(d->said[k].wire, d->said[k].len) });
	for (unsigned k = 0; k < d->own_count; k++)
		event(m, &(struct node_event){ .kind = NODE_TRUST_CERTIFICATE,
			.data = bytes_of(d->own[k].wire, d->own[k].len) });
	for (unsigned k = 0; k < NODES && k < 32; k++) {
		char name[8] = { 'n', (char)('0' + k) };

		if (d->keys & 1u << k)
			event(m, &(struct node_event){ .kind = NODE_TRUST_KEY,
						       .key = machines[k].public, .name = name });
	}
	event(m, &(struct node_event){ .kind = NODE_TRUST_END });
}

static inline void member(unsigned i, unsigned org, uint64_t ends)
{
	disks[i].trusted |= 1u << org;
	disks[i].own[disks[i].own_count++] = certificate(org, i, ends);
}

static inline void start(unsigned i)
{
	switch_on(&machines[i]);
	read_disk(i);
	if (i)
		seed(&machines[i], &machines[0].at);
}

static inline void say(unsigned i, enum statement_kind kind, unsigned org, unsigned node)
{
	disks[i].said[disks[i].said_count++] = statement(kind, org, node);
	read_disk(i);
}

/* As a's status tells of b; false: a does not let b in. */
static inline bool report_of(unsigned a, unsigned b, struct report_peer *out)
{
	uint32_t at = UINT32_MAX;

	while ((at = node_report_peer(machines[a].node, at, out)) != UINT32_MAX)
		if (!memcmp(&out->key, &machines[b].public, sizeof(out->key)))
			return true;
	return false;
}

static inline bool knows(unsigned a, unsigned b)
{
	struct report_peer p;

	return report_of(a, b, &p);
}

#endif
