/* From what others saw to a NAT kind; and the proof that strangers come in. */
#include "tap.h"

#include "contexts.h"
#include "nat/path.h"

#define MEMBERS 64u

static struct paths *p;
static struct random random_state;
static struct instant now;
static struct outbox out;

static void begin_again(bool restarted)
{
	static struct out items[64];
	static uint8_t arena[1u << 16];
	static void *memory;
	const uint8_t entropy[32] = { 1 };
	struct paths_config config = { .members = MEMBERS, .seed = 7, .random = &random_state,
				       .restarted = restarted };

	test_crypto();
	free(memory);
	memory = calloc(1, paths_size(MEMBERS));
	random_init(&random_state, entropy);
	outbox_init(&out, items, 64, arena, sizeof(arena));
	now = (struct instant){ 1000000000000u };
	p = paths_init(memory, &config, now);
	for (uint32_t slot = 0; slot < 8; slot++)
		paths_admit(p, slot, now);
}

static void begin(void)
{
	begin_again(false);
}

static struct endpoint as(const char *text)
{
	struct endpoint e = { 0 };

	if (!endpoint_parse(text, strlen(text), 0, &e))
		TAP_FAIL("no endpoint: %s", text);
	return e;
}

static void server_saw(unsigned server, const char *text)
{
	struct endpoint e = as(text);

	paths_seen_by_server(p, server, &e, now);
}

static enum nat_kind kind_of(const char *own)
{
	struct ip ip = own ? as(own).ip : (struct ip){ 0 };

	return paths_nat_kind(p, &ip, own != NULL);
}

static bool counts(const char *text)
{
	struct endpoint seen[8], e = as(text);
	unsigned n = paths_seen_as(p, seen, 8);

	for (unsigned i = 0; i < n; i++)
		if (endpoint_equal(&seen[i], &e))
			return true;
	return false;
}

static void wait(unsigned s)
{
	now = instant_add(now, span_s(s));
}

static void nobody_told_anything_yet(void)
{
	begin();
	eq_int(kind_of(NULL), NAT_UNKNOWN);
	server_saw(0, "192.168.1.2:4000"); /* the client refuses it; it is no voice here, either */
	eq_int(kind_of(NULL), NAT_UNKNOWN);
}

static void a_port_that_is_kept_is_no_public_address(void)
{
	begin();
	server_saw(0, "5.5.5.9:51821");
	server_saw(1, "5.5.5.9:51821");
	eq_int(kind_of("192.168.1.2:51821"), NAT_EASY);
	eq_int(kind_of("5.5.5.9:51821"), NAT_PUBLIC);
	ok(counts("5.5.5.9:51821"));
}

static void observers_that_differ_make_it_hard(void)
{
	begin();
	server_saw(0, "5.5.5.9:4000");
	eq_int(kind_of(NULL), NAT_EASY);
	server_saw(1, "5.5.5.9:4020");
	eq_int(kind_of(NULL), NAT_HARD_SEQUENTIAL);
	ok(!counts("5.5.5.9:4000") && !counts("5.5.5.9:4020"));
	server_saw(2, "5.5.5.9:4021");
	eq_int(kind_of(NULL), NAT_HARD);
	begin();
	server_saw(0, "5.5.5.9:4000");
	server_saw(1, "5.5.5.8:4001"); /* another address of the NAT's */
	eq_int(kind_of(NULL), NAT_HARD);
}

static void two_that_agree_outvote_one(void)
{
	begin();
	server_saw(0, "8.8.8.8:53");
	eq_int(kind_of(NULL), NAT_EASY);
	server_saw(1, "5.5.5.9:4000");
	eq_int(kind_of(NULL), NAT_HARD);
	server_saw(2, "5.5.5.9:4000");
	eq_int(kind_of(NULL), NAT_EASY);
	ok(counts("5.5.5.9:4000") && !counts("8.8.8.8:53"));
	/* One alone, seen by two of its own servers, is two voices: they are asked apart. */
	eq_int(kind_of("8.8.8.8:53"), NAT_EASY);
}

static void what_a_nat_forgot_is_no_contradiction(void)
{
	begin();
	server_saw(0, "5.5.5.9:4000");
	wait(121);
	server_saw(1, "5.5.5.9:5000");
	eq_int(kind_of(NULL), NAT_EASY);
	wait(10);
	server_saw(0, "5.5.5.9:6000");
	eq_int(kind_of(NULL), NAT_HARD);
}

