/* rules.c - a file is cut into lines, a line into words; all judgement is about words, so that a
 * rule from a command line and one from a file cannot mean different things.
 *
 * What a rule matches is a set of four parts: ports of TCP, ports of UDP, ICMP as a whole, and what
 * is none of these or cannot be told. Only `all` with all ports has the last part.
 */
#include "policy/rules.h"

#include "base/text.h"

#include <string.h>

#define MAX_WORDS 4u /* one more than a rule has */
#define LAST_PORT 65535u

struct word {
	const char *text;
	size_t len;
};

static const char *const actions[] = { "allow", "deny", "reject" };
static const char *const protos[] = { "tcp", "udp", "icmp", "all" };
static const char *const defaults[] = { "allow", "deny", "observe" };

static bool is_word(const struct word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->text, text, w->len);
}

/* Its place among the names, or `count`. */
static size_t find(const struct word *w, const char *const *names, size_t count)
{
	size_t i = 0;

	while (i < count && !is_word(w, names[i]))
		i++;
	return i;
}

static bool read_port(const char *text, size_t len, uint16_t *out)
{
	uint64_t port;

	if (!parse_u64(text, len, LAST_PORT, &port) || port == 0)
		return false;
	*out = (uint16_t)port;
	return true;
}

static enum policy_error read_ports(const struct word *w, struct policy_rule *r)
{
	const char *dash = memchr(w->text, '-', w->len);
	size_t before = dash ? (size_t)(dash - w->text) : w->len;

	if (is_word(w, "all"))
		return POLICY_OK;
	if (r->proto == POLICY_ICMP)
		return POLICY_ICMP_PORT;
	if (!read_port(w->text, before, &r->first))
		return POLICY_BAD_PORT;
	r->last = r->first;
	if (dash && !read_port(dash + 1, w->len - before - 1, &r->last))
		return POLICY_BAD_PORT;
	return r->last < r->first ? POLICY_BACKWARDS : POLICY_OK;
}

static enum policy_error read_rule(const struct word *words, size_t count, uint32_t line,
				   struct policy_rule *out)
{
	struct policy_rule r = { .last = LAST_PORT, .line = line };
	enum policy_error error = POLICY_OK;
	size_t action, proto;

	if (!count)
		return POLICY_NO_RULE;
	action = find(&words[0], actions, 3);
	if (action == 3)
		return POLICY_BAD_ACTION;
	if (count < 2)
		return POLICY_NO_PROTO;
	proto = find(&words[1], protos, 4);
	if (proto == 4)
		return POLICY_BAD_PROTO;
	if (count > 3)
		return POLICY_EXTRA_WORD;
	r.action = (uint8_t)action;
	r.proto = (uint8_t)proto;
	if (count == 3)
		error = read_ports(&words[2], &r);
	if (error == POLICY_OK)
		*out = r;
	return error;
}

enum policy_error policy_rule_parse(const char *const *words, size_t count,
				    struct policy_rule *out)
{
	struct word w[MAX_WORDS];

	if (count > MAX_WORDS)
		count = MAX_WORDS;
	for (size_t i = 0; i < count; i++)
		w[i] = (struct word){ words[i], strlen(words[i]) };
	return read_rule(w, count, 0, out);
}

/* --- lines */

struct lines {
	const char *at, *end;
	uint32_t number; /* of the line read last */
};

/* Taken from the text: a line without its end. False when there is none left. */
static bool next_line(struct lines *l, struct word *line)
{
	const char *end;

	if (l->at == l->end)
		return false;
	end = memchr(l->at, '\n', (size_t)(l->end - l->at));
	if (!end)
		end = l->end;
	*line = (struct word){ l->at, (size_t)(end - l->at) };
	if (line->len && line->text[line->len - 1] == '\r')
		line->len--;
	l->at = end == l->end ? end : end + 1;
	l->number++;
	return true;
}

