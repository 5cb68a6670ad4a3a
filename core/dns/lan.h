/* lan.h - what a node says of itself on a LAN, in the TXT record of its DNS-SD service
 * (RFC 6763): docs/protocol.md, "On a LAN".
 *
 *   v=1    this format; others are passed over
 *   t=...  tags of 6 bytes, up to 41 in a string: whom the node wants to be recognised by
 *   c=1    others may call, too
 */
#ifndef DNS_LAN_H
#define DNS_LAN_H

#include "base/bug.h"
#include "base/bytes.h"

#define LAN_TAG 6u
#define LAN_STRING_TAGS 41u                    /* "t=" and they have 248 of 255 bytes */
#define LAN_TAGS (3u * LAN_STRING_TAGS)
#define LAN_TXT_MAX (4u + 3u * (3u + LAN_STRING_TAGS * LAN_TAG) + 4u)
#define LAN_NAME 16u                           /* bytes of an instance's name: hex digits */

struct lan_txt {
	unsigned count;
	uint8_t tags[LAN_TAGS][LAN_TAG];
	bool call;
};

/* The strings of a TXT record with their lengths before them. Returns the length. */
size_t lan_txt_write(const struct lan_txt *t, uint8_t out[static LAN_TXT_MAX]);
/* False: of another format, or malformed. Tags beyond the room are left out. */
bool lan_txt_read(struct bytes txt, struct lan_txt *out) must_check;

#endif