static void ipv6_speaks_where_there_is_no_ipv4(void)
{
	begin();
	server_saw(1, "[2a01::7]:51821");
	eq_int(kind_of("[2a01::7]:51821"), NAT_PUBLIC);
	server_saw(0, "5.5.5.9:4000");
	eq_int(kind_of("[2a01::7]:51821"), NAT_EASY);
}

static void of_two_own_addresses_others_see_both(void)
{
	struct ip own[2] = { as("5.5.5.9:1").ip, as("6.6.6.9:1").ip };

	begin();
	server_saw(0, "5.5.5.9:51821");
	server_saw(1, "6.6.6.9:51821");
	eq_int(paths_nat_kind(p, own, 2), NAT_PUBLIC);
	eq_int(paths_nat_kind(p, own, 1), NAT_HARD);
}

static void only_members_count_as_told(void)
{
	begin();
	server_saw(0, "5.5.5.9:51821");
	ok(!instant_is_set(paths_told_at(p)));
}

/* --- dialled back */

static void heard_from(uint32_t slot, const char *text)
{
	struct endpoint e = as(text);

	paths_received(p, slot, &e, 200, true);
	paths_heard(p, slot, &e, now);
}

static bool is_proved(void)
{
	return instant_is_set(paths_dialled_back(p));
}

static void who_comes_unasked_proves_that_strangers_come_in(void)
{
	struct path_fact fact;
	bool told = false;

	begin();
	server_saw(0, "5.5.5.9:51821");
	while (paths_next_fact(p, &fact))
		;
	heard_from(3, "6.6.6.1:4000");
	ok(is_proved());
	eq_int(kind_of(NULL), NAT_PUBLIC);
	while (paths_next_fact(p, &fact))
		told |= fact.kind == PATH_FACT_SEEN_AS;
	ok(told);
	paths_network_changed(p, now);
	ok(!is_proved());
}

static void what_may_be_an_answer_proves_nothing(void)
{
	struct ip to = as("6.6.6.1:1").ip;

	begin();
	paths_sent_to(p, &to, now);
	heard_from(3, "6.6.6.1:4000"); /* another port: a filter by address lets it in */
	ok(!is_proved());
	wait(599);
	heard_from(3, "6.6.6.1:4001");
	ok(!is_proved());
	wait(2);
	heard_from(3, "6.6.6.1:4002");
	ok(is_proved());
}

static void neighbours_prove_nothing(void)
{
	begin();
	heard_from(3, "192.168.1.9:4000");
	heard_from(3, "[fe80::1%2]:4000");
	heard_from(3, "127.0.0.1:4000");
	ok(!is_proved());
}

static void a_call_proves_only_what_follows_it(void)
{
	const uint8_t id[CHANNEL_CALL_ID] = { 1 };
	struct endpoint from = as("6.6.6.1:4000"), other = as("6.6.6.1:4001");

	begin();
	paths_called(p, now, 3, &from, id, &out);
	paths_sent_to(p, &from.ip, now); /* our answer */
	ok(!is_proved());
	heard_from(4, "6.6.6.1:4000");   /* somebody else */
	heard_from(3, "6.6.6.1:4001");   /* from elsewhere */
	ok(!is_proved());
	wait(4);
	heard_from(3, "6.6.6.1:4000");
	ok(is_proved());

	begin();
	paths_called(p, now, 3, &other, id, &out);
	paths_sent_to(p, &other.ip, now);
	wait(5);
	heard_from(3, "6.6.6.1:4001");
	ok(!is_proved());
}

static void what_a_router_remembers_of_the_former_process_proves_nothing(void)
{
	begin_again(true);
	wait(179);
	heard_from(3, "6.6.6.1:4000");
	ok(!is_proved());
	wait(1);
	heard_from(3, "6.6.6.1:4001");
	ok(is_proved());
	paths_network_changed(p, now);
	wait(179);
	heard_from(3, "7.6.6.1:4001");
	ok(!is_proved());
}

TAP_TESTS(T(nobody_told_anything_yet),
	  T(a_port_that_is_kept_is_no_public_address),
	  T(observers_that_differ_make_it_hard),
	  T(two_that_agree_outvote_one),
	  T(what_a_nat_forgot_is_no_contradiction),
	  T(ipv6_speaks_where_there_is_no_ipv4),
	  T(of_two_own_addresses_others_see_both),
	  T(only_members_count_as_told),
	  T(who_comes_unasked_proves_that_strangers_come_in),
	  T(what_may_be_an_answer_proves_nothing),
	  T(neighbours_prove_nothing),
	  T(a_call_proves_only_what_follows_it),
	  T(what_a_router_remembers_of_the_former_process_proves_nothing))
