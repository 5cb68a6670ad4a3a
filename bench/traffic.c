/* traffic.c - what iperf3 does not measure: datagrams as fast as they go, and questions.
 *
 *	traffic sink PORT                      until half a second passes without a datagram
 *	traffic flood ADDRESS PORT BYTES SECONDS [RUN [MBIT]]
 *	traffic answer PORT                    to datagrams and TCP bytes, until killed
 *	traffic ask-tcp ADDRESS PORT SECONDS
 *	traffic ask-udp ADDRESS PORT SECONDS BYTES OUTSTANDING
 *
 * RUN: so many datagrams in one message (UDP_SEGMENT); 1: each is a message, 64 in one call.
 * sink prints: datagrams N bytes N seconds S, from the first to the last. flood: sent N. Who asks:
 * answers N lost N p50 US p99 US. IPv4 alone. */
#include "../test/generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

#define BATCH 64u
#define ROOM 65536u
#define QUIET_MS 500
#define START_MS 10000        /* for the first datagram */
#define GIVE_UP_US 200000.0   /* a question without an answer was lost */
#define SAMPLES (1u << 22)
#define OUTSTANDING 256u

static uint8_t buffers[BATCH][ROOM];
static struct iovec parts[BATCH];
static struct mmsghdr list[BATCH];
static float samples[SAMPLES];

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };

	if (host && !inet_aton(host, &at.sin_addr))
		die(host);
	return at;
}

static int open_socket(int type, const struct sockaddr_in *at, int server)
{
	const int fd = socket(AF_INET, type, 0), yes = 1, room = 8 << 20;

	if (fd < 0)
		die("socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (server ? bind(fd, (const struct sockaddr *)at, sizeof(*at)) :
		     connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		die(server ? "bind" : "connect");
	return fd;
}

/* --- as fast as it goes */

/* How many datagrams a message holds: the kernel tells the length of each. */
static uint64_t datagrams_in(struct msghdr *m, unsigned len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int each;

		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&each, CMSG_DATA(c), sizeof(each));
		return each > 0 ? (len + (unsigned)each - 1) / (unsigned)each : 1;
	}
	return 1;
}

static int sink(const char *port)
{
	const struct sockaddr_in at = address(NULL, port);
	const int fd = open_socket(SOCK_DGRAM, &at, 1), yes = 1;
	static _Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(int))];
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint64_t datagrams = 0, bytes = 0;
	double first = 0, last = 0;

	(void)setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof(yes));
	while (poll(&wait, 1, datagrams ? QUIET_MS : START_MS) > 0) {
		int n;

		for (unsigned i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){ buffers[i], ROOM };
			list[i].msg_hdr = (struct msghdr){
				.msg_iov = &parts[i], .msg_iovlen = 1,
				.msg_control = control[i], .msg_controllen = sizeof(control[i]),
			};
		}
		n = recvmmsg(fd, list, BATCH, MSG_DONTWAIT, NULL);
		if (n <= 0)
			continue;
		last = now();
		if (!datagrams)
			first = last;
		for (int i = 0; i < n; i++) {
			datagrams += datagrams_in(&list[i].msg_hdr, list[i].msg_len);
			bytes += list[i].msg_len;
		}
	}
	printf("datagrams %llu bytes %llu seconds %.3f\n", (unsigned long long)datagrams,
	       (unsigned long long)bytes, last - first);
	return 0;
}

static int flood(char **argv, unsigned run, double mbit)
{
	const struct sockaddr_in to = address(argv[0], argv[1]);
	const int fd = open_socket(SOCK_DGRAM, &to, 0);
	const size_t len = strtoul(argv[2], NULL, 10);
	const double begin = now(), end = begin + strtod(argv[3], NULL);
	const unsigned messages = run > 1 ? 1 : BATCH;
	uint64_t sent = 0;
	int each = (int)len;

	if (!len || len * run > ROOM - 64)
		return 2;
	if (run > 1 && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &each, sizeof(each)))
		die("UDP_SEGMENT");
	for (unsigned i = 0; i < messages; i++) {
		parts[i] = (struct iovec){ buffers[i], len * run };
		list[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	for (double t = begin; t < end; t = now()) {
		int n;

		if (mbit > 0 && (double)sent * (double)len * 8 > (t - begin) * mbit * 1e6) {
			usleep(100);
			continue;
		}
		n = sendmmsg(fd, list, messages, 0);
		if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED)
			die("sendmmsg");
		sent += n > 0 ? (uint64_t)n * run : 0;
	}
	printf("sent %llu\n", (unsigned long long)sent);
	return 0;
}

/* --- questions and answers */

