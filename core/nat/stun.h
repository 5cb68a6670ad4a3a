/* stun.h - STUN as far as it tells us the address that we are seen under: Binding, RFC 8489.
 *
 * Only the codec: nothing of what an answer says is believed here. Whose answer it is, is the
 * business of stun_client.h.
 */
#ifndef NAT_STUN_H
#define NAT_STUN_H

#include "base/bug.h"
#include "base/endpoint.h"

#define STUN_PORT 3478u
#define STUN_ID 12u          /* bytes of a transaction id (section 5) */
#define STUN_REQUEST_LEN 28u /* with its FINGERPRINT */
#define STUN_QUESTION_LEN 36u /* with what RFC 5780 adds, too */

struct stun_answer {
	uint8_t id[STUN_ID];
	bool error;              /* an error response; nothing below is set */
	struct endpoint mapped;  /* XOR-MAPPED-ADDRESS (14.2), else MAPPED-ADDRESS (14.1) */
	struct endpoint other;   /* OTHER-ADDRESS (RFC 5780, 7.4); family 0: not offered */
};

/* A Binding request with that id (section 6.1) and a FINGERPRINT (14.7). */
void stun_request(const uint8_t id[static STUN_ID], uint8_t out[static STUN_REQUEST_LEN]);
/* What RFC 5780 adds: where the answer is to come from, or to go to. */
struct stun_wish {
	bool change_ip, change_port; /* CHANGE-REQUEST (7.2): from the server's other ones */
	uint16_t response_port;      /* RESPONSE-PORT (7.5): to that port of ours; 0: as usual */
};
/* A Binding request with one of those attributes, change first; bytes written. */
size_t stun_question(const uint8_t id[static STUN_ID], const struct stun_wish *wish,
		     uint8_t out[static STUN_QUESTION_LEN]);
/* Whether that is a Binding request with that id, as ours are: one that came back to us. */
bool stun_is_request(struct bytes datagram, const uint8_t id[static STUN_ID]) must_check;
/* A whole Binding response, success or error. False: it is none; it ends early or goes on; the
 * FINGERPRINT is wrong or not the last attribute; an attribute is not known that must be
 * (section 15); or a success tells no address. */
bool stun_answer_decode(struct bytes datagram, struct stun_answer *out) must_check;
/* Whether a message of any kind ends with a FINGERPRINT that is right. */
bool stun_fingerprint_ok(struct bytes message) must_check;

#endif
