/* flows.c - UDP packets over many flows through whatever leads to an address.
 *
 *	flows ADDRESS FIRST-PORT FLOWS BYTES SECONDS
 *
 * Each packet goes to a port of its own, in random order; first each once. All come from port 9999,
 * so that another run goes on with the same flows. Prints: sent N */
#include "../test/generator.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64u

int main(int argc, char **argv)
{
	static uint8_t bytes[1400];
	static struct sockaddr_in to[BATCH];
	static struct mmsghdr list[BATCH];
	struct iovec iov = { .iov_base = bytes };
	const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(9999) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t sent = 0, flows, first;
	double end;

	if (argc != 6 || fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0)
		return 2;
	first = strtoul(argv[2], NULL, 10);
	flows = strtoul(argv[3], NULL, 10);
	iov.iov_len = strtoul(argv[4], NULL, 10);
	if (iov.iov_len > sizeof(bytes) || !flows || first + flows > 65536)
		return 2;
	for (unsigned i = 0; i < BATCH; i++) {
		to[i].sin_family = AF_INET;
		if (!inet_aton(argv[1], &to[i].sin_addr))
			return 2;
		list[i].msg_hdr = (struct msghdr){ .msg_name = &to[i], .msg_namelen = sizeof(*to),
						   .msg_iov = &iov, .msg_iovlen = 1 };
	}
	for (end = now() + strtod(argv[5], NULL); now() < end; ) {
		int n;

		for (unsigned i = 0; i < BATCH; i++) {
			uint64_t flow = sent + i < flows ? sent + i : any() % flows;

			to[i].sin_port = htons((uint16_t)(first + flow));
		}
		n = sendmmsg(fd, list, BATCH, 0);
		sent += n > 0 ? (uint64_t)n : 0;
	}
	printf("sent %llu\n", (unsigned long long)sent);
	return 0;
}
