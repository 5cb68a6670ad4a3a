/* Everything goes through cur_span() and room(), the only two places that compare
 * with an end. Lengths are compared, never pointers that could leave the buffer. */
#include "base/cursor.h"

#include <string.h>

struct cursor cur_of(const void *data, size_t len)
{
	const uint8_t *at = data;

	return (struct cursor){ .at = at, .end = len ? at + len : at };
}

void cur_fail(struct cursor *c)
{
	c->failed = true;
	c->at = c->end;
}

bool cur_ok(const struct cursor *c)
{
	return !c->failed;
}

size_t cur_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

bool cur_done(const struct cursor *c)
{
	return !c->failed && c->at == c->end;
}

struct bytes cur_span(struct cursor *c, size_t len)
{
	struct bytes span = { c->at, len };

	if (c->failed || len > cur_left(c)) {
		cur_fail(c);
		return (struct bytes){ NULL, 0 };
	}
	if (len)
		c->at += len;
	return span;
}

void cur_bytes(struct cursor *c, void *dst, size_t len)
{
	struct bytes span = cur_span(c, len);

	if (!len)
		return;
	if (span.data)
		memcpy(dst, span.data, len);
	else
		memset(dst, 0, len);
}

uint8_t cur_u8(struct cursor *c)
{
	struct bytes s = cur_span(c, 1);

	return s.data ? s.data[0] : 0;
}

uint16_t cur_be16(struct cursor *c)
{
	struct bytes s = cur_span(c, 2);

	return s.data ? load_be16(s.data) : 0;
}

uint32_t cur_be32(struct cursor *c)
{
	struct bytes s = cur_span(c, 4);

	return s.data ? load_be32(s.data) : 0;
}

uint64_t cur_be64(struct cursor *c)
{
	struct bytes s = cur_span(c, 8);

	return s.data ? load_be64(s.data) : 0;
}

uint32_t cur_le32(struct cursor *c)
{
	struct bytes s = cur_span(c, 4);

	return s.data ? load_le32(s.data) : 0;
}

uint64_t cur_le64(struct cursor *c)
{
	struct bytes s = cur_span(c, 8);

	return s.data ? load_le64(s.data) : 0;
}

struct writer wr_of(void *data, size_t cap)
{
	uint8_t *at = data;

	return (struct writer){ .start = at, .at = at, .end = cap ? at + cap : at };
}

/* The next len > 0 bytes, stepped over; NULL when they do not fit. */
static uint8_t *room(struct writer *w, size_t len)
{
	uint8_t *at = w->at;

	if (w->failed || len > (size_t)(w->end - w->at)) {
		w->failed = true;
		return NULL;
	}
	w->at += len;
	return at;
}

void wr_u8(struct writer *w, uint8_t v)
{
	uint8_t *p = room(w, 1);

	if (p)
		*p = v;
}

void wr_be16(struct writer *w, uint16_t v)
{
	uint8_t *p = room(w, 2);

	if (p)
		store_be16(p, v);
}

void wr_be32(struct writer *w, uint32_t v)
{
	uint8_t *p = room(w, 4);

	if (p)
		store_be32(p, v);
}

void wr_be64(struct writer *w, uint64_t v)
{
	uint8_t *p = room(w, 8);

	if (p)
		store_be64(p, v);
}

void wr_le32(struct writer *w, uint32_t v)
{
	uint8_t *p = room(w, 4);

	if (p)
		store_le32(p, v);
}

void wr_le64(struct writer *w, uint64_t v)
{
	uint8_t *p = room(w, 8);

	if (p)
		store_le64(p, v);
}

void wr_bytes(struct writer *w, const void *src, size_t len)
{
	uint8_t *p = len ? room(w, len) : NULL;

	if (p)
		memcpy(p, src, len);
}

void wr_zero(struct writer *w, size_t len)
{
	uint8_t *p = len ? room(w, len) : NULL;

	if (p)
		memset(p, 0, len);
}

bool wr_ok(const struct writer *w)
{
	return !w->failed;
}

size_t wr_len(const struct writer *w)
{
	return w->failed ? 0 : (size_t)(w->at - w->start);
}
