/* control_json.c - reports to JSON; control_json_read.c is the way back. */
#include "linux/control_json.h"

#include "base/text.h"
#include "linux/reach_json.h"

#include <string.h>

static const char *const state_words[] = {
	[REPORT_UNKNOWN] = "unknown", [REPORT_ALIVE] = "alive", [REPORT_SUSPECT] = "suspect",
	[REPORT_DEAD] = "dead", [REPORT_LEFT] = "left",
};
static const char *const reason_words[] = {
	[REASON_NONE] = "none", [REASON_NEVER_HEARD] = "never-heard", [REASON_NO_SEED] = "no-seed",
	[REASON_NO_ANSWER] = "no-answer", [REASON_NO_HANDSHAKE] = "no-handshake",
	[REASON_LEFT] = "left", [REASON_DEAD] = "dead", [REASON_PREFIX] = "prefix",
	[REASON_ADDRESS] = "address", [REASON_BOTH_HARD] = "both-symmetric",
	[REASON_NO_HELPER] = "no-helper",
};
static const char *const admission_words[] = {
	[REPORT_AUTHORIZED] = "trusted", [REPORT_MEMBER] = "org", [REPORT_VOUCHED] = "vouched",
	[REPORT_OPEN] = "open",
};
static const char *const source_words[] = {
	[REPORT_GIVEN] = "address", [REPORT_SAVED] = "saved", [REPORT_NAME] = "name",
	[REPORT_DNS] = "dns", [REPORT_MDNS] = "mdns",
};
static const char *const second_words[] = {
	[REPORT_NO_SECOND] = "none", [REPORT_NEXT] = "next", [REPORT_FORMER] = "former",
};
static const char *const problem_words[] = {
	[REQUEST_OK] = "ok", [REQUEST_MALFORMED] = "malformed", [REQUEST_VERSION] = "version",
	[REQUEST_UNKNOWN] = "unknown", [REQUEST_REFUSED] = "refused", [REQUEST_BUSY] = "busy",
};
static const char *const verb_words[] = {
	[REQUEST_NONE] = "", [REQUEST_STATUS] = "status", [REQUEST_COUNTERS] = "counters",
	[REQUEST_SERVICES] = "services", [REQUEST_OBSERVED] = "observed", [REQUEST_PING] = "ping",
	[REQUEST_DOWN] = "down",
};
_Static_assert(sizeof(problem_words) / sizeof(*problem_words) == REQUEST_PROBLEMS, "a word each");
_Static_assert(sizeof(verb_words) / sizeof(*verb_words) == REQUEST_VERBS, "a word each");

#define WORD(list, i) ((i) < sizeof(list) / sizeof(*(list)) ? (list)[i] : NULL)

const char *report_state_word(enum report_state state)
{
	return WORD(state_words, (unsigned)state);
}

const char *report_reason_word(enum report_reason reason)
{
	return WORD(reason_words, (unsigned)reason);
}

const char *report_admission_word(enum report_admission admission)
{
	return WORD(admission_words, (unsigned)admission);
}

const char *report_source_word(enum report_source source)
{
	return WORD(source_words, (unsigned)source);
}

const char *report_second_word(enum report_second role)
{
	return WORD(second_words, (unsigned)role);
}

const char *request_problem_word(enum request_problem problem)
{
	return WORD(problem_words, (unsigned)problem);
}

const char *request_verb_word(enum request_verb verb)
{
	return WORD(verb_words, (unsigned)verb);
}

/* An object under construction that remembers its first failure. */
struct object {
	json_t *json;
	bool failed;
};

static struct object object_new(void)
{
	struct object o = { .json = json_object() };

	o.failed = !o.json;
	return o;
}

/* Takes value; NULL is a failure. */
static void add(struct object *o, const char *name, json_t *value)
{
	o->failed |= json_object_set_new(o->json, name, value) != 0;
}

static json_t *done(struct object *o)
{
	if (!o->failed)
		return o->json;
	json_decref(o->json);
	return NULL;
}

