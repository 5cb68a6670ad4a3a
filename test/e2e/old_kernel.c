/* old_kernel.c - an older kernel, or another network card, for a program: by LD_PRELOAD.
 *
 * OLD_KERNEL holds words: no-segment (UDP_SEGMENT is unknown, as before Linux 4.18), no-gro
 * (UDP_GRO is), lossy-gro (it is known, but before 5.12), no-uso (the TUN takes no UDP runs,
 * before 6.2), no-tso (nor TCP ones), eio (runs are refused as by a card without checksum
 * offload), emsgsize (as by a path that is too small for them). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#define SEGMENT 103
#define GRO 104
#define USO_BITS 0x60ul

static int is(const char *word)
{
	const char *words = getenv("OLD_KERNEL");

	return words && strstr(words, word);
}

static int is_run(const struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == SEGMENT)
			return 1;
	return 0;
}

static int refuses(const struct msghdr *m)
{
	if (!is_run(m))
		return 0;
	errno = is("eio") ? EIO : EMSGSIZE;
	return is("eio") || is("emsgsize");
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	int (*real)(int, int, int, const void *, socklen_t) = dlsym(RTLD_NEXT, "setsockopt");

	if (level == IPPROTO_UDP && ((name == SEGMENT && is("no-segment")) ||
				     (name == GRO && is("no-gro")))) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return real(fd, level, name, value, len);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
	va_list more;
	void *value;

	va_start(more, request);
	value = va_arg(more, void *);
	va_end(more);
	if (request == TUNSETOFFLOAD && (((unsigned long)value & USO_BITS && is("no-uso")) ||
					 (value && is("no-tso")))) {
		errno = EINVAL;
		return -1;
	}
	return real(fd, request, value);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t (*real)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, "sendmsg");

	return refuses(m) ? -1 : real(fd, m, flags);
}

/* What stands before a run that is refused goes out, as the kernel does it. */
int sendmmsg(int fd, struct mmsghdr *list, unsigned count, int flags)
{
	int (*real)(int, struct mmsghdr *, unsigned, int) = dlsym(RTLD_NEXT, "sendmmsg");
	unsigned n = 0;

	while (n < count && !refuses(&list[n].msg_hdr))
		n++;
	if (!n && count)
		return -1;
	return real(fd, list, n, flags);
}

int uname(struct utsname *name)
{
	int (*real)(struct utsname *) = dlsym(RTLD_NEXT, "uname");
	int err = real(name);

	if (!err && is("lossy-gro"))
		strcpy(name->release, "5.11.0");
	return err;
}
