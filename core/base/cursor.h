/* cursor.h - read and write byte formats without ever leaving the buffer.
 *
 * Both remember their first failure: read or write a whole message, then ask
 * once. After a failure every value read is zero and every write does nothing.
 * Wire formats of ours are big-endian; WireGuard's are little-endian.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/bytes.h"

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct cursor cur_of(const void *data, size_t len);
uint8_t cur_u8(struct cursor *c);
uint16_t cur_be16(struct cursor *c);
uint32_t cur_be32(struct cursor *c);
uint64_t cur_be64(struct cursor *c);
uint32_t cur_le32(struct cursor *c);
uint64_t cur_le64(struct cursor *c);
void cur_bytes(struct cursor *c, void *dst, size_t len);
/* Borrows len bytes of the buffer and steps over them; NULL data after a failure. */
struct bytes cur_span(struct cursor *c, size_t len);
/* Bytes left. */
size_t cur_left(const struct cursor *c);
void cur_fail(struct cursor *c);
bool cur_ok(const struct cursor *c);
/* True if nothing failed and nothing is left: a message must be read whole. */
bool cur_done(const struct cursor *c);

struct writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

struct writer wr_of(void *data, size_t cap);
void wr_u8(struct writer *w, uint8_t v);
void wr_be16(struct writer *w, uint16_t v);
void wr_be32(struct writer *w, uint32_t v);
void wr_be64(struct writer *w, uint64_t v);
void wr_le32(struct writer *w, uint32_t v);
void wr_le64(struct writer *w, uint64_t v);
void wr_bytes(struct writer *w, const void *src, size_t len);
void wr_zero(struct writer *w, size_t len);
bool wr_ok(const struct writer *w);
/* Bytes written so far; 0 after a failure. */
size_t wr_len(const struct writer *w);

#endif
