#include "dns/message.h"

#include "base/bug.h"

#include <string.h>

#define POINTER 0xC0u

bool dns_read_header(struct cursor *c, struct dns_header *out)
{
	out->id = cur_be16(c);
	out->flags = cur_be16(c);
	out->questions = cur_be16(c);
	out->answers = cur_be16(c);
	out->authorities = cur_be16(c);
	out->additionals = cur_be16(c);
	return cur_ok(c);
}

static char plain(uint8_t b)
{
	return b > 0x20 && b < 0x7f && b != '.' && b != '\\' ? (char)b : '?';
}

/* Adds a label; the length of the text with it, or 0 when it is too long for a name. */
static size_t add_label(char out[static DNS_NAME_TEXT], size_t len, struct bytes label)
{
	/* On the wire a name has a byte more than its text at each end. */
	if (len + (len != 0) + label.len + 2 > DNS_NAME_TEXT - 1)
		return 0;
	if (len)
		out[len++] = '.';
	for (size_t i = 0; i < label.len; i++)
		out[len++] = plain(label.data[i]);
	return len;
}

bool dns_read_name(struct bytes message, struct cursor *c, char out[static DNS_NAME_TEXT])
{
	struct cursor at = *c;
	const uint8_t *start = c->at; /* pointers must lead before it */
	bool jumped = false;
	size_t len = 0;

	out[0] = '\0';
	for (;;) {
		uint8_t n = cur_u8(&at);

		if (!cur_ok(&at) || ((n & POINTER) && (n & POINTER) != POINTER))
			break;
		if (n & POINTER) {
			size_t to = (size_t)(n & ~POINTER & 0xffu) << 8 | cur_u8(&at);

			if (!cur_ok(&at) || to < DNS_HEADER || to >= message.len
			    || message.data + to >= start)
				break;
			if (!jumped)
				*c = at;
			jumped = true;
			start = message.data + to;
			at = cur_of(start, message.len - to);
			continue;
		}
		if (n == 0) {
			out[len] = '\0';
			if (!jumped)
				*c = at;
			return true;
		}

		struct bytes label = cur_span(&at, n);

		if (!label.data || !(len = add_label(out, len, label)))
			break;
	}
	out[0] = '\0';
	cur_fail(c);
	return false;
}

bool dns_read_question(struct bytes message, struct cursor *c, struct dns_question *out)
{
	if (!dns_read_name(message, c, out->name))
		return false;
	out->type = cur_be16(c);
	out->class = cur_be16(c);
	return cur_ok(c);
}

bool dns_read_record(struct bytes message, struct cursor *c, struct dns_record *out)
{
	if (!dns_read_name(message, c, out->name))
		return false;
	out->type = cur_be16(c);
	out->class = cur_be16(c);
	out->ttl = cur_be32(c);
	if (out->ttl > INT32_MAX) /* RFC 2181, section 8 */
		out->ttl = 0;
	out->data = cur_span(c, cur_be16(c));
	return cur_ok(c);
}

void dns_write_name(struct writer *w, const char *name)
{
	while (*name) {
		const char *dot = strchr(name, '.');
		size_t len = dot ? (size_t)(dot - name) : strlen(name);

		if (len == 0 || len > DNS_LABEL || (dot && !dot[1])) {
			w->failed = true;
			return;
		}
		wr_u8(w, (uint8_t)len);
		wr_bytes(w, name, len);
		name += len + (dot != NULL);
	}
	wr_u8(w, 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool dns_name_equal(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

bool dns_name_within(const char *name, const char *zone)
{
	size_t len = strlen(name), zone_len = strlen(zone);

	if (len < zone_len || !dns_name_equal(name + len - zone_len, zone))
		return false;
	return zone_len == 0 || len == zone_len || name[len - zone_len - 1] == '.';
}
