/* control_json_read.c - JSON of the control socket to types.
 *
 * Requests come from whoever may open the socket: nothing in one is forgiven, and an unknown member
 * is no request. Answers come from the daemon, perhaps of a later version: unknown members are
 * passed over, but a value that we show must be of its kind. jansson bounds the nesting (2,048) and
 * checks UTF-8.
 */
#include "linux/control_json.h"

#include "base/text.h"
#include "linux/reach_json.h"

#include <string.h>

static bool integer_in(const json_t *v, uint64_t max, uint64_t *out)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0
	    || (uint64_t)json_integer_value(v) > max)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static bool key_of(const json_t *v, struct public_key *out)
{
	const char *text = json_string_value(v);

	return text && base64_decode(text, strlen(text), out->b, sizeof(out->b));
}

static enum request_problem read_request(const json_t *root, struct request *out)
{
	const json_t *verb = json_object_get(root, "verb");
	uint64_t id, version;

	if (!integer_in(json_object_get(root, "id"), UINT32_MAX, &id))
		return REQUEST_MALFORMED;
	out->id = (uint32_t)id;
	if (!integer_in(json_object_get(root, "version"), UINT32_MAX, &version))
		return REQUEST_MALFORMED;
	if (version != CONTROL_VERSION)
		return REQUEST_VERSION;
	if (!json_is_string(verb))
		return REQUEST_MALFORMED;
	for (unsigned v = REQUEST_NONE + 1; v < REQUEST_VERBS; v++) {
		if (strcmp(json_string_value(verb), request_verb_word((enum request_verb)v)) != 0)
			continue;
		out->verb = (enum request_verb)v;
		break;
	}
	if (json_object_size(root) != (out->verb == REQUEST_PING ? 4 : 3) ||
	    (out->verb == REQUEST_PING && !key_of(json_object_get(root, "peer"), &out->peer))) {
		out->verb = REQUEST_NONE;
		return REQUEST_MALFORMED;
	}
	return out->verb == REQUEST_NONE ? REQUEST_UNKNOWN : REQUEST_OK;
}

enum request_problem request_decode(const void *json, size_t len, struct request *out)
{
	json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	enum request_problem problem;

	*out = (struct request){ 0 };
	problem = json_is_object(root) ? read_request(root, out) : REQUEST_MALFORMED;
	json_decref(root);
	return problem;
}

/* --- answers ----------------------------------------------------------------------------- */

/* An object that is read; a missing or wrong member fails it for good. */
struct reader {
	const json_t *object;
	struct instant now;
	bool failed;
};

static uint64_t get_u64(struct reader *r, const char *name, uint64_t max)
{
	uint64_t v = 0;

	r->failed |= !integer_in(json_object_get(r->object, name), max, &v);
	return v;
}

static bool is_null(const struct reader *r, const char *name)
{
	return json_is_null(json_object_get(r->object, name));
}

static uint64_t get_u64_or_null(struct reader *r, const char *name)
{
	return is_null(r, name) ? 0 : get_u64(r, name, INT64_MAX);
}

static bool get_bool(struct reader *r, const char *name)
{
	const json_t *v = json_object_get(r->object, name);

	r->failed |= !json_is_boolean(v);
	return json_is_true(v);
}

