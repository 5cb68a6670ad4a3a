#include "linux/reach_json.h"

#include "base/text.h"
#include "identity/record.h"

#include <string.h>

#define WORD(list, i) ((i) < sizeof(list) / sizeof(*(list)) ? (list)[i] : NULL)

const char *nat_kind_word(unsigned kind)
{
	static const char *const words[] = {
		[NAT_UNKNOWN] = "unknown", [NAT_PUBLIC] = "public", [NAT_EASY] = "easy",
		[NAT_HARD] = "hard", [NAT_HARD_SEQUENTIAL] = "hard-sequential",
	};
	_Static_assert(sizeof(words) / sizeof(*words) == NAT_KINDS, "a word each");

	return WORD(words, kind);
}

const char *candidate_word(unsigned source)
{
	static const char *const words[] = {
		[CANDIDATE_ANNOUNCED] = "announced", [CANDIDATE_INTERFACE] = "interface",
		[CANDIDATE_MAPPED] = "mapped", [CANDIDATE_SEEN] = "seen",
	};

	return WORD(words, source);
}

const char *mapping_word(unsigned protocol)
{
	static const char *const words[] = {
		[MAPPED_BY_PCP] = "pcp", [MAPPED_BY_NATPMP] = "nat-pmp", [MAPPED_BY_UPNP] = "upnp",
	};

	return WORD(words, protocol);
}

/* --- writing */

static json_t *endpoint_json(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	if (!endpoint_is_set(e))
		return json_null();
	endpoint_format(e, text);
	return json_string(text);
}

static json_t *number_or_null(uint64_t v)
{
	return v ? json_integer((json_int_t)(v & INT64_MAX)) : json_null();
}

static json_t *age_json(struct instant then, struct instant now)
{
	if (!instant_is_set(then))
		return json_null();
	return json_integer((json_int_t)span_in_s(instant_since(now, then)));
}

static json_t *candidates_json(const struct report_node *n)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n->candidate_count; i++)
		json_array_append_new(list, json_pack("{s:o,s:s}",
			"endpoint", endpoint_json(&n->candidates[i].endpoint),
			"source", candidate_word(n->candidates[i].source)));
	return list;
}

static json_t *stun_json(const struct report_node *n)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n->stun_count; i++) {
		const struct report_stun *s = &n->stun[i];

		json_array_append_new(list, json_pack("{s:o,s:o,s:b,s:b,s:o}",
			"server", endpoint_json(&s->server), "mapped", endpoint_json(&s->mapped),
			"asking", s->asking, "answered", s->answered,
			"rtt_us", number_or_null(s->rtt_us)));
	}
	return list;
}

static json_t *mappings_json(const struct report_node *n, struct instant now)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n->mapping_count; i++) {
		const struct report_mapping *m = &n->mappings[i];

		json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:o,s:b}",
			"protocol", mapping_word(m->protocol),
			"gateway", endpoint_json(&m->gateway),
			"external", endpoint_json(&m->external),
			"left_s", number_or_null(span_in_s(instant_since(m->until, now))),
			"double_nat", m->double_nat));
	}
	return list;
}

json_t *reach_json(const struct report_node *n, struct instant now)
{
	json_t *lifetime = n->lifetime_known ? json_integer(n->lifetime_s) : json_null();

	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "nat", nat_kind_word(n->nat_kind),
			 "lifetime_s", lifetime,
			 "keepalive_ms", number_or_null(n->keepalive_ms),
			 "dialled_back_age_s", age_json(n->dialled_back, now),
			 "candidates", candidates_json(n), "stun", stun_json(n),
			 "mappings", mappings_json(n, now));
}

/* --- reading */

static unsigned find_word(const char *(*word)(unsigned), const char *text)
{
	for (unsigned i = 0; word(i); i++)
		if (!strcmp(word(i), text))
			return i;
	return 0; /* of a later version */
}

static bool read_endpoint(const json_t *v, struct endpoint *out)
{
	const char *text = json_string_value(v);

	return json_is_null(v) || (text && endpoint_parse(text, strlen(text), 0, out));
}

