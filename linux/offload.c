#include "linux/offload.h"

#include <string.h>

static bool is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(at, word, len);
}

bool offload_parse(const char *words, struct offload_off *out)
{
	*out = (struct offload_off){ .tso = false };
	for (const char *at = words;; at++) {
		size_t len = strcspn(at, ",");

		if (is_word(at, len, "tso"))
			out->tso = true;
		else if (is_word(at, len, "uso"))
			out->uso = true;
		else if (is_word(at, len, "udp-segment"))
			out->udp_segment = true;
		else if (is_word(at, len, "udp-gro"))
			out->udp_gro = true;
		else if (is_word(at, len, "ipsec-mb"))
			out->ipsec_mb = true;
		else if (is_word(at, len, "all"))
			*out = (struct offload_off){ true, true, true, true, true };
		else
			return false;
		at += len;
		if (!*at)
			return true;
	}
}
