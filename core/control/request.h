/* request.h - what a client of the control socket may ask, and who may ask it; without bytes or
 * words. The bytes are docs/control.md and linux/control_json.h. */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_VERSION 1u
#define CONTROL_MAX_FRAME 65536u  /* bytes of a request, or of one frame of an answer */
#define CONTROL_MAX_CLIENTS 16u
#define CONTROL_STALL_S 10u       /* a client that takes nothing of its answer for so long is cut */
#define CONTROL_IDLE_S 30u        /* and one that asks nothing */
#define CONTROL_ANSWER_S 5u       /* how long a client waits for the next bytes of an answer */

enum request_verb {
	REQUEST_NONE,
	REQUEST_STATUS,    /* the node, then every peer */
	REQUEST_COUNTERS,  /* the node alone */
	REQUEST_SERVICES,  /* the service rules in force, with their hits */
	REQUEST_OBSERVED,  /* what the default `observe` would deny */
	REQUEST_PING,      /* how long a probe to `peer` takes now; then that peer */
	REQUEST_DOWN,      /* end gracefully */
	REQUEST_VERBS
};

struct request {
	uint32_t id;       /* the client's own; its answer carries it */
	enum request_verb verb;
	struct public_key peer;  /* REQUEST_PING */
};

/* Why a request was not served. */
enum request_problem {
	REQUEST_OK,
	REQUEST_MALFORMED, /* the frame is no request; the connection is closed */
	REQUEST_VERSION,   /* of another version of the protocol */
	REQUEST_UNKNOWN,   /* no such verb */
	REQUEST_REFUSED,   /* this caller may not */
	REQUEST_BUSY,      /* too many clients */
	REQUEST_PROBLEMS
};

/* Who may connect at all was decided by the mode of the socket: root, the owner of the
 * configuration directory, members of its group. All of them may look; only the first two may
 * change something. */
bool request_allowed(enum request_verb verb, uint32_t uid, uint32_t owner);

#endif