static bool read_number(const json_t *v, uint64_t *out)
{
	*out = json_is_null(v) ? 0 : (uint64_t)json_integer_value(v);
	return json_is_null(v) || (json_is_integer(v) && json_integer_value(v) >= 0);
}

static bool read_candidates(json_t *list, struct report_node *n)
{
	if (json_array_size(list) > MAX_CANDIDATES)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *source;
		json_t *endpoint;

		if (json_unpack(json_array_get(list, i), "{s:o,s:s}", "endpoint", &endpoint,
				"source", &source) ||
		    !read_endpoint(endpoint, &n->candidates[i].endpoint))
			return false;
		n->candidates[i].source = (enum report_candidate)find_word(candidate_word, source);
		n->candidate_count = (unsigned)i + 1;
	}
	return true;
}

static bool read_stun(json_t *list, struct report_node *n)
{
	if (json_array_size(list) > REPORT_STUN)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct report_stun *s = &n->stun[i];
		json_t *server, *mapped, *rtt;
		int asking, answered;

		if (json_unpack(json_array_get(list, i), "{s:o,s:o,s:b,s:b,s:o}", "server", &server,
				"mapped", &mapped, "asking", &asking, "answered", &answered,
				"rtt_us", &rtt) ||
		    !read_endpoint(server, &s->server) || !read_endpoint(mapped, &s->mapped) ||
		    !read_number(rtt, &s->rtt_us))
			return false;
		s->asking = asking;
		s->answered = answered;
		n->stun_count = (unsigned)i + 1;
	}
	return true;
}

static bool read_mappings(json_t *list, struct instant now, struct report_node *n)
{
	if (json_array_size(list) > REPORT_MAPPINGS)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct report_mapping *m = &n->mappings[i];
		json_t *gateway, *external, *left;
		const char *protocol;
		int double_nat;
		uint64_t left_s;

		if (json_unpack(json_array_get(list, i), "{s:s,s:o,s:o,s:o,s:b}", "protocol",
				&protocol, "gateway", &gateway, "external", &external,
				"left_s", &left, "double_nat", &double_nat) ||
		    !read_endpoint(gateway, &m->gateway) ||
		    !read_endpoint(external, &m->external) || !read_number(left, &left_s) ||
		    left_s > UINT32_MAX)
			return false;
		m->protocol = (enum report_protocol)find_word(mapping_word, protocol);
		m->until = instant_add(now, span_s(left_s));
		m->double_nat = double_nat;
		n->mapping_count = (unsigned)i + 1;
	}
	return true;
}

static bool read_keeping(json_t *reach, struct report_node *n)
{
	uint64_t lifetime_s, keepalive_ms;
	json_t *lifetime, *keepalive;

	if (json_unpack(reach, "{s:o,s:o}", "lifetime_s", &lifetime, "keepalive_ms", &keepalive) ||
	    !read_number(lifetime, &lifetime_s) || !read_number(keepalive, &keepalive_ms) ||
	    lifetime_s > UINT16_MAX || keepalive_ms > UINT32_MAX)
		return false;
	n->lifetime_known = !json_is_null(lifetime);
	n->lifetime_s = (uint16_t)lifetime_s;
	n->keepalive_ms = (uint32_t)keepalive_ms;
	return true;
}

bool reach_read(json_t *reach, struct instant now, struct report_node *n)
{
	json_t *age, *candidates, *stun, *mappings;
	uint64_t age_s;
	const char *nat;

	if (json_unpack(reach, "{s:s,s:o,s:o,s:o,s:o}", "nat", &nat, "dialled_back_age_s", &age,
			"candidates", &candidates, "stun", &stun, "mappings", &mappings) ||
	    !read_number(age, &age_s) || !read_keeping(reach, n))
		return false;
	n->nat_kind = (uint8_t)find_word(nat_kind_word, nat);
	if (!json_is_null(age)) /* as old as can be said, at the most */
		n->dialled_back.ns = now.ns / 1000000000u > age_s ? now.ns - span_s(age_s).ns : 1;
	return read_candidates(candidates, n) && read_stun(stun, n) &&
	       read_mappings(mappings, now, n);
}
