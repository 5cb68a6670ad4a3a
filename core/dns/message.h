/* message.h - the format of DNS messages (RFC 1035, section 4): names, questions, records.
 *
 * Names are text here: labels with dots between, none at the end, "" for the root. A byte of a
 * label that is no printable ASCII, a dot or a backslash becomes '?', which no name of ours has.
 */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "base/bug.h"
#include "base/cursor.h"

#define DNS_NAME_TEXT 256u   /* with the terminator; a name has at most 255 bytes on the wire */
#define DNS_LABEL 63u
#define DNS_HEADER 12u

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_TXT = 16,
	DNS_AAAA = 28, DNS_SRV = 33, DNS_OPT = 41, DNS_ANY = 255,
};
enum dns_class { DNS_IN = 1, DNS_CLASS_ANY = 255 };

/* Bits of the flags (RFC 1035, section 4.1.1). */
#define DNS_QR 0x8000u
#define DNS_AA 0x0400u
#define DNS_TC 0x0200u
#define DNS_RD 0x0100u
#define DNS_OPCODE(flags) (((flags) >> 11) & 15u)
#define DNS_RCODE(flags) ((flags) & 15u)

enum dns_rcode { DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4,
		 DNS_REFUSED = 5 };

struct dns_header {
	uint16_t id, flags;
	uint16_t questions, answers, authorities, additionals;
};

struct dns_question {
	char name[DNS_NAME_TEXT];
	uint16_t type, class;
};

struct dns_record {
	char name[DNS_NAME_TEXT];
	uint16_t type, class;
	uint32_t ttl;          /* seconds */
	struct bytes data;     /* borrowed from the message */
};

/* Each reads at the cursor, which must be over the message from its first byte on; `message` is all
 * of it, into which names may point back. A pointer must point before the name that it is in, so a
 * loop cannot be. False, and the cursor failed: not well formed. */
bool dns_read_header(struct cursor *c, struct dns_header *out) must_check;
bool dns_read_name(struct bytes message, struct cursor *c, char out[static DNS_NAME_TEXT])
	must_check;
bool dns_read_question(struct bytes message, struct cursor *c, struct dns_question *out)
	must_check;
bool dns_read_record(struct bytes message, struct cursor *c, struct dns_record *out) must_check;

/* Uncompressed. A label that is empty or longer than DNS_LABEL fails the writer. */
void dns_write_name(struct writer *w, const char *name);

/* ASCII letters alone, whatever the locale (RFC 4343). */
bool dns_name_equal(const char *a, const char *b);
/* `name` is below `zone`, or the zone itself. */
bool dns_name_within(const char *name, const char *zone);

#endif
