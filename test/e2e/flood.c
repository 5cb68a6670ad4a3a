/* flood.c - sends garbage to a UDP port at a given rate, and counts what comes back.
 *
 *	flood ADDRESS PORT RATE SECONDS [FILE.pcap]
 *
 * A third is random bytes behind the first bytes of each kind of datagram there is; a third is real
 * datagrams to that port from the capture (Ethernet, IPv4 or IPv6, microseconds), replayed as they
 * are; a third is such ones cut off or with one bit changed. Without a capture all is random.
 * Prints: sent N BYTES answers N BYTES cookies N
 */
#define _GNU_SOURCE
#include "../generator.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define MAX_SAMPLES 512
#define MAX_LEN 1500

static struct sample { uint8_t data[MAX_LEN]; size_t len; } samples[MAX_SAMPLES];
static unsigned sample_count;
static uint8_t buffers[BATCH][MAX_LEN];

/* The UDP payload of an Ethernet frame to that port, or NULL. */
static const uint8_t *payload(const uint8_t *f, size_t len, unsigned port, size_t *out)
{
	size_t at = 14;

	if (len > 34 && f[12] == 8 && f[13] == 0 && f[23] == IPPROTO_UDP)
		at += (size_t)(f[14] & 15) * 4;
	else if (len > 54 && f[12] == 0x86 && f[13] == 0xdd && f[20] == IPPROTO_UDP)
		at += 40;
	else
		return NULL;
	if (len < at + 8 || (unsigned)(f[at + 2] << 8 | f[at + 3]) != port)
		return NULL;
	*out = len - at - 8;
	return f + at + 8;
}

static void read_samples(const char *path, unsigned port)
{
	uint32_t head[6], record[4];
	static uint8_t frame[65536];
	FILE *in = fopen(path, "rb");

	if (!in || fread(head, sizeof(head), 1, in) != 1)
		exit(1);
	while (sample_count < MAX_SAMPLES && fread(record, sizeof(record), 1, in) == 1) {
		struct sample *s = &samples[sample_count];
		const uint8_t *data;

		if (record[2] > sizeof(frame) || fread(frame, 1, record[2], in) != record[2])
			break;
		data = payload(frame, record[2], port, &s->len);
		if (!data || s->len > MAX_LEN)
			continue;
		memcpy(s->data, data, s->len);
		sample_count++;
	}
	fclose(in);
}

static size_t rubbish(uint8_t *out)
{
	static const uint8_t kinds[][4] = {
		{ 1, 0, 0, 0 }, { 2, 0, 0, 0 }, { 3, 0, 0, 0 }, { 4, 0, 0, 0 }, { 1, 1, 0, 0 },
		{ 0x40, 0, 0, 1 }, { 0xe1 }, { 0xe2 }, { 0xe3 }, { 0xe4 }, { 0xe6 },
	};
	static const size_t lengths[] = { 148, 92, 64, 32, 48, 100 };
	size_t len = any() & 1 ? lengths[any() % 6] : any() % 256;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t bytes = any();

		memcpy(out + i, &bytes, 8);
	}
	if (any() & 7 && len >= 4)
		memcpy(out, kinds[any() % (sizeof(kinds) / sizeof(*kinds))], 4);
	return len;
}

static size_t make(uint8_t *out)
{
	unsigned kind = sample_count ? any() % 3 : 0;
	const struct sample *s;
	size_t len;

	if (kind == 0)
		return rubbish(out);
	s = &samples[any() % sample_count];
	memcpy(out, s->data, s->len);
	len = s->len;
	if (kind == 1 || !len)
		return len;
	if (any() & 1)
		return any() % len;
	out[any() % len] ^= (uint8_t)(1u << any() % 8);
	return len;
}

int main(int argc, char **argv)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } to = { 0 };
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	unsigned long sent = 0, sent_bytes = 0, answers = 0, answer_bytes = 0, cookies = 0;
	uint8_t in[65536];
	ssize_t n;

	if (argc < 5)
		return 2;

	unsigned port = (unsigned)atoi(argv[2]);
	double rate = atof(argv[3]), seconds = atof(argv[4]);
	bool v6 = strchr(argv[1], ':');

	to.any.sa_family = v6 ? AF_INET6 : AF_INET;
	if (inet_pton(to.any.sa_family, argv[1],
		      v6 ? (void *)&to.v6.sin6_addr : (void *)&to.v4.sin_addr) != 1)
		return 2;
	to.v4.sin_port = htons((uint16_t)port); /* the same place in both */
	if (argc > 5)
		read_samples(argv[5], port);

	int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, &to.any, v6 ? sizeof(to.v6) : sizeof(to.v4)) < 0)
		return 1;

	double begin = now(), end = begin + seconds, t;

	while ((t = now()) < end) {
		if ((double)sent > (t - begin) * rate) {
			usleep(200);
			continue;
		}
		for (int i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){ buffers[i], make(buffers[i]) };
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		int done = sendmmsg(fd, messages, BATCH, 0);

		for (int i = 0; i < done; i++)
			sent_bytes += parts[i].iov_len;
		sent += done > 0 ? (unsigned long)done : 0;
		while ((n = recv(fd, in, sizeof(in), 0)) >= 0) {
			answers++;
			answer_bytes += (unsigned long)n;
			cookies += n == 64 && in[0] == 3;
		}
	}
	usleep(100000);
	while ((n = recv(fd, in, sizeof(in), 0)) >= 0) {
		answers++;
		answer_bytes += (unsigned long)n;
		cookies += n == 64 && in[0] == 3;
	}
	printf("sent %lu %lu answers %lu %lu cookies %lu\n", sent, sent_bytes, answers,
	       answer_bytes, cookies);
	return 0;
}
