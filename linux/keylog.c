/* keylog.c - Wireshark takes a PRESHARED_KEY for the handshake of the LOCAL_EPHEMERAL_PRIVATE_KEY
 * last read, so that one comes after it; the static keys may repeat. */
#include "linux/keylog.h"

#include "base/text.h"

#include <unistd.h>

static void line(struct text *t, const char *what, const void *key)
{
	char coded[BASE64_LEN(32) + 1];

	base64_encode(key, 32, coded, sizeof(coded));
	text_add(t, what);
	text_add(t, " = ");
	text_add(t, coded);
	text_char(t, '\n');
	wipe(coded, sizeof(coded));
}

void keylog_write(void *fd, const struct wg_keylog *log)
{
	const int out = *(const int *)fd;
	char buf[512];
	struct text t = text_of(buf, sizeof(buf));

	if (out < 0)
		return;
	if (log->local_static)
		line(&t, "LOCAL_STATIC_PRIVATE_KEY", log->local_static->b);
	if (log->remote_static)
		line(&t, "REMOTE_STATIC_PUBLIC_KEY", log->remote_static->b);
	if (log->local_ephemeral)
		line(&t, "LOCAL_EPHEMERAL_PRIVATE_KEY", log->local_ephemeral->b);
	if (log->preshared)
		line(&t, "PRESHARED_KEY", log->preshared->b);
	BUG_ON(t.truncated);
	const ssize_t n = write(out, buf, t.len);
	(void)n; /* a full disk must not stop tunnels */
	wipe(buf, sizeof(buf));
}
