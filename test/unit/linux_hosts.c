/* What may stand in a block of /etc/hosts: the node process is not believed. */
#include "tap.h"

#include "linux/hosts.h"

static struct host_entry entry(const char *name)
{
	struct host_entry e = { ip_v4(10, 99, 1, 2),
				ip_of(FAMILY_IPV6, "\xfd\x99mg\0\0\0\0\0\0\0\0\0\0\1\2"), "" };

	memset(e.name, 0, sizeof(e.name));
	memcpy(e.name, name, strlen(name));
	return e;
}

static bool good(const struct host_entry *e)
{
	const struct ip v4 = ip_v4(10, 99, 0, 0);
	const struct prefix prefix = prefix_of(&v4, 16);

	return hosts_entry_ok(e, &prefix);
}

static void names_are_labels(void)
{
	static const char *const right[] = { "a", "node-1.acme", "A_b.c.d", "127" };
	static const char *const wrong[] = { "", ".", ".a", "a.", "a..b", "a b", "a\t", "*",
					     "a\n1.2.3.4 bank", "a#", "\xc3\xa4", "a/b" };
	struct host_entry e;

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		e = entry(right[i]);
		ok(good(&e));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		e = entry(wrong[i]);
		if (good(&e))
			TAP_FAIL("\"%s\" is taken", wrong[i]);
	}
	e = entry("a");
	memset(e.name, 'a', sizeof(e.name)); /* without a terminator */
	ok(!good(&e));
}

static void addresses_are_those_of_the_mesh(void)
{
	struct host_entry e = entry("a");

	e.ipv4 = ip_v4(10, 98, 1, 2);
	ok(!good(&e));
	e.ipv4 = ip_v4(127, 0, 0, 1);
	ok(!good(&e));
	e.ipv4 = (struct ip){ 0 };
	ok(good(&e));
	e.ipv6.b[0] = 0xfe;
	ok(!good(&e));
	e.ipv6 = (struct ip){ 0 };
	ok(good(&e));
	e.ipv6 = ip_v4(10, 99, 1, 2); /* of the wrong family */
	ok(!good(&e));
	e = entry("a");
	e.ipv4.family = 9;
	ok(!good(&e));
}

TAP_TESTS(T(names_are_labels), T(addresses_are_those_of_the_mesh))
