/* Configuration lines: whatever is set, what get shows of it can be set again and shows the
 * same, on the same device and on a new one. */
#include "wg_engine.h"

#include "wg/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct shown {
	char text[16384];
	size_t len;
};

static void sink(void *ctx, const char *text, size_t len)
{
	struct shown *s = ctx;

	BUG_ON(len > sizeof(s->text) - s->len);
	memcpy(s->text + s->len, text, len);
	s->len += len;
}

static void show(const struct uapi_device *d, struct shown *s)
{
	s->len = 0;
	uapi_get(d, false, fuzz_start().boot, sink, s);
}

static size_t line_end(const char *text, size_t at, size_t len)
{
	while (at < len && text[at] != '\n')
		at++;
	return at;
}

static int set(struct uapi_device *d, struct outbox *out, const char *text, size_t len)
{
	struct uapi_set s;

	uapi_set_init(&s, d);
	for (size_t at = 0, end; at < len; at = end + 1) {
		end = line_end(text, at, len);
		uapi_set_line(&s, text + at, end - at, fuzz_start(), out);
		BUG_ON(out->refused);
		outbox_clear(out);
	}
	return uapi_set_end(&s, fuzz_start(), out);
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Leaves out what only get says. */
static size_t settable(char *out, const struct shown *s)
{
	size_t n = 0;

	for (size_t at = 0, end; at < s->len; at = end + 1) {
		const char *line = s->text + at;

		end = line_end(s->text, at, s->len);
		if (starts(line, "last_handshake_") || starts(line, "tx_bytes=") ||
		    starts(line, "rx_bytes="))
			continue;
		memcpy(out + n, line, end + 1 - at);
		n += end + 1 - at;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct shown first, second;
	static char lines[sizeof(first.text)];
	struct fuzz_engine *e = fuzz_engine();
	struct uapi_device d = { .wg = e->wg, .routes = e->routes };
	size_t len;

	wg_set_up(e->wg, false, fuzz_start(), &e->out); /* counts of bytes stay zero */
	set(&d, &e->out, (const char *)data, size);
	show(&d, &first);
	len = settable(lines, &first);
	BUG_ON(set(&d, &e->out, lines, len));
	show(&d, &second);
	BUG_ON(first.len != second.len || memcmp(first.text, second.text, first.len));

	e = fuzz_engine();
	d = (struct uapi_device){ .wg = e->wg, .routes = e->routes };
	BUG_ON(set(&d, &e->out, lines, len));
	show(&d, &second);
	BUG_ON(first.len != second.len || memcmp(first.text, second.text, first.len));
	return 0;
}
