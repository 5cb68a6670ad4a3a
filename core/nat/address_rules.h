/* address_rules.h - which addresses may be told to others, and which of theirs are tried.
 *
 * Text: one rule a line, `allow PREFIX` or `deny PREFIX`, blanks, `#` to the end of the line. The
 * first rule that contains the address decides; what none contains is allowed.
 */
#ifndef NAT_ADDRESS_RULES_H
#define NAT_ADDRESS_RULES_H

#include "base/bug.h"
#include "base/endpoint.h"

#define ADDRESS_RULES 64u

struct address_rules {
	struct { struct prefix prefix; bool allow; } list[ADDRESS_RULES];
	unsigned count;
};

/* 0, or the number of the first line that is wrong (one too many is); *out is unchanged then. */
unsigned address_rules_parse(const char *text, size_t len, struct address_rules *out) must_check;
bool address_rules_allow(const struct address_rules *r, const struct ip *ip) must_check;

#endif
