/* Bytes as answers to a survey of the NAT: it ends within its time whatever comes, never asks for
 * more room than it may, and sends nothing to an address that no server is at or told. */
#include "contexts.h"
#include "nat/survey.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct out items[SURVEY_QUESTIONS];
	static uint8_t arena[2048], raw[256];
	const struct endpoint server = { .ip = ip_v4(5, 5, 5, 1), .port = 3478 };
	const struct instant start = { 1000000000u };
	const uint8_t entropy[32] = { 1 };
	struct instant now = start;
	struct random random;
	struct outbox out;
	struct survey s;

	test_crypto();
	random_init(&random, entropy);
	survey_init(&s, &random, &server.ip, 0);
	survey_add(&s, &server);
	outbox_init(&out, items, SURVEY_QUESTIONS, arena, sizeof(arena));
	while (!survey_done(&s)) {
		outbox_clear(&out);
		survey_tick(&s, now, &out);
		BUG_ON(out.refused);
		for (uint32_t i = 0; i < out.count; i++)
			BUG_ON(!ip_is_public(&out.items[i].to.ip) || !out.items[i].to.port);
		/* Which question it answers, a length, a datagram. */
		if (size >= 2) {
			const struct survey_question *q = &s.q[data[0] % SURVEY_QUESTIONS];
			struct endpoint from = q->answers;
			const size_t most = data[1] < size - 2 ? data[1] : size - 2;
			const size_t len = most < sizeof(raw) ? most : sizeof(raw);

			memcpy(raw, data + 2, len);
			if (len >= 20) /* as if it had heard the question */
				memcpy(raw + 8, q->id, STUN_ID);
			if (data[0] & 0x80)
				from.socket = SURVEY_A;
			survey_input(&s, now, &from, bytes_of(raw, len));
			data += 2 + len;
			size -= 2 + len;
			continue;
		}
		struct instant next = survey_deadline(&s);
		now = next.ns > now.ns && next.ns != UINT64_MAX ? next : now;
		BUG_ON(instant_since(now, start).ns > span_s(8).ns);
	}
	(void)survey_mapping(&s);
	(void)survey_filtering(&s);
	(void)survey_hairpin(&s);
	return 0;
}
