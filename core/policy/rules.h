/* rules.h - the text of service rules: what it says, and what one rule takes from another.
 *
 * One rule a line: `allow|deny|reject PROTO [PORT]`. PROTO is tcp, udp, icmp or all; PORT is a
 * number from 1, `N-M` or `all`, and none means all. icmp has no ports. `all 22` is port 22 of TCP
 * and UDP; `all` with all ports is every packet there is, also those of other protocols and those
 * that cannot be told. Words are in lower case, between spaces or tabs; `#` begins a comment; a
 * line may end with CR LF. A file is taken whole or refused whole.
 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "base/bug.h"
#include "base/bytes.h"

#define POLICY_MAX_RULES 1024u   /* of one file */
#define POLICY_MAX_TEXT 65536u   /* bytes of one file */
#define POLICY_RULE_TEXT 32u     /* of one rule, with its terminator */

enum policy_action { POLICY_ALLOW, POLICY_DENY, POLICY_REJECT };
enum policy_proto { POLICY_TCP, POLICY_UDP, POLICY_ICMP, POLICY_ALL };
enum policy_default { POLICY_DEFAULT_ALLOW, POLICY_DEFAULT_DENY, POLICY_DEFAULT_OBSERVE };

struct policy_rule {
	uint8_t action;       /* enum policy_action */
	uint8_t proto;        /* enum policy_proto */
	uint16_t first, last; /* ports; 0 and 65535: all, and always so for icmp */
	uint32_t line;        /* of its file, from 1; 0: it came from nowhere */
};

/* Why a text was refused. */
enum policy_error {
	POLICY_OK,
	POLICY_BAD_ACTION,    /* the first word is none of the three */
	POLICY_NO_PROTO,
	POLICY_BAD_PROTO,
	POLICY_BAD_PORT,      /* no number, no range, or beyond 1..65535 */
	POLICY_BACKWARDS,     /* a range whose end is below its beginning */
	POLICY_ICMP_PORT,     /* icmp with a port */
	POLICY_EXTRA_WORD,
	POLICY_NOT_TEXT,      /* a control character */
	POLICY_TOO_MANY,      /* more rules than there is room for */
	POLICY_TOO_LONG,      /* more than POLICY_MAX_TEXT bytes; line 0 */
	POLICY_NO_RULE,       /* policy_rule_parse: no words */
	POLICY_BAD_DEFAULT,   /* the file `default`: none of its three words */
	POLICY_NO_DEFAULT,    /* the file `default` says nothing; line 0 */
	POLICY_ERRORS
};

struct policy_mistake {
	enum policy_error error;
	uint32_t line; /* from 1; 0: the file as a whole */
};

/* The rules of a file, in order, into rules[0..*count). False and *mistake (the first one) when any
 * line is bad or there are more than cap rules; then *count is 0. A file never has more than
 * POLICY_MAX_RULES. */
bool policy_rules_parse(struct bytes text, struct policy_rule *rules, size_t cap, size_t *count,
			struct policy_mistake *mistake) must_check;

/* One rule from the words of a command line; its line is 0. POLICY_OK, or why not: then *out is
 * not touched. */
enum policy_error policy_rule_parse(const char *const *words, size_t count,
				    struct policy_rule *out) must_check;

/* The canonical text: "allow tcp 22", "deny udp 8000-9000", "reject tcp" (all its ports),
 * "deny all". Parsed again it is the same rule. */
void policy_rule_format(const struct policy_rule *r, char out[static POLICY_RULE_TEXT]);

/* The text of the file `default`: one word, allow, deny or observe, with comments around. */
bool policy_default_parse(struct bytes text, enum policy_default *out,
			  struct policy_mistake *mistake) must_check;

/* Words for people: "deny", "tcp", "observe"; and for a mistake: "the port is no number from 1 to
 * 65535, no range and not `all`". */
const char *policy_action_name(enum policy_action a);
const char *policy_proto_name(enum policy_proto p);
const char *policy_default_name(enum policy_default d);
const char *policy_error_text(enum policy_error e);

/* Both do the same to the same packets; lines do not count. */
bool policy_rule_equal(const struct policy_rule *a, const struct policy_rule *b);

/* a matches every packet that b matches; actions do not count. */
bool policy_rule_covers(const struct policy_rule *a, const struct policy_rule *b);

/* The rules, all of which come before b, leave nothing for it: it can never match. *by: the first
 * one that covers it alone, or `count` if only several together do. */
bool policy_rules_cover(const struct policy_rule *rules, size_t count, const struct policy_rule *b,
			size_t *by);

#endif