/* JSON's integers end at 2^63 - 1 for most readers. */
static void add_u64(struct object *o, const char *name, uint64_t v)
{
	add(o, name, json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

static void add_bool(struct object *o, const char *name, bool v)
{
	add(o, name, json_boolean(v));
}

/* Paths may be any bytes, and labels come from others; JSON takes UTF-8 only, and readers refuse
 * control characters lest they reach a terminal. */
static void add_text(struct object *o, const char *name, const char *text)
{
	char plain[PATH_MAX];
	size_t len = strnlen(text, sizeof(plain) - 1);
	json_t *value;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			plain[i] = '?';
		else
			plain[i] = text[i];
	plain[len] = 0;
	value = json_string(plain);
	for (size_t i = 0; !value && i < len; i++)
		if ((unsigned char)plain[i] >= 0x80)
			plain[i] = '?';
	add(o, name, value ? value : json_string(plain));
}

static void add_key(struct object *o, const char *name, const uint8_t key[32])
{
	char text[BASE64_LEN(32) + 1];

	base64_encode(key, 32, text, sizeof(text));
	add(o, name, json_string(text));
}

static void add_ip(struct object *o, const char *name, const struct ip *ip)
{
	char text[IP_TEXT];

	if (ip->family != FAMILY_NONE)
		ip_format(ip, text);
	add(o, name, ip->family != FAMILY_NONE ? json_string(text) : json_null());
}

static void add_endpoint(struct object *o, const char *name, const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	if (endpoint_is_set(e))
		endpoint_format(e, text);
	add(o, name, endpoint_is_set(e) ? json_string(text) : json_null());
}

/* Seconds from then to now; null for "never". */
static void add_age(struct object *o, const char *name, struct instant then, struct instant now)
{
	if (instant_is_set(then))
		add_u64(o, name, span_in_s(instant_since(now, then)));
	else
		add(o, name, json_null());
}

static json_t *seeds_json(const struct report_node *n)
{
	json_t *list = json_array();
	bool failed = !list;

	for (unsigned i = 0; i < n->seed_count && i < MAX_SEEDS; i++) {
		struct object o = object_new();

		add_endpoint(&o, "endpoint", &n->seeds[i].endpoint);
		add_bool(&o, "answered", n->seeds[i].answered);
		add_text(&o, "source", report_source_word(n->seeds[i].source));
		failed |= json_array_append_new(list, done(&o)) != 0;
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *orgs_json(const struct report_node *n)
{
	json_t *list = json_array();
	bool failed = !list;

	for (unsigned i = 0; i < n->org_count && i < REPORT_ORGS; i++) {
		const struct report_org *org = &n->orgs[i];
		struct object o = object_new();

		add_key(&o, "key", org->key.b);
		add_text(&o, "name", org->name);
		add_bool(&o, "trusted", org->trusted);
		add_bool(&o, "revoked", org->revoked);
		add_u64(&o, "members", org->members);
		add(&o, "member_until_s", org->until
		    ? json_integer((json_int_t)(org->until & INT64_MAX)) : json_null());
		add(&o, "member_left_s", org->until
		    ? json_integer((json_int_t)(org->left_s & INT64_MAX)) : json_null());
		failed |= json_array_append_new(list, done(&o)) != 0;
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *second_json(const struct report_node *n)
{
	struct object o;

	if (n->second.role == REPORT_NO_SECOND)
		return json_null();
	o = object_new();
	add_text(&o, "role", report_second_word(n->second.role));
	add_key(&o, "key", n->second.key.b);
	add_ip(&o, "ipv4", &n->second.ipv4);
	add_ip(&o, "ipv6", &n->second.ipv6);
	add_u64(&o, "until_s", n->second.until);
	add_u64(&o, "left_s", n->second.left_s);
	add_u64(&o, "reached", n->second.reached);
	add_u64(&o, "peers", n->second.peers);
	return done(&o);
}

static json_t *tables_json(const struct report_node *n)
{
	json_t *list = json_array();
	bool failed = !list;

	for (unsigned i = 0; i < n->table_count; i++) {
		struct object o = object_new();

		add_text(&o, "name", n->tables[i].name);
		add_u64(&o, "bytes", n->tables[i].bytes);
		add_u64(&o, "entries", n->tables[i].entries);
		add_u64(&o, "used", n->tables[i].used);
		failed |= json_array_append_new(list, done(&o)) != 0;
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *counters_json(const struct report_node *n)
{
	struct object o = object_new();

	for (unsigned i = 0; i < n->counter_count; i++)
		add_u64(&o, n->counters[i].name, n->counters[i].value);
	return done(&o);
}

json_t *report_node_json(const struct report_node *n, const struct control_about *about,
			 struct instant now)
{
	struct object o = object_new();
	char prefix[PREFIX_TEXT];

	add_text(&o, "daemon", about->daemon);
	add_text(&o, "directory", about->directory);
	add_text(&o, "mode", n->gossip_only ? "gossip-only" : "userspace");
	add_key(&o, "key", n->key.b);
	add(&o, "second", second_json(n));
	add_text(&o, "interface", n->interface);
	add_ip(&o, "ipv4", &n->ipv4);
	add_ip(&o, "ipv6", &n->ipv6);
	if (n->prefix.ip.family != FAMILY_NONE)
		prefix_format(&n->prefix, prefix);
	add(&o, "prefix", n->prefix.ip.family != FAMILY_NONE ? json_string(prefix) : json_null());
	add_u64(&o, "port", n->port);
	add_u64(&o, "mtu", n->mtu);
	add_u64(&o, "uptime_s", span_in_s(instant_since(now, n->started)));
	add_u64(&o, "sequence", n->sequence);
	add_u64(&o, "trusted", n->trusted);
	add_u64(&o, "alive", n->alive);
	add_u64(&o, "unusable_keys", n->bad_keys);
	add_u64(&o, "max_members", n->max_members);
	add_u64(&o, "left_out_keys", n->left_out);
	add_bool(&o, "trust_unreadable", n->trust_unreadable);
	add_bool(&o, "open", n->open);
	add_bool(&o, "relays", n->relays);
	add_u64(&o, "denied_keys", n->denied);
	add_u64(&o, "statements", n->statements);
	add(&o, "orgs", orgs_json(n));
	add_text(&o, "services_default", n->services_default);
	add_u64(&o, "service_rules", n->service_rules);
	add_text(&o, "services_trouble", n->services_trouble);
	add(&o, "services_pending_ms", instant_is_set(n->services_until)
	    ? json_integer((json_int_t)span_in_ms(instant_since(n->services_until, now)))
	    : json_null());
	add_u64(&o, "wakeups", n->wakeups);
	add_text(&o, "aead", n->aead);
	add_text(&o, "offloads", n->offloads);
	add(&o, "reach", reach_json(n, now));
	add(&o, "seeds", seeds_json(n));
	add(&o, "tables", tables_json(n));
	add(&o, "counters", counters_json(n));
	return done(&o);
}

static json_t *ruling_json(const struct report_peer *p)
{
	json_t *list = json_array();
	bool failed = !list;

	for (unsigned i = 0; i < p->ruled_count; i++)
		failed |= json_array_append_new(list, json_string(p->ruled_by[i])) != 0;
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

json_t *report_peer_json(const struct report_peer *p, struct instant now)
{
	struct object o = object_new();

	add_key(&o, "key", p->key.b);
	add_key(&o, "wireguard_key", p->wireguard_key.b);
	add_text(&o, "name", p->name);
	add_text(&o, "label", p->label);
	add_text(&o, "admission", report_admission_word(p->admission));
	add_text(&o, "org", p->org);
	add(&o, "orgs_ruling", ruling_json(p));
	add(&o, "member_until_s", p->until ? json_integer((json_int_t)(p->until & INT64_MAX))
	    : json_null());
	add(&o, "member_left_s", p->until ? json_integer((json_int_t)(p->left_s & INT64_MAX))
	    : json_null());
	add_ip(&o, "ipv4", &p->ipv4);
	add_ip(&o, "ipv6", &p->ipv6);
	add_text(&o, "state", report_state_word(p->state));
	add_text(&o, "reason", report_reason_word(p->reason));
	add(&o, "path", p->path_up ? json_string(*p->relay ? "relay" : "direct") : json_null());
	add(&o, "relay", *p->relay ? json_string(p->relay) : json_null());
	add_endpoint(&o, "endpoint", &p->endpoint);
	add(&o, "rtt_us",
	    p->rtt_us ? json_integer((json_int_t)(p->rtt_us & INT64_MAX)) : json_null());
	add(&o, "path_mtu", p->path_mtu ? json_integer(p->path_mtu) : json_null());
	add_bool(&o, "tunnel_up", p->session);
	add_bool(&o, "handshaking", p->handshaking);
	add(&o, "handshake_at_s", p->last_handshake.s
	    ? json_integer((json_int_t)(p->last_handshake.s & INT64_MAX)) : json_null());
	add_age(&o, "handshake_age_s", p->last_handshake_at, now);
	add_age(&o, "heard_age_s", p->last_heard, now);
	add_u64(&o, "rx_bytes", p->rx_bytes);
	add_u64(&o, "tx_bytes", p->tx_bytes);
	add_u64(&o, "sequence", p->sequence);
	if (p->has_successor)
		add_key(&o, "successor", p->successor.b);
	else
		add(&o, "successor", json_null());
	add_bool(&o, "second_reached", p->second_reached);
	add_text(&o, "nat", nat_kind_word(p->nat_kind));
	add_bool(&o, "successor_disputed", p->successor_disputed);
	add(&o, "successor_until_s", p->has_successor
	    ? json_integer((json_int_t)(p->successor_until & INT64_MAX)) : json_null());
	add(&o, "conflict", p->conflict ? json_integer((json_int_t)(p->conflict & INT64_MAX))
	    : json_null());
	return done(&o);
}

json_t *report_service_json(const struct report_service *rule)
{
	struct object o = object_new();

	add_text(&o, "origin", rule->origin);
	add_text(&o, "list", rule->list);
	add_u64(&o, "line", rule->line);
	add_text(&o, "rule", rule->rule);
	add_u64(&o, "packets", rule->packets);
	add_u64(&o, "flows", rule->flows);
	return done(&o);
}

json_t *report_observed_json(const struct report_observed *p, struct instant now)
{
	struct object o = object_new();

	add_key(&o, "key", p->key.b);
	add_text(&o, "name", p->name);
	add_u64(&o, "protocol", p->protocol);
	add_u64(&o, "port", p->port);
	add_u64(&o, "times", p->times);
	add_age(&o, "first_age_s", p->first, now);
	add_age(&o, "last_age_s", p->last, now);
	return done(&o);
}

/* Takes the object. */
static size_t encode(json_t *json, uint8_t *out, size_t cap)
{
	size_t len = 0;

	if (json && cap > CONTROL_HEAD)
		len = json_dumpb(json, (char *)out + CONTROL_HEAD, cap - CONTROL_HEAD,
				 JSON_COMPACT);
	json_decref(json);
	if (len == 0 || len > cap - CONTROL_HEAD || len > CONTROL_MAX_FRAME)
		return 0;
	store_be32(out, (uint32_t)len);
	return CONTROL_HEAD + len;
}

static struct object frame_of(uint32_t id)
{
	struct object o = object_new();

	add_u64(&o, "version", CONTROL_VERSION);
	add_u64(&o, "id", id);
	return o;
}

size_t frame_encode(uint32_t id, const char *name, json_t *value, uint8_t *out, size_t cap)
{
	struct object o = frame_of(id);

	add(&o, name, value);
	return encode(done(&o), out, cap);
}

size_t frame_encode_done(uint32_t id, uint32_t peers, uint8_t *out, size_t cap)
{
	struct object o = object_new();

	add_u64(&o, "peers", peers);
	return frame_encode(id, "done", done(&o), out, cap);
}

size_t frame_encode_error(uint32_t id, enum request_problem problem, uint8_t *out, size_t cap)
{
	return frame_encode(id, "error", json_string(request_problem_word(problem)), out, cap);
}

size_t frame_encode_pong(uint32_t id, uint64_t rtt_us, uint8_t *out, size_t cap)
{
	struct object o = object_new();

	add(&o, "rtt_us", rtt_us ? json_integer((json_int_t)(rtt_us & INT64_MAX)) : json_null());
	return frame_encode(id, "pong", done(&o), out, cap);
}

size_t request_encode(const struct request *r, uint8_t *out, size_t cap)
{
	struct object o = frame_of(r->id);

	add_text(&o, "verb", request_verb_word(r->verb));
	if (r->verb == REQUEST_PING)
		add_key(&o, "peer", r->peer.b);
	return encode(done(&o), out, cap);
}
