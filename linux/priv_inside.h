/* priv_inside.h - what the files of the privileged process share; nobody else includes this. */
#ifndef LINUX_PRIV_INSIDE_H
#define LINUX_PRIV_INSIDE_H

#include "linux/priv.h"
#include "linux/rtnetlink.h"
#include "linux/udp.h"

#include <sys/types.h>

#define PRIV_FIRST_NOTICE 64u /* kinds below are requests and their answers */

/* A socket in the file system that is removed when we end, if it is still the one we made. */
struct priv_socket {
	int fd;              /* the listener; -1: none */
	char path[108];
	dev_t dev;
	ino_t ino;
};

struct priv {
	const struct priv_config *config;
	struct priv_child *child; /* in locked pages of its own */
	struct store store;
	struct rtnl netlink;
	int link;                 /* index of the interface we made; 0: none */
	struct public_key second; /* the other key, the last one: */
	bool has_second;          /* there was one */
	unsigned ipv4_indexes[2]; /* of both keys: a bit for each mesh address that it has */
	int interface_lock;
	int port_lock;
	struct udp udp;           /* our copies: marks need rights */
	uint32_t mark;
	int mdns;                 /* the end of the mDNS helper's, or -1 */
	int dns[2];               /* copies of the name server's sockets, v4 and v6; -1: none */
	struct priv_socket control, uapi;
	char state_path[PATH_MAX];
	unsigned place;           /* of run time state */
	int channel;              /* our ends: notices */
	int requests;
	int ready;                /* the child writes one byte; -1: nobody waits */
	int launcher;             /* who waits for the byte, or -1 */
	pid_t node;               /* the child */
	uid_t uid;                /* whom the child becomes */
	gid_t gid;
};

/* One line on standard error, "meshguard: " before it. */
void priv_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Standard input, output and error become /dev/null. */
void priv_silence(void);

/* priv_setup.c: fills p and *p->child. 0, or the exit status after a line was printed. */
int priv_setup(struct priv *p) must_check;
/* Takes away all that priv_setup made; for a half-made one too. */
void priv_cleanup(struct priv *p);
/* The main key's name is on the interface. 0, or negative errno. */
int priv_alias(struct priv *p) must_check;
/* The name in the store of what PRIV_SAVE saves, or NULL. */
const char *priv_saved_name(unsigned which);

/* priv_files.c: 0, or the exit status after a line was printed */
int priv_listen_control(struct priv *p) must_check;
int priv_listen_uapi(struct priv *p) must_check;
int priv_open_keylog(const char *path) must_check; /* a descriptor, or -1 */
int priv_write_state(struct priv *p) must_check;
void priv_socket_remove(struct priv_socket *s);
bool priv_socket_is_there(const struct priv_socket *s);

/* priv_drop.c */
struct priv_drop {
	uid_t uid;
	gid_t gid;
	pid_t parent;        /* its death is ours; 0: it is not */
	const char *name;    /* of the process, at most 15 characters */
	const int *keep;     /* descriptors beside 0, 1, 2; negative ones do not count */
	unsigned keep_count;
};
/* Closes all descriptors from 3 on but these. */
void priv_close_all_but(const int *keep, unsigned count);
/* Gives up all rights for good. 0, or negative errno with *what naming the step that failed: the
 * process must end then. */
int priv_drop(const struct priv_drop *d, const char **what) must_check;
/* Whom a process without rights becomes: the user `name`, and `uid` and `gid` without such. */
void priv_user(const char *name, uid_t *uid, gid_t *gid);

/* priv_channel.c: one message. Data beyond data_len do not travel. */
int channel_send(int fd, const struct priv_message *m, const int *fds, unsigned n) must_check;
/* 1, 0 when nothing waits, -EPIPE when the other end is gone, -EBADMSG. fds: -1 for none; the
 * caller owns what it gets. */
int channel_receive(int fd, struct priv_message *m, int fds[2]) must_check;
/* All zero, padding too. */
void message_init(struct priv_message *m, uint32_t kind);

/* priv_address.c: one of our own, with the length of its net (host bits stay), onto the interface
 * or off it; additional: see PRIV_ADDRESS. 0, or negative errno: -EPERM for what is not ours. */
int priv_change_address(struct priv *p, const struct prefix *a, bool add,
			bool additional) must_check;
/* The node process was told of its keys: main, and the second one as long as there is one. */
void priv_keys_told(struct priv *p, const struct public_key *main,
		    const struct public_key *second);

/* It derives from our main key. */
bool priv_is_own_ipv4(const struct priv *p, const struct ip *ip);

/* priv_dns.c: opens p->dns anew. 0, or negative errno. */
int priv_dns_open(struct priv *p, const struct ip *ipv4) must_check;
void priv_dns_close(struct priv *p);

/* priv_serve.c: until the child ended; the exit status. */
int priv_serve(struct priv *p) must_check;

#endif
