/* limits.h - every capacity in one place. Configurable ones name their default. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define MESH_PORT 51821u
#define MESH_MTU 1420u
#define MAX_MEMBERS 16384u        /* default; admitted keys, members, wg peers of a mesh */
#define MOST_MEMBERS 65536u       /* that it may be set to */
#define MAX_DATAGRAM 1232u        /* control datagrams, section 4 of the design */
#define MAX_SEALED (MAX_DATAGRAM - 4u) /* those that may go through a relay */
#define MAX_RECORD 400u           /* one signed node record */
#define MAX_CERTIFICATE 512u      /* one certificate of an org */
#define MAX_STATEMENT 220u        /* one signed statement */
#define MAX_NAME 63u              /* bytes of a name, without terminator */
#define MAX_CANDIDATES 8u         /* endpoints a record may claim */
#define MAX_SEEDS 64u
#define MAX_PACKET 65535u         /* one IP packet or datagram */

#endif
