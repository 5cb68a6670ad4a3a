/* tun.c - one packet a system call, in order. */
#include "linux/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int tun_open(char name[IFNAMSIZ])
{
	struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int err;

	const size_t len = strnlen(name, IFNAMSIZ);
	if (len == IFNAMSIZ)
		return -ENAMETOOLONG;
	memcpy(req.ifr_name, name, len);
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &req) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	memcpy(name, req.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = 0;
	return fd;
}

int tun_read(int fd, uint8_t *buf, size_t cap)
{
	for (;;) {
		const ssize_t n = read(fd, buf, cap);
		if (n >= 0)
			return (int)n;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return 0;
		/* EFAULT is what a reader gets that was inside while the interface went. */
		return errno == EFAULT ? -EBADFD : -errno;
	}
}

unsigned tun_write(int fd, const struct outbox *out)
{
	unsigned written = 0;

	for (uint32_t i = 0; i < out->count; i++) {
		const struct out *o = &out->items[i];
		ssize_t n;
		if (o->kind != OUT_PACKET)
			continue;
		do {
			n = write(fd, o->data, o->len);
		} while (n < 0 && errno == EINTR);
		written += n >= 0;
	}
	return written;
}
