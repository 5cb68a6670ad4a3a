/* Sleep, as the difference of two clocks tells it. */
#include "linux/resume.h"
#include "tap.h"

static struct resume r;

static bool at(uint64_t boot_s, uint64_t monotonic_s)
{
	return resume_noticed(&r, (struct instant){ span_s(boot_s).ns },
			      (struct instant){ span_s(monotonic_s).ns });
}

static void only_a_sleep_counts(void)
{
	r = (struct resume){ 0 };
	ok(!at(5000, 100));      /* it slept before we began */
	ok(!at(5100, 200));      /* time that both clocks saw */
	ok(!at(5130, 200));      /* a nap of 30 s */
	ok(!at(5160, 200));      /* another one */
	ok(at(5191, 200));
	ok(!at(5192, 201));
	ok(at(9000, 202));
	ok(!at(9000, 202));
}

static void the_clock_is_the_monotonic_one(void)
{
	struct instant a = resume_monotonic(), b = resume_monotonic();

	ok(instant_is_set(a) && !instant_before(b, a));
}

TAP_TESTS(T(only_a_sleep_counts), T(the_clock_is_the_monotonic_one))
