/* Every parser of text in base: what one takes, its formatter writes in a form that it takes
 * again and that means the same; and taking is stable from then on. */
#include "base/bug.h"
#include "base/endpoint.h"
#include "base/text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_codes(const char *text, size_t len)
{
	uint8_t out[512];
	char again[BASE64_LEN(sizeof(out)) + 1];

	if (len > 680)
		return;
	for (size_t n = len / 4 * 3 > 2 ? len / 4 * 3 - 2 : 0; n <= len / 4 * 3; n++) {
		if (!base64_decode(text, len, out, n))
			continue;
		base64_encode(out, n, again, sizeof(again));
		BUG_ON(strlen(again) != len || memcmp(again, text, len));
	}
	if (hex_decode(text, len, out, len / 2)) {
		char lower[sizeof(out) * 2 + 1];
		uint8_t same[sizeof(out)];

		hex_encode(out, len / 2, lower, sizeof(lower));
		BUG_ON(!hex_decode(lower, len, same, len / 2) || memcmp(same, out, len / 2));
	}
}

static void check_number(const char *text, size_t len)
{
	uint64_t n, small;
	char buf[24];
	struct text t = text_of(buf, sizeof(buf));

	if (!parse_u64(text, len, UINT64_MAX, &n))
		return;
	text_u64(&t, n);
	BUG_ON(t.truncated || t.len != len || memcmp(buf, text, len));
	BUG_ON(parse_u64(text, len, 65535, &small) != (n <= 65535));
}

static void check_ip(const char *text, size_t len)
{
	struct ip ip, same;
	char buf[IP_TEXT];

	if (!ip_parse(text, len, &ip))
		return;
	ip_format(&ip, buf);
	BUG_ON(!ip_parse(buf, strlen(buf), &same) || !ip_equal(&ip, &same));
	for (size_t i = ip_bits(&ip) / 8; i < sizeof(ip.b); i++)
		BUG_ON(ip.b[i]);
}

static void check_endpoint(const char *text, size_t len, uint16_t default_port)
{
	struct endpoint e, same;
	char buf[ENDPOINT_TEXT];

	if (!endpoint_parse(text, len, default_port, &e))
		return;
	endpoint_format(&e, buf);
	BUG_ON(!endpoint_parse(buf, strlen(buf), 0, &same) || !endpoint_equal(&e, &same));
}

static void check_prefix(const char *text, size_t len)
{
	struct prefix p, same;
	char buf[PREFIX_TEXT];

	if (!prefix_parse(text, len, &p))
		return;
	same = prefix_of(&p.ip, p.len);
	BUG_ON(!ip_equal(&p.ip, &same.ip) || !prefix_contains(&p, &p.ip));
	prefix_format(&p, buf);
	BUG_ON(!prefix_parse(buf, strlen(buf), &same));
	BUG_ON(same.len != p.len || !ip_equal(&p.ip, &same.ip));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_codes(text, size);
	check_number(text, size);
	check_ip(text, size);
	check_endpoint(text, size, 0);
	check_endpoint(text, size, 51821);
	check_prefix(text, size);
	return 0;
}
