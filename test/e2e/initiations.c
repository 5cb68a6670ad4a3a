/* initiations.c - handshake initiations with a right mac1 from many addresses that are not its own:
 * all that it takes is the public key of whom they are for.
 *
 *	initiations KEY ADDRESS PORT SOURCES RATE SECONDS
 *
 * KEY: base64, an Ed25519 key of the mesh, or with "x25519:" before it one of WireGuard. SOURCES:
 * an IPv4 address whose last 16 bits are drawn for each datagram, and the port, too. CAP_NET_RAW.
 * Prints: sent N BYTES cpu SECONDS */
#include "../generator.h"

#include "base/cursor.h"
#include "base/rng.h"
#include "contexts.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "identity/keyfile.h"
#include "wg/messages.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64u
#define HEADERS 28u

static uint8_t packets[BATCH][HEADERS + sizeof(struct message_initiation)];

/* IPv4 and UDP without checksum; the kernel fills in the one of IPv4. */
static void make(uint8_t *p, uint32_t from, uint32_t to, uint16_t port, const struct hash *mac1_key)
{
	struct message_initiation m = { .type = { MESSAGE_INITIATION } };
	struct writer w = wr_of(p, HEADERS + sizeof(m));
	uint64_t noise;

	for (size_t i = 4; i + 8 <= offsetof(struct message_initiation, mac1); i += 8) {
		noise = any();
		memcpy((uint8_t *)&m + i, &noise, sizeof(noise));
	}
	blake2s_mac(m.mac1, mac1_key->b, sizeof(mac1_key->b),
		    bytes_of(&m, offsetof(struct message_initiation, mac1)));
	noise = any();
	wr_be32(&w, 0x45000000 | (uint32_t)(HEADERS + sizeof(m)));
	wr_be32(&w, (uint32_t)(noise >> 32) << 16);
	wr_be16(&w, 64 << 8 | IPPROTO_UDP);
	wr_be16(&w, 0);
	wr_be32(&w, (from & 0xffff0000) | (uint32_t)(noise & 0xffff));
	wr_be32(&w, to);
	wr_be16(&w, (uint16_t)(1024 + (noise >> 16) % 60000));
	wr_be16(&w, port);
	wr_be16(&w, (uint16_t)(8 + sizeof(m)));
	wr_be16(&w, 0);
	wr_bytes(&w, &m, sizeof(m));
}

static bool read_key(const char *text, struct hash *mac1_key)
{
	struct public_key key;
	struct dh_public dh;
	size_t len = 0;
	const bool plain = !strncmp(text, "x25519:", 7);

	text += plain ? 7 : 0;
	if (plain ? sodium_base642bin(dh.b, sizeof(dh.b), text, strlen(text), NULL, &len, NULL,
				      sodium_base64_VARIANT_ORIGINAL) || len != sizeof(dh.b) :
		    public_key_parse(text, strlen(text), &key) || !ed25519_to_dh_public(&dh, &key))
		return false;
	blake2s(mac1_key, bytes_of("mac1----", 8), bytes_of(dh.b, sizeof(dh.b)));
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct mmsghdr list[BATCH] = { 0 };
	struct iovec parts[BATCH];
	struct in_addr sources;
	struct hash mac1_key;
	struct rusage used;
	uint64_t sent = 0;

	test_crypto();
	if (argc != 7 || !read_key(argv[1], &mac1_key) || !inet_aton(argv[2], &to.sin_addr) ||
	    !inet_aton(argv[4], &sources) ||
	    getrandom(&any_state, sizeof(any_state), 0) != sizeof(any_state))
		return 2;
	const uint16_t port = (uint16_t)strtoul(argv[3], NULL, 10);
	const double rate = strtod(argv[5], NULL), begin = now();
	const double end = begin + strtod(argv[6], NULL);
	const int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0) {
		perror("socket");
		return 1;
	}
	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ packets[i], sizeof(packets[i]) };
		list[i].msg_hdr = (struct msghdr){ .msg_name = &to, .msg_namelen = sizeof(to),
						   .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	for (double t; (t = now()) < end; ) {
		int n;

		if ((double)sent > (t - begin) * rate) {
			usleep(200);
			continue;
		}
		for (unsigned i = 0; i < BATCH; i++)
			make(packets[i], ntohl(sources.s_addr), ntohl(to.sin_addr.s_addr), port,
			     &mac1_key);
		n = sendmmsg(fd, list, BATCH, 0);
		sent += n > 0 ? (uint64_t)n : 0;
	}
	getrusage(RUSAGE_SELF, &used);
	printf("sent %llu %llu cpu %.2f\n", (unsigned long long)sent,
	       (unsigned long long)(sent * sizeof(struct message_initiation)),
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	return 0;
}
