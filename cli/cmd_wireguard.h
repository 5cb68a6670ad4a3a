/* cmd_wireguard.h - the command line of a plain userspace WireGuard. */
#ifndef CLI_CMD_WIREGUARD_H
#define CLI_CMD_WIREGUARD_H

/* `meshguard wireguard WORDS`, and the whole program when it was called by a name that ends in
 * "meshguard-wireguard". argv[0] is that name, the words follow. Returns the exit status. */
int cmd_wireguard(int argc, char **argv);

#endif