/* A text without control characters. */
static bool text_ok(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static const char *get_text(struct reader *r, const char *name)
{
	const char *text = json_string_value(json_object_get(r->object, name));

	if (text && text_ok(text))
		return text;
	r->failed = true;
	return "";
}

static void copy_text(struct reader *r, const char *name, char *out, size_t cap)
{
	const char *text = get_text(r, name);
	size_t len = strlen(text);

	if (len >= cap)
		r->failed = true;
	else
		memcpy(out, text, len + 1);
}

static void get_key(struct reader *r, const char *name, uint8_t out[32])
{
	const char *text = get_text(r, name);

	r->failed |= !base64_decode(text, strlen(text), out, 32);
}

static void get_ip(struct reader *r, const char *name, struct ip *out)
{
	if (is_null(r, name))
		return;

	const char *text = get_text(r, name);

	r->failed |= !ip_parse(text, strlen(text), out);
}

static void get_endpoint(struct reader *r, const char *name, struct endpoint *out)
{
	if (is_null(r, name))
		return;

	const char *text = get_text(r, name);

	r->failed |= !endpoint_parse(text, strlen(text), 0, out);
}

/* The instant in so many milliseconds; INSTANT_ZERO for null, and for a daemon of before. */
static struct instant get_future(struct reader *r, const char *name)
{
	if (!json_object_get(r->object, name) || is_null(r, name))
		return INSTANT_ZERO;
	return instant_add(r->now, span_ms(get_u64(r, name, INT64_MAX / 1000000)));
}

/* The instant that was so many seconds ago; INSTANT_ZERO for null. */
static struct instant get_age(struct reader *r, const char *name)
{
	if (is_null(r, name))
		return INSTANT_ZERO;

	uint64_t age = get_u64(r, name, UINT64_MAX / 1000000000u);
	struct instant then = { r->now.ns - span_s(age).ns };

	/* Older than the machine's start: as old as can be said. */
	return span_s(age).ns < r->now.ns ? then : (struct instant){ 1 };
}

/* Members that older daemons do not tell of. */
static bool is_there(const struct reader *r, const char *name)
{
	return json_object_get(r->object, name) != NULL;
}

static void read_orgs(struct reader *r, struct report_node *n)
{
	const json_t *list = json_object_get(r->object, "orgs");

	r->failed |= !json_is_array(list) || json_array_size(list) > REPORT_ORGS;
	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		struct reader o = { .object = json_array_get(list, i) };
		struct report_org *org = &n->orgs[i];

		get_key(&o, "key", org->key.b);
		copy_text(&o, "name", org->name, sizeof(org->name));
		org->trusted = get_bool(&o, "trusted");
		org->revoked = is_there(&o, "revoked") && get_bool(&o, "revoked");
		org->members = (uint32_t)get_u64(&o, "members", UINT32_MAX);
		org->until = get_u64_or_null(&o, "member_until_s");
		org->left_s = get_u64_or_null(&o, "member_left_s");
		r->failed |= o.failed;
		n->org_count = (unsigned)i + 1;
	}
}

/* The state or reason of that word; the first (unknown, none) for words of later versions. */
static unsigned find_word(const char *(*word)(unsigned), const char *text)
{
	for (unsigned i = 0; word(i); i++)
		if (!strcmp(word(i), text))
			return i;
	return 0;
}

static const char *source_word(unsigned i)
{
	return report_source_word((enum report_source)i);
}

static void read_seeds(struct reader *r, struct report_node *n)
{
	const json_t *list = json_object_get(r->object, "seeds");

	r->failed |= !json_is_array(list) || json_array_size(list) > MAX_SEEDS;
	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		struct reader seed = { .object = json_array_get(list, i) };

		get_endpoint(&seed, "endpoint", &n->seeds[i].endpoint);
		n->seeds[i].answered = get_bool(&seed, "answered");
		if (is_there(&seed, "source"))
			n->seeds[i].source = (enum report_source)find_word(
				source_word, get_text(&seed, "source"));
		r->failed |= seed.failed;
		n->seed_count = (unsigned)i + 1;
	}
}

static void read_tables(struct reader *r, struct answer *a)
{
	struct report_node *n = &a->node;
	const json_t *list = json_object_get(r->object, "tables");
	size_t max = sizeof(n->tables) / sizeof(*n->tables);

	r->failed |= !json_is_array(list) || json_array_size(list) > max;
	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		struct reader t = { .object = json_array_get(list, i) };

		copy_text(&t, "name", a->names[i], ANSWER_NAME);
		n->tables[i].name = a->names[i];
		n->tables[i].bytes = get_u64(&t, "bytes", INT64_MAX);
		n->tables[i].entries = get_u64(&t, "entries", INT64_MAX);
		n->tables[i].used = get_u64(&t, "used", INT64_MAX);
		r->failed |= t.failed;
		n->table_count = (unsigned)i + 1;
	}
}