static int answer(const char *port)
{
	const struct sockaddr_in at = address(NULL, port);
	const int udp = open_socket(SOCK_DGRAM, &at, 1), tcp = open_socket(SOCK_STREAM, &at, 1);
	struct pollfd wait[3] = { { .fd = udp, .events = POLLIN }, { .fd = tcp, .events = POLLIN },
				  { .fd = -1, .events = POLLIN } };
	struct sockaddr_in from[BATCH];

	if (listen(tcp, 1))
		die("listen");
	for (;;) {
		const int yes = 1;
		ssize_t n;

		if (poll(wait, 3, -1) < 0)
			die("poll");
		if (wait[1].revents) {
			close(wait[2].fd);
			wait[2].fd = accept(tcp, NULL, NULL);
			(void)setsockopt(wait[2].fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
			continue;
		}
		if (wait[2].revents) {
			n = recv(wait[2].fd, buffers[0], ROOM, 0);
			if (n <= 0 || send(wait[2].fd, buffers[0], (size_t)n, MSG_NOSIGNAL) != n) {
				close(wait[2].fd);
				wait[2].fd = -1;
			}
		}
		if (!wait[0].revents)
			continue;
		for (unsigned i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){ buffers[i], ROOM };
			list[i].msg_hdr = (struct msghdr){
				.msg_iov = &parts[i], .msg_iovlen = 1,
				.msg_name = &from[i], .msg_namelen = sizeof(from[i]),
			};
		}
		n = recvmmsg(udp, list, BATCH, MSG_DONTWAIT, NULL);
		for (ssize_t i = 0; i < n; i++)
			parts[i].iov_len = list[i].msg_len;
		if (n > 0)
			(void)sendmmsg(udp, list, (unsigned)n, 0);
	}
}

static int by_value(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void report(uint64_t answers, uint64_t lost)
{
	const size_t n = answers < SAMPLES ? answers : SAMPLES;

	qsort(samples, n, sizeof(*samples), by_value);
	printf("answers %llu lost %llu p50 %.1f p99 %.1f\n", (unsigned long long)answers,
	       (unsigned long long)lost, n ? samples[n / 2] : 0, n ? samples[n * 99 / 100] : 0);
}

static int ask_tcp(char **argv)
{
	const struct sockaddr_in to = address(argv[0], argv[1]);
	const int fd = open_socket(SOCK_STREAM, &to, 0);
	const double end = now() + strtod(argv[2], NULL);
	uint64_t answers = 0;

	for (double t = now(), then; t < end; t = then) {
		char byte = 'x';

		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
			die("the connection");
		then = now();
		samples[answers++ % SAMPLES] = (float)((then - t) * 1e6);
	}
	report(answers, 0);
	return 0;
}

struct question { uint64_t number; double at; };

static struct question open_questions[OUTSTANDING];

static void ask(int fd, uint32_t slot, size_t len)
{
	struct question *q = &open_questions[slot];
	uint8_t text[2048] = { 0 };

	q->number++;
	q->at = now();
	memcpy(text, &slot, sizeof(slot));
	memcpy(text + sizeof(slot), &q->number, sizeof(q->number));
	(void)!send(fd, text, len, 0);
}

static int ask_udp(char **argv)
{
	const struct sockaddr_in to = address(argv[0], argv[1]);
	const int fd = open_socket(SOCK_DGRAM, &to, 0);
	const double end = now() + strtod(argv[2], NULL);
	const size_t len = strtoul(argv[3], NULL, 10);
	const uint32_t outstanding = (uint32_t)strtoul(argv[4], NULL, 10);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint64_t answers = 0, lost = 0, number;
	uint8_t text[2048];
	double checked = 0, t;

	if (len < 16 || len > sizeof(text) || !outstanding || outstanding > OUTSTANDING)
		return 2;
	for (uint32_t i = 0; i < outstanding; i++)
		ask(fd, i, len);
	while ((t = now()) < end) {
		uint32_t slot = outstanding;

		if (recv(fd, text, sizeof(text), MSG_DONTWAIT) == (ssize_t)len) {
			memcpy(&slot, text, sizeof(slot));
			memcpy(&number, text + sizeof(slot), sizeof(number));
		} else {
			poll(&wait, 1, 50);
		}
		if (slot < outstanding && number == open_questions[slot].number) {
			const double took = now() - open_questions[slot].at;

			samples[answers++ % SAMPLES] = (float)(took * 1e6);
			ask(fd, slot, len);
		}
		if (t < checked + GIVE_UP_US / 1e6)
			continue;
		checked = t;
		for (uint32_t i = 0; i < outstanding; i++) {
			if (t - open_questions[i].at > GIVE_UP_US / 1e6) {
				lost++;
				ask(fd, i, len);
			}
		}
	}
	report(answers, lost);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "sink"))
		return sink(argv[2]);
	if (!strcmp(what, "answer"))
		return answer(argv[2]);
	if (!strcmp(what, "flood") && argc >= 6)
		return flood(argv + 2, argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 1,
			     argc > 7 ? strtod(argv[7], NULL) : 0);
	if (!strcmp(what, "ask-tcp") && argc == 5)
		return ask_tcp(argv + 2);
	if (!strcmp(what, "ask-udp") && argc == 7)
		return ask_udp(argv + 2);
	return 2;
}
