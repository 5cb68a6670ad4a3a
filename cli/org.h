/* org.h - what the commands of an org share. */
#ifndef CLI_ORG_H
#define CLI_ORG_H

#include "cli/keys.h"

/* The org whose key lies in org/org.key. */
struct org {
	struct identity id;
	struct secret_key secret;
};

/* Opens the directory, too; on a failure nothing is open and the line was printed. */
enum exit_code open_org(struct store *s, struct org *out);
void close_org(struct store *s, struct org *org);
/* The clock, for what is dated with it; false after a line. */
bool clock_is_right(uint64_t *now) must_check;
/* The org cannot sign for itself, nor for a key that it revoked. */
enum exit_code refuse_org_itself(const struct org *org, const struct public_key *key);
enum exit_code refuse_revoked(struct store *s, const struct org *org, const struct public_key *key);
/* Writes the line of base64 into a new file, or to standard output ("-"). */
enum exit_code give_out(const char *path, struct bytes wire);

#endif