static void read_counters(struct reader *r, struct answer *a)
{
	struct report_node *n = &a->node;
	size_t first = sizeof(n->tables) / sizeof(*n->tables);
	size_t max = sizeof(n->counters) / sizeof(*n->counters);
	json_t *object = json_object_get(r->object, "counters");
	const char *name;
	json_t *value;

	_Static_assert(sizeof(a->names) / sizeof(*a->names)
		       == sizeof(n->tables) / sizeof(*n->tables)
			  + sizeof(n->counters) / sizeof(*n->counters), "a place for each name");
	r->failed |= !json_is_object(object) || json_object_size(object) > max;
	if (r->failed)
		return;
	json_object_foreach(object, name, value) {
		size_t len = strlen(name);
		unsigned i = n->counter_count++;

		r->failed |= len >= ANSWER_NAME || !text_ok(name)
			     || !integer_in(value, INT64_MAX, &n->counters[i].value);
		if (r->failed)
			return;
		memcpy(a->names[first + i], name, len + 1);
		n->counters[i].name = a->names[first + i];
	}
}

static const char *second_word(unsigned i) { return report_second_word((enum report_second)i); }

static void read_second(struct reader *r, struct report_node *n)
{
	struct reader o = { .object = json_object_get(r->object, "second") };

	if (!o.object || json_is_null(o.object)) /* an older daemon says nothing of it */
		return;
	n->second.role = (enum report_second)find_word(second_word, get_text(&o, "role"));
	get_key(&o, "key", n->second.key.b);
	get_ip(&o, "ipv4", &n->second.ipv4);
	get_ip(&o, "ipv6", &n->second.ipv6);
	n->second.until = get_u64(&o, "until_s", INT64_MAX);
	n->second.left_s = get_u64(&o, "left_s", INT64_MAX);
	n->second.reached = (uint32_t)get_u64(&o, "reached", UINT32_MAX);
	n->second.peers = (uint32_t)get_u64(&o, "peers", UINT32_MAX);
	r->failed |= o.failed;
}

static bool read_node(struct reader *r, struct answer *a)
{
	struct report_node *n = &a->node;

	copy_text(r, "daemon", a->about.daemon, sizeof(a->about.daemon));
	copy_text(r, "directory", a->about.directory, sizeof(a->about.directory));
	n->gossip_only = !strcmp(get_text(r, "mode"), "gossip-only");
	get_key(r, "key", n->key.b);
	read_second(r, n);
	copy_text(r, "interface", n->interface, sizeof(n->interface));
	get_ip(r, "ipv4", &n->ipv4);
	get_ip(r, "ipv6", &n->ipv6);
	if (!is_null(r, "prefix")) {
		const char *prefix = get_text(r, "prefix");

		r->failed |= !prefix_parse(prefix, strlen(prefix), &n->prefix);
	}
	n->port = (uint16_t)get_u64(r, "port", UINT16_MAX);
	n->mtu = (uint32_t)get_u64(r, "mtu", UINT32_MAX);
	n->started = get_age(r, "uptime_s");
	n->sequence = get_u64(r, "sequence", INT64_MAX);
	n->trusted = (uint32_t)get_u64(r, "trusted", UINT32_MAX);
	n->alive = (uint32_t)get_u64(r, "alive", UINT32_MAX);
	n->bad_keys = (uint32_t)get_u64(r, "unusable_keys", UINT32_MAX);
	n->max_members = (uint32_t)get_u64(r, "max_members", UINT32_MAX);
	n->left_out = (uint32_t)get_u64(r, "left_out_keys", UINT32_MAX);
	n->trust_unreadable = get_bool(r, "trust_unreadable");
	if (is_there(r, "orgs")) {
		n->open = get_bool(r, "open");
		n->relays = is_there(r, "relays") && get_bool(r, "relays");
		n->denied = (uint32_t)get_u64(r, "denied_keys", UINT32_MAX);
		n->statements = (uint32_t)get_u64(r, "statements", UINT32_MAX);
		read_orgs(r, n);
	}
	copy_text(r, "services_default", n->services_default, sizeof(n->services_default));
	n->service_rules = (uint32_t)get_u64(r, "service_rules", UINT32_MAX);
	copy_text(r, "services_trouble", n->services_trouble, sizeof(n->services_trouble));
	n->services_until = get_future(r, "services_pending_ms");
	n->wakeups = get_u64(r, "wakeups", INT64_MAX);
	if (is_there(r, "aead")) {
		copy_text(r, "aead", n->aead, sizeof(n->aead));
		copy_text(r, "offloads", n->offloads, sizeof(n->offloads));
	}
	if (is_there(r, "reach"))
		r->failed |= !reach_read(json_object_get(r->object, "reach"), r->now, n);
	read_seeds(r, n);
	read_tables(r, a);
	read_counters(r, a);
	return !r->failed;
}

