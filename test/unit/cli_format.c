/* What people read: ages, sizes, round trips, tables. */
#include "cli/format.h"
#include "tap.h"

static void ages(void)
{
	static const struct { uint64_t s; const char *text; } rows[] = {
		{ 0, "0s" }, { 59, "59s" }, { 60, "1m00s" }, { 3599, "59m59s" }, { 3600, "1h00m" },
		{ 86399, "23h59m" }, { 86400, "1d00h" }, { 8640000, "100d00h" },
		{ UINT64_MAX, "213503982334601d07h" },
	};
	char out[FORMAT_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		format_age(out, rows[i].s);
		eq_str(out, rows[i].text);
	}
}

static void sizes(void)
{
	static const struct { uint64_t n; const char *text; } rows[] = {
		{ 0, "0" }, { 1023, "1023" }, { 1024, "1.0K" }, { 10239, "9.9K" }, { 10240, "10K" },
		{ 1048575, "1023K" }, { 1048576, "1.0M" }, { 1610612736, "1.5G" },
		{ 1ull << 40, "1.0T" }, { 1ull << 50, "1.0P" }, { UINT64_MAX, "15E" },
	};
	char out[FORMAT_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		format_bytes(out, rows[i].n);
		eq_str(out, rows[i].text);
	}
}

static void round_trips(void)
{
	static const struct { uint64_t us; const char *text; } rows[] = {
		{ 0, "-" }, { 1, "<0.1ms" }, { 99, "<0.1ms" }, { 100, "0.1ms" }, { 9999, "9.9ms" },
		{ 10000, "10ms" }, { 999999, "999ms" }, { 1000000, "1.0s" }, { 12345678, "12.3s" },
	};
	char out[FORMAT_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		format_rtt(out, rows[i].us);
		eq_str(out, rows[i].text);
	}
}

/* What a table of two rows looks like on this screen. */
static char *printed(struct screen s)
{
	static char out[2048];
	static const char *const cells[] = { "NAME", "RX", "PATH", "alice", "12K", "192.0.2.7:1" };
	struct table t = { .columns = 3, .right = 1u << 1 };

	for (size_t i = 0; i < 6; i++)
		table_add(&t, i == 3 ? GREEN : PLAIN, cells[i]);
	memset(out, 0, sizeof(out));
	s.out = fmemopen(out, sizeof(out), "w");
	table_print(&t, &s);
	fclose(s.out);
	return out;
}

static void columns_align(void)
{
	eq_str(printed((struct screen){ .width = 80 }),
	       "NAME    RX  PATH\n"
	       "alice  12K  192.0.2.7:1\n");
}

static void a_narrow_screen_closes_the_gaps(void)
{
	eq_str(printed((struct screen){ .width = 22 }),
	       "NAME   RX PATH\n"
	       "alice 12K 192.0.2.7:1\n");
}

static void a_narrow_terminal_folds_the_last_column(void)
{
	eq_str(printed((struct screen){ .width = 20, .terminal = true }),
	       "NAME   RX\n    PATH\n"
	       "alice 12K\n    192.0.2.7:1\n");
}

static void colour_does_not_move_columns(void)
{
	eq_str(printed((struct screen){ .width = 80, .colour = true }),
	       "NAME    RX  PATH\n"
	       "\033[32malice\033[0m  12K  192.0.2.7:1\n");
}

static void no_colour_where_no_terminal_is(void)
{
	FILE *f = tmpfile();
	struct screen s;

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	s = screen_of(f);
	ok(!s.colour && !s.terminal);
	eq_int(s.width, 80);
	fclose(f);
}

TAP_TESTS(T(ages), T(sizes), T(round_trips), T(columns_align), T(a_narrow_screen_closes_the_gaps),
	  T(a_narrow_terminal_folds_the_last_column), T(colour_does_not_move_columns),
	  T(no_colour_where_no_terminal_is))
