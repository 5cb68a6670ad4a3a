#include "cli/qr.h"

#include "cli/command.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MARGIN 2 /* four were better, and are wider than 80 columns sooner */
#define LIGHT_ON_DARK "\033[97;40m"
#define LIGHT "\033[107m"
#define DARK "\033[40m"
#define AS_BEFORE "\033[m"

static bool is_dark(const QRcode *q, int x, int y)
{
	return x >= 0 && x < q->width && y >= 0 && y < q->width &&
	       q->data[y * q->width + x] & 1;
}

static void draw_halves(const QRcode *q, bool colours)
{
	static const char *const halves[] = { "\u2588", "\u2580", "\u2584", " " };

	for (int y = -MARGIN; y < q->width + MARGIN; y += 2) {
		fputs(colours ? LIGHT_ON_DARK : "", stderr);
		for (int x = -MARGIN; x < q->width + MARGIN; x++)
			fputs(halves[2 * is_dark(q, x, y) + is_dark(q, x, y + 1)], stderr);
		fputs(colours ? AS_BEFORE "\n" : "\n", stderr);
	}
}

static void draw_squares(const QRcode *q)
{
	for (int y = -MARGIN; y < q->width + MARGIN; y++) {
		for (int x = -MARGIN; x < q->width + MARGIN; x++) {
			fputs(is_dark(q, x, y) ? DARK : LIGHT, stderr);
			fputs("  ", stderr);
		}
		fputs(AS_BEFORE "\n", stderr);
	}
}

static bool shows_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool good = l && !strcmp(nl_langinfo_l(CODESET, l), "UTF-8");

	if (l)
		freelocale(l);
	return good;
}

void qr_print(const char *text)
{
	QRcode *q = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	bool terminal = isatty(STDERR_FILENO), squares = terminal && !shows_utf8();
	struct winsize size;
	int columns;

	if (!q) {
		note("no QR code can be made of it: %s", strerror(errno));
		return;
	}
	columns = (q->width + 2 * MARGIN) << squares;
	if (terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col &&
	    size.ws_col < columns)
		note("the QR code needs a terminal of %d columns%s, and this one has %u", columns,
		     squares ? " without UTF-8" : "", size.ws_col);
	else if (squares)
		draw_squares(q);
	else
		draw_halves(q, terminal);
	QRcode_free(q);
}