static const char *state_word(unsigned i) { return report_state_word((enum report_state)i); }
static const char *reason_word(unsigned i) { return report_reason_word((enum report_reason)i); }
static const char *admission_word(unsigned i)
{
	return report_admission_word((enum report_admission)i);
}
static const char *problem_word(unsigned i)
{
	return request_problem_word((enum request_problem)i);
}

static void read_ruling(struct reader *r, struct report_peer *p)
{
	const json_t *list = json_object_get(r->object, "orgs_ruling");

	r->failed |= !json_is_array(list) || json_array_size(list) > REPORT_MEMBERSHIPS;
	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		r->failed |= !name || strlen(name) > MAX_NAME;
		if (r->failed)
			return;
		memcpy(p->ruled_by[i], name, strlen(name) + 1);
		p->ruled_count = (unsigned)i + 1;
	}
}

static bool read_peer(struct reader *r, struct report_peer *p)
{
	get_key(r, "key", p->key.b);
	get_key(r, "wireguard_key", p->wireguard_key.b);
	copy_text(r, "name", p->name, sizeof(p->name));
	copy_text(r, "label", p->label, sizeof(p->label));
	if (is_there(r, "admission")) {
		p->admission = (enum report_admission)find_word(admission_word,
								get_text(r, "admission"));
		copy_text(r, "org", p->org, sizeof(p->org));
		if (is_there(r, "orgs_ruling"))
			read_ruling(r, p);
		p->until = get_u64_or_null(r, "member_until_s");
		p->left_s = get_u64_or_null(r, "member_left_s");
	}
	get_ip(r, "ipv4", &p->ipv4);
	get_ip(r, "ipv6", &p->ipv6);
	if (is_there(r, "nat"))
		p->nat_kind = (uint8_t)find_word(nat_kind_word, get_text(r, "nat"));
	p->state = (enum report_state)find_word(state_word, get_text(r, "state"));
	p->reason = (enum report_reason)find_word(reason_word, get_text(r, "reason"));
	p->path_up = !is_null(r, "path");
	if (p->path_up)
		get_text(r, "path");
	if (is_there(r, "relay") && !is_null(r, "relay"))
		copy_text(r, "relay", p->relay, sizeof(p->relay));
	get_endpoint(r, "endpoint", &p->endpoint);
	p->rtt_us = get_u64_or_null(r, "rtt_us");
	if (is_there(r, "path_mtu"))
		p->path_mtu = (uint16_t)(is_null(r, "path_mtu") ? 0 :
					 get_u64(r, "path_mtu", UINT16_MAX));
	p->session = get_bool(r, "tunnel_up");
	p->handshaking = get_bool(r, "handshaking");
	p->last_handshake.s = get_u64_or_null(r, "handshake_at_s");
	p->last_handshake_at = get_age(r, "handshake_age_s");
	p->last_heard = get_age(r, "heard_age_s");
	p->rx_bytes = get_u64(r, "rx_bytes", INT64_MAX);
	p->tx_bytes = get_u64(r, "tx_bytes", INT64_MAX);
	p->sequence = get_u64(r, "sequence", INT64_MAX);
	p->conflict = get_u64_or_null(r, "conflict");
	p->second_reached = is_there(r, "second_reached") && get_bool(r, "second_reached");
	p->has_successor = is_there(r, "successor") && !is_null(r, "successor");
	if (p->has_successor) {
		get_key(r, "successor", p->successor.b);
		p->successor_disputed = get_bool(r, "successor_disputed");
		p->successor_until = get_u64_or_null(r, "successor_until_s");
	}
	return !r->failed;
}

