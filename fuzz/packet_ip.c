/* IP packets of strangers: nothing read points outside, and an answer is a packet that gets
 * no answer itself. */
#include "base/bug.h"
#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/ip.h"
#include "packet/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(struct bytes packet, const uint8_t *out, size_t len)
{
	struct ip_packet p, asked;
	uint32_t sum = 0;

	BUG_ON(!ip_packet_parse(packet, &asked));
	BUG_ON(!ip_packet_parse(bytes_of(out, len), &p));
	BUG_ON(p.total_len != len || !p.has_l4 || p.is_fragment);
	BUG_ON(!ip_equal(&p.dst, &asked.src) || !ip_equal(&p.src, &asked.dst));
	if (p.version == 6 || p.protocol == PROTO_TCP)
		sum = checksum_pseudo(&p.src, &p.dst, p.protocol, p.total_len - p.l4_offset);
	if (p.version == 4)
		BUG_ON(checksum_finish(checksum_add(0, out, IPV4_HEADER)));
	BUG_ON(checksum_finish(checksum_add(sum, out + p.l4_offset, len - p.l4_offset)));
}

static void check_answer(struct bytes packet, enum icmp_reason reason)
{
	uint8_t out[ICMP_ERROR_MAX], again[ICMP_ERROR_MAX];
	size_t len = icmp_unreachable(packet, reason, 1280, NULL, out, sizeof(out));

	if (!len)
		return;
	check_packet(packet, out, len);
	BUG_ON(icmp_unreachable(bytes_of(out, len), reason, 1280, NULL, again, sizeof(again)));
}

static void check_reset(struct bytes packet)
{
	uint8_t out[TCP_RESET_MAX], again[TCP_RESET_MAX];
	size_t len = tcp_reset(packet, out, sizeof(out));

	if (!len)
		return;
	check_packet(packet, out, len);
	BUG_ON(tcp_reset(bytes_of(out, len), again, sizeof(again)));
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
		BUG_ON(p.is_fragment && p.has_l4 && p.fragment_at > p.l4_offset);
	}
	if (ip_packet_parse_quoted(packet, &p))
		BUG_ON(p.total_len > size || p.l4_offset > p.total_len);
	check_reset(packet);
	for (enum icmp_reason r = ICMP_HOST_UNREACHABLE; r <= ICMP_TOO_BIG; r++)
		check_answer(packet, r);
	return 0;
}
