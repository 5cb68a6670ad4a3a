#include "linux/warning.h"

#include "identity/address.h"
#include "identity/statement.h"

#include <stdio.h>
#include <string.h>

#define MINUTE 60u
#define HOUR 3600u
#define DAY 86400u

/* As the org is called here. */
static void name_of(const struct node *node, const struct public_key *org,
		    char name[static MAX_NAME + 1])
{
	struct report_node report;

	org_name_default(org, name);
	node_report(node, &report);
	for (unsigned i = 0; i < report.org_count; i++)
		if (!memcmp(&report.orgs[i].key, org, sizeof(*org)))
			memcpy(name, report.orgs[i].name, sizeof(report.orgs[i].name));
}

static void warn(const struct node *node, const struct event *e)
{
	const uint64_t left = (uint64_t)e->a;
	const char *unit = left >= 36 * HOUR ? "days" : left >= 90 * MINUTE ? "hours" : "minutes";
	const uint64_t each = *unit == 'd' ? DAY : *unit == 'h' ? HOUR : MINUTE;
	char org[MAX_NAME + 1];

	name_of(node, &e->by, org);
	if (!left)
		fprintf(stderr, "meshguard: this node's certificate of the org %s has ended; a new "
			"one comes from: meshguard org-sign\n", org);
	else
		fprintf(stderr, "meshguard: this node's certificate of the org %s ends in %llu %s; "
			"a new one comes from: meshguard org-sign\n", org,
			(unsigned long long)((left + each / 2) / each), unit);
}

static void warn_revoked(const struct node *node, const struct event *e)
{
	char org[MAX_NAME + 1];

	name_of(node, &e->by, org);
	fprintf(stderr, "meshguard: the org %s has revoked this node (%s): its members let it in "
		"no more; with a new key it can be signed again: meshguard keygen --force\n", org,
		revocation_reason_name((enum revocation_reason)e->a));
}

void warn_endings(const struct node *node, uint64_t *seen)
{
	const struct event_ring *ring = node_events(node);

	for (; *seen < ring->count; ++*seen) {
		const struct event *e = event_get(ring, *seen + 1);

		if (e && e->kind == EV_CERTIFICATE_ENDS)
			warn(node, e);
		else if (e && e->kind == EV_REVOKED)
			warn_revoked(node, e);
	}
}
