/* plain.c - a tunnel without protocol and without encryption: what the TUN, the socket and the
 * checksums cost alone, with the same offloads and the same 32 bytes around each packet.
 *
 *	plain INTERFACE PORT PEER-ADDRESS
 *
 * The datagrams of anybody are taken; for measurements only. */
#include "linux/tun.h"
#include "linux/udp.h"
#include "packet/split.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 16u
#define OVERHEAD 32u
#define ITEMS 4096u
#define ARENA (8u << 20)
#define READS 64

static struct out items[ITEMS];
static uint8_t arena[ARENA], packet[65536];
static struct outbox out;
static struct udp_batch batch;

static void send_packet(const uint8_t *data, size_t len, const struct endpoint *to)
{
	uint8_t *at = outbox_reserve(&out, len + OVERHEAD);

	if (!at)
		return;
	memset(at, 4, HEAD);
	memcpy(at + HEAD, data, len);
	outbox_commit(&out, OUT_DATAGRAM, len + OVERHEAD)->to = *to;
}

static void from_tun(const struct tun *tun, struct udp *udp, const struct endpoint *to)
{
	uint8_t segment[65536];

	for (int i = 0; i < READS; i++) {
		struct offload o;
		struct split split;
		int n = tun_read(tun, packet, sizeof(packet), &o);

		if (n <= 0)
			break;
		if (o.kind == OFFLOAD_NONE && offload_checksum(packet, (size_t)n, &o))
			send_packet(packet, (size_t)n, to);
		if (o.kind != OFFLOAD_NONE && split_init(&split, bytes_of(packet, (size_t)n), &o))
			for (size_t len; (len = split_next(&split, segment)); )
				send_packet(segment, len, to);
		if (!outbox_has_room(&out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES)) {
			udp_send(udp, &out);
			outbox_clear(&out);
		}
	}
	udp_send(udp, &out);
	outbox_clear(&out);
}

static void from_udp(const struct tun *tun, struct udp *udp)
{
	if (udp_receive(udp, udp->fd4, &batch) <= 0)
		return;
	for (unsigned i = 0; i < batch.count; i++) {
		const struct udp_datagram *d = &batch.items[i];
		uint8_t *at;

		if (d->len <= OVERHEAD)
			continue;
		if (!outbox_has_room(&out, 1, d->len)) {
			tun_write(tun, &out);
			outbox_clear(&out);
		}
		at = outbox_reserve(&out, d->len - OVERHEAD);
		if (!at)
			continue;
		memcpy(at, d->data + HEAD, d->len - OVERHEAD);
		outbox_commit(&out, OUT_PACKET, d->len - OVERHEAD);
	}
	tun_write(tun, &out);
	outbox_clear(&out);
}

int main(int argc, char **argv)
{
	char name[IFNAMSIZ] = "";
	struct endpoint to = { .port = 0 };
	struct pollfd wait[2];
	struct in_addr peer;
	struct udp udp;
	struct tun tun;
	int fd;

	if (argc != 4 || strlen(argv[1]) >= sizeof(name) || !inet_aton(argv[3], &peer))
		return 2;
	memcpy(name, argv[1], strlen(argv[1]));
	to.port = (uint16_t)strtoul(argv[2], NULL, 10);
	to.ip = ip_of(FAMILY_IPV4, &peer);
	fd = tun_open(name, true);
	if (fd < 0 || udp_open(&udp, to.port, 0) || udp_batch_make(&batch)) {
		fprintf(stderr, "plain: no interface, or no socket\n");
		return 1;
	}
	tun_offload(&tun, fd, true, true);
	udp_offload(&udp, true, true);
	outbox_init(&out, items, ITEMS, arena, sizeof(arena));
	wait[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	wait[1] = (struct pollfd){ .fd = udp.fd4, .events = POLLIN };
	while (poll(wait, 2, -1) > 0) {
		if (wait[1].revents)
			from_udp(&tun, &udp);
		if (wait[0].revents)
			from_tun(&tun, &udp, &to);
	}
	return 1;
}
