/* Answers of name servers, and the text of seeds: whatever they hold, what is found are hosts with
 * ports, and reading ends. */
#include "base/bug.h"
#include "dns/seeds.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dns_seeds *s)
{
	struct dns_target again;
	char text[DNS_NAME_TEXT + 2];
	size_t len;

	BUG_ON(s->count > DNS_TARGETS);
	for (unsigned i = 0; i < s->count; i++) {
		const struct dns_target *t = &s->list[i];
		const bool v6 = strchr(t->host, ':');

		len = strlen(t->host);
		memcpy(text + v6, t->host, len);
		if (v6) {
			text[0] = '[';
			text[len + 1] = ']';
			len += 2;
		}
		BUG_ON(!t->port || !dns_target_parse(text, len, t->port, &again)
		       || again.port != t->port || strcmp(again.host, t->host));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = bytes_of(data, size);
	struct dns_seeds txt = { .ttl = UINT32_MAX }, srv = { .ttl = UINT32_MAX };
	struct dns_target target;

	(void)!dns_seeds_read(all, DNS_TXT, &txt);
	(void)!dns_seeds_read(all, DNS_SRV, &srv);
	check(&txt);
	check(&srv);
	if (dns_seed_parse(all, &target))
		BUG_ON(!target.port || !target.host[0]);
	return 0;
}
