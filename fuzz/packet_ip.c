/* IP packets of strangers: nothing read points outside, and an answer is a packet that gets
 * no answer itself. */
#include "base/bug.h"
#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct bytes packet, enum icmp_reason reason)
{
	uint8_t out[ICMP_ERROR_MAX], again[ICMP_ERROR_MAX];
	size_t len = icmp_unreachable(packet, reason, 1280, NULL, out, sizeof(out));
	struct ip_packet p, asked;
	uint32_t sum = 0;

	if (!len)
		return;
	BUG_ON(!ip_packet_parse(packet, &asked));
	BUG_ON(!ip_packet_parse(bytes_of(out, len), &p));
	BUG_ON(p.total_len != len || !p.has_l4 || p.is_fragment);
	BUG_ON(!ip_equal(&p.dst, &asked.src) || !ip_equal(&p.src, &asked.dst));
	if (p.version == 6)
		sum = checksum_pseudo(&p.src, &p.dst, p.protocol, p.total_len - p.l4_offset);
	else
		BUG_ON(checksum_finish(checksum_add(0, out, IPV4_HEADER)));
	BUG_ON(checksum_finish(checksum_add(sum, out + p.l4_offset, len - p.l4_offset)));
	BUG_ON(icmp_unreachable(bytes_of(out, len), reason, 1280, NULL, again, sizeof(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes packet = bytes_of(data, size);
	struct ip_packet p;

	if (ip_packet_parse(packet, &p)) {
		BUG_ON(p.total_len > size || p.l4_offset > p.total_len);
		BUG_ON(p.has_ports && (!p.has_l4 || p.l4_offset + 4 > p.total_len));
		BUG_ON(p.has_l4 && p.fragment_offset);
		BUG_ON(p.src.family != p.version || p.dst.family != p.version);
	}
	for (enum icmp_reason r = ICMP_HOST_UNREACHABLE; r <= ICMP_TOO_BIG; r++)
		check_answer(packet, r);
	return 0;
}