static bool is_text(const struct word *line)
{
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* The first MAX_WORDS words before a comment. */
static size_t cut(const struct word *line, struct word words[static MAX_WORDS])
{
	const char *end = memchr(line->text, '#', line->len);
	size_t count = 0;

	if (!end)
		end = line->text + line->len;
	for (const char *at = line->text; count < MAX_WORDS; count++) {
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		words[count].text = at;
		while (at < end && *at != ' ' && *at != '\t')
			at++;
		words[count].len = (size_t)(at - words[count].text);
		if (!words[count].len)
			break;
	}
	return count;
}

/* Lines with words in them go to take(), which says what is wrong with them. */
typedef enum policy_error take(void *to, const struct word *words, size_t count, uint32_t line);

static bool read_lines(struct bytes text, take *to, void *ctx, struct policy_mistake *mistake)
{
	struct lines lines = { (const char *)text.data, (const char *)text.data + text.len, 0 };
	struct word line, words[MAX_WORDS];

	*mistake = (struct policy_mistake){ POLICY_OK, 0 };
	if (text.len > POLICY_MAX_TEXT)
		mistake->error = POLICY_TOO_LONG;
	while (!mistake->error && next_line(&lines, &line)) {
		size_t count = is_text(&line) ? cut(&line, words) : 0;

		if (!is_text(&line))
			mistake->error = POLICY_NOT_TEXT;
		else if (count)
			mistake->error = to(ctx, words, count, lines.number);
		mistake->line = mistake->error ? lines.number : 0;
	}
	return !mistake->error;
}

struct rule_sink {
	struct policy_rule *rules;
	size_t count, cap;
};

static enum policy_error take_rule(void *to, const struct word *words, size_t count, uint32_t line)
{
	struct rule_sink *sink = to;
	struct policy_rule r;
	enum policy_error error = read_rule(words, count, line, &r);

	if (error == POLICY_OK && sink->count == sink->cap)
		error = POLICY_TOO_MANY;
	if (error == POLICY_OK)
		sink->rules[sink->count++] = r;
	return error;
}

bool policy_rules_parse(struct bytes text, struct policy_rule *rules, size_t cap, size_t *count,
			struct policy_mistake *mistake)
{
	struct rule_sink sink = { rules, 0, cap < POLICY_MAX_RULES ? cap : POLICY_MAX_RULES };
	bool good = read_lines(text, take_rule, &sink, mistake);

	*count = good ? sink.count : 0;
	return good;
}

struct default_sink {
	enum policy_default value;
	bool is_set;
};

static enum policy_error take_default(void *to, const struct word *words, size_t count,
				      uint32_t line)
{
	struct default_sink *sink = to;
	size_t value = find(&words[0], defaults, 3);

	(void)line;
	if (value == 3)
		return POLICY_BAD_DEFAULT;
	if (count > 1 || sink->is_set)
		return POLICY_EXTRA_WORD;
	*sink = (struct default_sink){ (enum policy_default)value, true };
	return POLICY_OK;
}

bool policy_default_parse(struct bytes text, enum policy_default *out,
			  struct policy_mistake *mistake)
{
	struct default_sink sink = { 0 };

	if (!read_lines(text, take_default, &sink, mistake))
		return false;
	if (!sink.is_set) {
		*mistake = (struct policy_mistake){ POLICY_NO_DEFAULT, 0 };
		return false;
	}
	*out = sink.value;
	return true;
}

/* --- words */

const char *policy_action_name(enum policy_action a)
{
	BUG_ON(a > POLICY_REJECT);
	return actions[a];
}

const char *policy_proto_name(enum policy_proto p)
{
	BUG_ON(p > POLICY_ALL);
	return protos[p];
}

const char *policy_default_name(enum policy_default d)
{
	BUG_ON(d > POLICY_DEFAULT_OBSERVE);
	return defaults[d];
}

const char *policy_error_text(enum policy_error e)
{
	static const char *const texts[POLICY_ERRORS] = {
		[POLICY_OK] = "nothing is wrong",
		[POLICY_BAD_ACTION] = "a rule begins with `allow`, `deny` or `reject`",
		[POLICY_NO_PROTO] = "the protocol is missing: `tcp`, `udp`, `icmp` or `all`",
		[POLICY_BAD_PROTO] = "the protocol is none of `tcp`, `udp`, `icmp` and `all`",
		[POLICY_BAD_PORT] = "the port is no number from 1 to 65535, no range and not `all`",
		[POLICY_BACKWARDS] = "the range of ports ends before it begins",
		[POLICY_ICMP_PORT] = "icmp has no ports",
		[POLICY_EXTRA_WORD] = "there is a word too many",
		[POLICY_NOT_TEXT] = "there is a control character",
		[POLICY_TOO_MANY] = "there are more rules than a file may have",
		[POLICY_TOO_LONG] = "the file is longer than 64 KiB",
		[POLICY_NO_RULE] = "there is no rule",
		[POLICY_BAD_DEFAULT] = "the default is none of `allow`, `deny` and `observe`",
		[POLICY_NO_DEFAULT] = "the default is missing: `allow`, `deny` or `observe`",
	};

	BUG_ON(e >= POLICY_ERRORS);
	return texts[e];
}

static bool has_all_ports(const struct policy_rule *r)
{
	return r->first == 0 && r->last == LAST_PORT;
}

void policy_rule_format(const struct policy_rule *r, char out[static POLICY_RULE_TEXT])
{
	struct text t = text_of(out, POLICY_RULE_TEXT);

	text_add(&t, policy_action_name(r->action));
	text_char(&t, ' ');
	text_add(&t, policy_proto_name(r->proto));
	if (!has_all_ports(r)) {
		text_char(&t, ' ');
		text_u64(&t, r->first);
	}
	if (r->first != r->last && !has_all_ports(r)) {
		text_char(&t, '-');
		text_u64(&t, r->last);
	}
	BUG_ON(t.truncated);
}

/* --- what is left for a rule */

bool policy_rule_equal(const struct policy_rule *a, const struct policy_rule *b)
{
	return a->action == b->action && a->proto == b->proto && a->first == b->first &&
	       a->last == b->last;
}

/* The rule has something to say about ports of proto, which is TCP or UDP. */
static bool is_about(const struct policy_rule *r, enum policy_proto proto)
{
	return r->proto == proto || r->proto == POLICY_ALL;
}

static bool takes_icmp(const struct policy_rule *r)
{
	return r->proto == POLICY_ICMP || (r->proto == POLICY_ALL && has_all_ports(r));
}

static bool takes_rest(const struct policy_rule *r)
{
	return r->proto == POLICY_ALL && has_all_ports(r);
}

/* Each turn goes as far as one rule reaches, so there are at most as many turns as rules. */
static bool ports_covered(const struct policy_rule *rules, size_t count, enum policy_proto proto,
			  const struct policy_rule *b)
{
	uint32_t at = b->first, before;

	if (!is_about(b, proto))
		return true;
	do {
		before = at;
		for (size_t i = 0; i < count; i++)
			if (is_about(&rules[i], proto) && rules[i].first <= at &&
			    rules[i].last >= at)
				at = rules[i].last + 1u;
	} while (at <= b->last && at != before);
	return at > b->last;
}

typedef bool has_part(const struct policy_rule *r);

static bool part_covered(const struct policy_rule *rules, size_t count, has_part *has,
			 const struct policy_rule *b)
{
	size_t i = 0;

	while (i < count && !has(&rules[i]))
		i++;
	return i < count || !has(b);
}

static bool covered(const struct policy_rule *rules, size_t count, const struct policy_rule *b)
{
	return ports_covered(rules, count, POLICY_TCP, b) &&
	       ports_covered(rules, count, POLICY_UDP, b) &&
	       part_covered(rules, count, takes_icmp, b) &&
	       part_covered(rules, count, takes_rest, b);
}

bool policy_rule_covers(const struct policy_rule *a, const struct policy_rule *b)
{
	return covered(a, 1, b);
}

bool policy_rules_cover(const struct policy_rule *rules, size_t count, const struct policy_rule *b,
			size_t *by)
{
	if (!covered(rules, count, b))
		return false;
	*by = 0;
	while (*by < count && !policy_rule_covers(&rules[*by], b))
		++*by;
	return true;
}