static bool read_rule(struct reader *r, struct report_service *s)
{
	copy_text(r, "origin", s->origin, sizeof(s->origin));
	copy_text(r, "list", s->list, sizeof(s->list));
	s->line = (uint32_t)get_u64(r, "line", UINT32_MAX);
	copy_text(r, "rule", s->rule, sizeof(s->rule));
	s->packets = get_u64(r, "packets", INT64_MAX);
	s->flows = get_u64(r, "flows", INT64_MAX);
	return !r->failed;
}

static bool read_observed(struct reader *r, struct report_observed *o)
{
	get_key(r, "key", o->key.b);
	copy_text(r, "name", o->name, sizeof(o->name));
	o->protocol = (uint8_t)get_u64(r, "protocol", UINT8_MAX);
	o->port = (uint16_t)get_u64(r, "port", UINT16_MAX);
	o->times = get_u64(r, "times", INT64_MAX);
	o->first = get_age(r, "first_age_s");
	o->last = get_age(r, "last_age_s");
	return !r->failed;
}

static bool read_done(struct reader *r, struct answer *a)
{
	a->kind = ANSWER_DONE;
	a->peers = (uint32_t)get_u64(r, "peers", UINT32_MAX);
	return !r->failed;
}

/* One of the seven kinds; each has one member that tells it. */
static bool read_answer(const json_t *root, struct instant now, struct answer *out)
{
	const json_t *part;
	uint64_t id, version;

	if (!integer_in(json_object_get(root, "version"), UINT32_MAX, &version)
	    || version != CONTROL_VERSION
	    || !integer_in(json_object_get(root, "id"), UINT32_MAX, &id))
		return false;
	out->id = (uint32_t)id;
	if ((part = json_object_get(root, "peer"))) {
		out->kind = ANSWER_PEER;
		return read_peer(&(struct reader){ .object = part, .now = now }, &out->peer);
	}
	if ((part = json_object_get(root, "node"))) {
		out->kind = ANSWER_NODE;
		return read_node(&(struct reader){ .object = part, .now = now }, out);
	}
	if ((part = json_object_get(root, "rule"))) {
		out->kind = ANSWER_RULE;
		return read_rule(&(struct reader){ .object = part }, &out->rule);
	}
	if ((part = json_object_get(root, "observed"))) {
		out->kind = ANSWER_OBSERVED;
		return read_observed(&(struct reader){ .object = part, .now = now },
				     &out->observed);
	}
	if ((part = json_object_get(root, "pong"))) {
		struct reader r = { .object = part };

		out->kind = ANSWER_PONG;
		out->rtt_us = get_u64_or_null(&r, "rtt_us");
		return !r.failed;
	}
	if ((part = json_object_get(root, "done")))
		return read_done(&(struct reader){ .object = part }, out);

	const char *word = json_string_value(json_object_get(root, "error"));

	out->kind = ANSWER_ERROR;
	out->problem = word ? (enum request_problem)find_word(problem_word, word) : REQUEST_OK;
	if (out->problem == REQUEST_OK) /* of a later version */
		out->problem = REQUEST_REFUSED;
	return word != NULL;
}

bool answer_decode(const void *json, size_t len, struct instant now, struct answer *out)
{
	json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	bool good;

	memset(out, 0, sizeof(*out));
	good = json_is_object(root) && read_answer(root, now, out);
	json_decref(root);
	return good;
}
