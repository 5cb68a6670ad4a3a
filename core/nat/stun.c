#include "nat/stun.h"

#include "base/cursor.h"

#include <string.h>

#define MAGIC 0x2112A442u
#define HEADER 20u
#define BINDING_REQUEST 0x0001u
#define BINDING_SUCCESS 0x0101u
#define BINDING_ERROR 0x0111u
#define FINGERPRINT_LEN 8u   /* with its head */
#define FINGERPRINT_XOR 0x5354554Eu

enum attribute {
	MAPPED_ADDRESS = 0x0001,
	CHANGE_REQUEST = 0x0003,
	CHANGED_ADDRESS = 0x0005,     /* of RFC 3489; what OTHER-ADDRESS is now */
	MESSAGE_INTEGRITY = 0x0008,
	ERROR_CODE = 0x0009,
	MESSAGE_INTEGRITY_SHA256 = 0x001C,
	XOR_MAPPED_ADDRESS = 0x0020,
	RESPONSE_PORT = 0x0027,
	FINGERPRINT = 0x8028,
	OTHER_ADDRESS = 0x802C,
};

/* CRC-32 of ISO/IEC 8802-3, bit by bit: such messages are short and rare. */
static uint32_t crc32_of(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return ~crc;
}

void stun_request(const uint8_t id[static STUN_ID], uint8_t out[static STUN_REQUEST_LEN])
{
	struct writer w = wr_of(out, STUN_REQUEST_LEN);

	wr_be16(&w, BINDING_REQUEST);
	wr_be16(&w, FINGERPRINT_LEN);
	wr_be32(&w, MAGIC);
	wr_bytes(&w, id, STUN_ID);
	wr_be16(&w, FINGERPRINT);
	wr_be16(&w, 4);
	wr_be32(&w, crc32_of(out, HEADER) ^ FINGERPRINT_XOR);
	BUG_ON(wr_len(&w) != STUN_REQUEST_LEN);
}

size_t stun_question(const uint8_t id[static STUN_ID], const struct stun_wish *wish,
		     uint8_t out[static STUN_QUESTION_LEN])
{
	const bool change = wish->change_ip || wish->change_port;
	struct writer w = wr_of(out, STUN_QUESTION_LEN);

	if (!change && !wish->response_port) {
		stun_request(id, out);
		return STUN_REQUEST_LEN;
	}
	wr_be16(&w, BINDING_REQUEST);
	wr_be16(&w, 8 + FINGERPRINT_LEN);
	wr_be32(&w, MAGIC);
	wr_bytes(&w, id, STUN_ID);
	wr_be16(&w, change ? CHANGE_REQUEST : RESPONSE_PORT);
	wr_be16(&w, 4);
	if (change)
		wr_be32(&w, (wish->change_ip ? 4u : 0) | (wish->change_port ? 2u : 0));
	else
		wr_be32(&w, (uint32_t)wish->response_port << 16);
	wr_be16(&w, FINGERPRINT);
	wr_be16(&w, 4);
	wr_be32(&w, crc32_of(out, HEADER + 8) ^ FINGERPRINT_XOR);
	BUG_ON(wr_len(&w) != STUN_QUESTION_LEN);
	return STUN_QUESTION_LEN;
}

bool stun_is_request(struct bytes d, const uint8_t id[static STUN_ID])
{
	return d.len >= HEADER && load_be16(d.data) == BINDING_REQUEST &&
	       load_be32(d.data + 4) == MAGIC && ct_equal(d.data + 8, id, STUN_ID);
}

bool stun_fingerprint_ok(struct bytes m)
{
	if (m.len < HEADER + FINGERPRINT_LEN)
		return false;

	const uint8_t *last = m.data + m.len - FINGERPRINT_LEN;

	return load_be16(last) == FINGERPRINT && load_be16(last + 2) == 4 &&
	       load_be32(last + 4) == (crc32_of(m.data, m.len - FINGERPRINT_LEN) ^ FINGERPRINT_XOR);
}

/* An address, XORed with the magic cookie and the id where `mask` is them. */
static bool take_address(struct bytes value, const uint8_t *mask, struct endpoint *out)
{
	struct cursor c = cur_of(value.data, value.len);
	uint8_t family, ip[16] = { 0 };
	uint16_t port;

	cur_u8(&c); /* to be ignored */
	family = cur_u8(&c);
	port = cur_be16(&c);
	if (family != 1 && family != 2)
		return false;
	size_t len = family == 1 ? 4 : 16;
	cur_bytes(&c, ip, len);
	if (!cur_done(&c))
		return false;
	for (size_t i = 0; mask && i < len; i++)
		ip[i] ^= mask[i];
	*out = (struct endpoint){ .ip = ip_of(family == 1 ? FAMILY_IPV4 : FAMILY_IPV6, ip) };
	out->port = mask ? (uint16_t)(port ^ load_be16(mask)) : port;
	return true;
}

/* False: the message cannot be used. */
static bool take_attribute(uint16_t type, struct bytes value, const uint8_t *mask,
			   struct stun_answer *out)
{
	struct endpoint plain;

	switch (type) {
	case XOR_MAPPED_ADDRESS:
		return take_address(value, mask, &out->mapped);
	case MAPPED_ADDRESS:
		if (!take_address(value, NULL, &plain))
			return false;
		if (!endpoint_is_set(&out->mapped))
			out->mapped = plain;
		return true;
	case CHANGED_ADDRESS:
	case OTHER_ADDRESS:
		return take_address(value, NULL, &out->other);
	case MESSAGE_INTEGRITY: /* we share no key with anybody */
	case MESSAGE_INTEGRITY_SHA256:
	case ERROR_CODE:
	case 0x0002:            /* RESPONSE-ADDRESS, CHANGE-REQUEST, SOURCE-ADDRESS of RFC 3489 */
	case CHANGE_REQUEST:
	case 0x0004:
		return true;
	}
	return type >= 0x8000;
}

bool stun_answer_decode(struct bytes d, struct stun_answer *out)
{
	struct cursor c = cur_of(d.data, d.len);
	uint16_t kind = cur_be16(&c);
	size_t len = cur_be16(&c);
	const uint8_t *mask = d.data + 4; /* the magic cookie and the id follow each other */

	memset(out, 0, sizeof(*out));
	if ((kind != BINDING_SUCCESS && kind != BINDING_ERROR) || cur_be32(&c) != MAGIC)
		return false;
	cur_bytes(&c, out->id, STUN_ID);
	if (!cur_ok(&c) || len % 4 || cur_left(&c) != len)
		return false;
	out->error = kind == BINDING_ERROR;
	while (cur_ok(&c) && cur_left(&c)) {
		uint16_t type = cur_be16(&c);
		size_t value_len = cur_be16(&c);
		struct bytes value = cur_span(&c, value_len);

		cur_span(&c, -value_len & 3u); /* padding */
		if (!cur_ok(&c))
			return false;
		if (type == FINGERPRINT)
			return !cur_left(&c) && stun_fingerprint_ok(d) &&
			       (out->error || endpoint_is_set(&out->mapped));
		if (!out->error && !take_attribute(type, value, mask, out))
			return false;
	}
	return cur_ok(&c) && (out->error || endpoint_is_set(&out->mapped));
}
