/* tun.c - packets in order. With headers one read gives, and one write takes, up to 64 KiB of a
 * flow: the kernel has then one packet to look at where it had dozens, and one call is enough.
 *
 * Merged is only what follows each other in the outbox. What a peer's kernel gave as one packet
 * comes as a run of datagrams, so its segments are neighbours, and no packet overtakes another. */
#include "linux/tun.h"

#include "packet/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

int tun_open(char name[IFNAMSIZ], bool headers)
{
	struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int err;

	if (headers)
		req.ifr_flags |= IFF_VNET_HDR;
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

void tun_offload(struct tun *t, int fd, bool segments, bool uso)
{
	const unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	struct ifreq req = { 0 };

	*t = (struct tun){ .fd = fd };
	t->headers = fd >= 0 && !ioctl(fd, TUNGETIFF, &req) && (req.ifr_flags & IFF_VNET_HDR);
	if (!t->headers)
		return;
	t->uso = segments && uso && !ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6);
	t->segments = segments && (t->uso || !ioctl(fd, TUNSETOFFLOAD, tso));
	if (!t->segments)
		(void)ioctl(fd, TUNSETOFFLOAD, 0ul);
}

static bool take_header(const struct virtio_net_hdr *h, struct offload *o)
{
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		o->kind = OFFLOAD_TCP;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		o->kind = OFFLOAD_UDP;
		break;
	default:
		return false;
	}
	o->segment = h->gso_size;
	o->needs_checksum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	o->checksum_at = h->csum_start;
	o->checksum_offset = h->csum_offset;
	return true;
}

int tun_read(const struct tun *t, uint8_t *buf, size_t cap, struct offload *o)
{
	struct virtio_net_hdr header = { 0 };
	struct iovec to[2] = { { &header, sizeof(header) }, { buf, cap } };

	*o = (struct offload){ .kind = OFFLOAD_NONE };
	for (;;) {
		const ssize_t n = t->headers ? readv(t->fd, to, 2) : read(t->fd, buf, cap);

		if (n >= 0 && !t->headers)
			return (int)n;
		if (n > (ssize_t)sizeof(header) && take_header(&header, o))
			return (int)(n - (ssize_t)sizeof(header));
		if (n >= 0 || errno == EINTR)
			continue; /* of a kind that nobody asked for */
		if (errno == EAGAIN)
			return 0;
		/* EFAULT is what a reader gets that was inside while the interface went. */
		return errno == EFAULT ? -EBADFD : -errno;
	}
}

static bool write_all(const struct tun *t, const struct offload *o, struct iovec *parts,
		      unsigned count)
{
	struct virtio_net_hdr header = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
	ssize_t n;

	if (o->kind != OFFLOAD_NONE) {
		header = (struct virtio_net_hdr){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = o->kind == OFFLOAD_UDP ? VIRTIO_NET_HDR_GSO_UDP_L4 :
				    o->checksum_at == 20 ? VIRTIO_NET_HDR_GSO_TCPV4 :
							   VIRTIO_NET_HDR_GSO_TCPV6,
			.hdr_len = o->header_len, .gso_size = o->segment,
			.csum_start = o->checksum_at, .csum_offset = o->checksum_offset,
		};
	}
	parts[0] = (struct iovec){ &header, sizeof(header) };
	do {
		n = t->headers ? writev(t->fd, parts, (int)count) :
				 write(t->fd, parts[1].iov_base, parts[1].iov_len);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* The next OUT_PACKET at or after `at`, or out->count. */
static uint32_t next_packet(const struct outbox *out, uint32_t at)
{
	while (at < out->count && out->items[at].kind != OUT_PACKET)
		at++;
	return at;
}

unsigned tun_write(const struct tun *t, const struct outbox *out)
{
	struct iovec parts[1 + MERGE_MOST];
	unsigned written = 0;

	for (uint32_t i = next_packet(out, 0), next; i < out->count; i = next) {
		const struct out *o = &out->items[i];
		struct offload left = { .kind = OFFLOAD_NONE };
		unsigned count = 1;
		struct merge m;

		parts[count++] = (struct iovec){ o->data, o->len };
		next = next_packet(out, i + 1);
		if (t->segments && next < out->count && merge_begin(&m, o->data, o->len) &&
		    (m.is_tcp || t->uso)) {
			struct bytes more;

			for (; next < out->count; next = next_packet(out, next + 1)) {
				const struct out *also = &out->items[next];

				if (!merge_add(&m, also->data, also->len, &more))
					break;
				parts[count++] = (struct iovec){
					also->data + (more.data - also->data), more.len };
			}
			merge_end(&m, &left);
		}
		written += write_all(t, &left, parts, count);
	}
	return written;
}
