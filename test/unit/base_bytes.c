#include "base/bytes.h"
#include "base/bug.h"
#include "base/instant.h"
#include "base/list.h"

#include "dies.h"
#include "tap.h"

static void test_byte_order(void)
{
	uint8_t b[9] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 }; /* loads from odd addresses */
	uint8_t out[9] = { 0xff };

	eq_int(load_be16(b + 1), 0x0102);
	eq_int(load_be32(b + 1), 0x01020304);
	ok(load_be64(b + 1) == 0x0102030405060708u);
	eq_int(load_le32(b + 1), 0x04030201);
	ok(load_le64(b + 1) == 0x0807060504030201u);
	store_be64(out + 1, 0x0102030405060708u);
	eq_mem(out, b, 9);
	store_le64(out + 1, 0x0807060504030201u);
	eq_mem(out, b, 9);
	store_be16(out + 1, 0x0102);
	store_be32(out + 3, 0x03040506);
	eq_mem(out, b, 9);
	store_le32(out + 1, 0x04030201);
	eq_mem(out, b, 9);
}

static void test_ct(void)
{
	uint8_t a[33] = { 0 }, b[33] = { 0 };

	ok(ct_equal(a, b, 33) && ct_equal(a, b, 0) && ct_is_zero(a, 33) && ct_is_zero(NULL, 0));
	for (unsigned i = 0; i < sizeof(a); i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			a[i] = (uint8_t)bit;
			ok(!ct_equal(a, b, 33) && !ct_is_zero(a, 33));
			ok(ct_equal(a, b, i) && ct_is_zero(a, i));
		}
		a[i] = 0;
	}
}

static void test_wipe(void)
{
	uint8_t a[4] = { 1, 2, 3, 4 };

	wipe(a + 1, 2);
	eq_mem(a, ((uint8_t[]){ 1, 0, 0, 4 }), 4);
	wipe(NULL, 0);
}

static void holds(void *arg)
{
	BUG_ON(*(int *)arg == 1);
}

static void test_bug(void)
{
	ok(!dies(holds, &(int){ 0 }));
	ok(dies(holds, &(int){ 1 }));
	ok(!bug_where && !bug_what);
}

static void test_instants(void)
{
	struct instant t = { 5 }, late = { UINT64_MAX - 1 };

	ok(instant_add(late, span_ms(1)).ns == UINT64_MAX);
	ok(instant_add(t, (struct span){ UINT64_MAX - 5 }).ns == UINT64_MAX);
	ok(instant_add(INSTANT_NEVER, span_s(1)).ns == UINT64_MAX);
	eq_int(instant_add(t, span_s(1)).ns, 1000000005);
	eq_int(instant_since(t, late).ns, 0);
	eq_int(instant_since((struct instant){ 7 }, t).ns, 2);
	ok(instant_reached(t, t) && !instant_before(t, t) && instant_before(t, late));
	eq_int(instant_min(t, late).ns, 5);
	ok(instant_is_set(t) && !instant_is_set(INSTANT_ZERO));
}

struct item {
	int n;
	struct list link;
};

static void test_list(void)
{
	struct list head;
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
	int seen = 0;

	list_init(&head);
	ok(list_empty(&head));
	list_add_tail(&head, &b.link);
	list_add_tail(&head, &c.link);
	list_add_head(&head, &a.link);
	list_each(&head, it)
		seen = seen * 10 + list_entry(it, struct item, link)->n;
	eq_int(seen, 123);
	list_remove(&b.link);
	list_remove(&b.link);
	seen = 0;
	list_each_safe(&head, it, after) {
		seen = seen * 10 + list_entry(it, struct item, link)->n;
		list_remove(it);
	}
	eq_int(seen, 13);
	ok(list_empty(&head));
}

TAP_TESTS(T(test_byte_order), T(test_ct), T(test_wipe), T(test_bug), T(test_instants), T(test_list))
