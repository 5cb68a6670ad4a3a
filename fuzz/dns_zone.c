/* Questions to the mesh's name server. The first byte says how the names answer, the rest is the
 * query. Each answer is well formed, carries its question, and has a record or an SOA where it is
 * authoritative. */
#include "base/bug.h"
#include "dns/zone.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum dns_found find(const void *ctx, const char *name, struct dns_host *out)
{
	const uint8_t how = *(const uint8_t *)ctx;

	BUG_ON(!name[0] || strlen(name) >= DNS_NAME_TEXT);
	memset(out, 0, sizeof(*out));
	if (how & 4)
		out->ipv4 = ip_v4(10, 99, 1, 1);
	if (how & 8)
		out->ipv6.family = FAMILY_IPV6;
	return (enum dns_found)((how & 3) % 3);
}

static bool reverse(const void *ctx, const struct ip *ip, char name[static DNS_NAME_TEXT])
{
	const uint8_t how = *(const uint8_t *)ctx;

	BUG_ON(ip->family != FAMILY_IPV4 && ip->family != FAMILY_IPV6);
	memset(name, 0, DNS_NAME_TEXT);
	if (how & 64) { /* valid names of nodes, and none of DNS */
		strcpy(name, how & 32 ? "a..b" : "a.");
		return how & 16;
	}
	/* As long as names can be: two labels of 63. */
	for (unsigned i = 0; i < (how & 32 ? 127 : 3); i++)
		name[i] = i == 63 ? '.' : 'x';
	return how & 16;
}

static void check(struct bytes query, const uint8_t *answer, size_t len)
{
	struct cursor c = cur_of(answer, len);
	struct bytes all = bytes_of(answer, len);
	struct dns_header h;
	struct dns_question q;
	struct dns_record r;

	BUG_ON(!dns_read_header(&c, &h) || !(h.flags & DNS_QR) || h.questions > 1);
	BUG_ON(memcmp(answer, query.data, 2));
	if (h.questions)
		BUG_ON(!dns_read_question(all, &c, &q));
	for (int i = 0; i < h.answers + h.authorities + h.additionals; i++)
		BUG_ON(!dns_read_record(all, &c, &r));
	BUG_ON(!cur_done(&c));
	BUG_ON((h.flags & DNS_AA) && h.answers + h.authorities == 0);
	BUG_ON(!(h.flags & DNS_AA) && h.answers + h.authorities != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t lens[] = { 8, 12, 16, 17, 23, 24 };
	const struct ip v4 = ip_v4(10, 99, 0, 0);
	const struct ip v6 = ip_of(FAMILY_IPV6, "\xfd\x99mg\0\0\0\0\0\0\0\0\0\0\0\0");
	uint8_t answer[DNS_ANSWER_MAX];
	struct dns_names names = { .find = find, .reverse = reverse, .ctx = data };
	struct bytes query;
	size_t len;

	if (size < 1)
		return 0;
	names.ipv4 = prefix_of(&v4, lens[data[0] % sizeof(lens)]);
	names.ipv6 = prefix_of(&v6, 64);
	query = bytes_of(data + 1, size - 1);
	len = dns_answer(query, &names, answer);
	BUG_ON(len > sizeof(answer));
	if (len)
		check(query, answer, len);
	return 0;
}
