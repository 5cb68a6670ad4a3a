/* control_json.h - the bytes of the control socket: JSON here, types everywhere else.
 *
 * The schema is docs/control.md. A frame is a 4-byte big-endian length and that many bytes of JSON.
 * Numbers are in base units; ages are seconds before `now`, which both ends read from the boot
 * clock.
 */
#ifndef LINUX_CONTROL_JSON_H
#define LINUX_CONTROL_JSON_H

#include "base/bug.h"
#include "control/report.h"
#include "control/request.h"

#include <jansson.h>
#include <limits.h>

#define CONTROL_HEAD 4u   /* bytes of the length in front of each frame */

/* What the daemon says about itself beside the node's report. */
struct control_about {
	char daemon[32];             /* version of the program */
	char directory[PATH_MAX];    /* of the configuration */
};

/* What an answer consists of, frame by frame. */
enum answer_kind { ANSWER_NODE, ANSWER_PEER, ANSWER_RULE, ANSWER_OBSERVED, ANSWER_PONG,
		   ANSWER_DONE, ANSWER_ERROR };

#define ANSWER_NAME 48u  /* of a counter or table, with terminator */

struct answer {
	uint32_t id;
	enum answer_kind kind;
	struct report_node node;       /* ANSWER_NODE; its names lie in `names` */
	struct control_about about;
	struct report_peer peer;       /* ANSWER_PEER */
	struct report_service rule;    /* ANSWER_RULE */
	struct report_observed observed; /* ANSWER_OBSERVED */
	uint64_t rtt_us;               /* ANSWER_PONG; 0: no answer came */
	uint32_t peers;                /* ANSWER_DONE: how many parts were sent */
	enum request_problem problem;  /* ANSWER_ERROR */
	char names[208][ANSWER_NAME];
};

/* --- the daemon */

/* The problem with a request, REQUEST_OK for none. out->id is set when it could be read, else 0. */
enum request_problem request_decode(const void *json, size_t len, struct request *out);

/* The parts of an answer: new references, NULL when memory ran out. */
json_t *report_node_json(const struct report_node *node, const struct control_about *about,
			 struct instant now);
json_t *report_peer_json(const struct report_peer *peer, struct instant now);
json_t *report_observed_json(const struct report_observed *observed, struct instant now);
json_t *report_service_json(const struct report_service *rule);
/* Writes one frame {"version", "id", name: value} to out. Takes value. Returns the bytes written,
 * length included; 0 and nothing written when they do not fit cap or value is NULL. */
size_t frame_encode(uint32_t id, const char *name, json_t *value, uint8_t *out, size_t cap);
size_t frame_encode_done(uint32_t id, uint32_t peers, uint8_t *out, size_t cap);
/* 0: no answer came. */
size_t frame_encode_pong(uint32_t id, uint64_t rtt_us, uint8_t *out, size_t cap);
size_t frame_encode_error(uint32_t id, enum request_problem problem, uint8_t *out, size_t cap);

/* --- the client */

size_t request_encode(const struct request *r, uint8_t *out, size_t cap);
/* False when this is no answer of our version. Unknown members are passed over; texts that are no
 * names or addresses make it false, so that nothing of a strange daemon reaches the terminal. */
bool answer_decode(const void *json, size_t len, struct instant now, struct answer *out);

/* The words of the schema for states, reasons and problems; "" and NULL are for "none". */
const char *report_state_word(enum report_state state);
const char *report_reason_word(enum report_reason reason);
/* "trusted", "org", "vouched", "open" */
const char *report_admission_word(enum report_admission admission);
/* "address", "saved", "name", "dns", "mdns" */
const char *report_source_word(enum report_source source);
const char *report_second_word(enum report_second role);
const char *request_problem_word(enum request_problem problem);
const char *request_verb_word(enum request_verb verb);

#endif
