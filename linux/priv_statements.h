/* priv_statements.h - the folder of signed statements, read again and again, and written to.
 *
 * Checking a signature takes 0.1 ms: so it is done for a few files at a time, and a file that is
 * as it was at the last reading is not read again. What an org said that is not trusted is not read
 * at all, and takes no room; it counts again when the org is trusted again. The node process has
 * statements from the network kept here, which it has verified; it is not believed: what is written
 * and told from then on is signed, as the files of the owner are.
 */
#ifndef LINUX_PRIV_STATEMENTS_H
#define LINUX_PRIV_STATEMENTS_H

#include "linux/priv.h"
#include "linux/priv_keys.h"
#include "linux/priv_unusable.h"
#include "linux/store_orgs.h"

#define STATEMENTS_MOST 16384u             /* files; daemons write no more either */
#define STATEMENTS_OTHERS (STATEMENTS_MOST / 2) /* of these that are no revocations */

#define STATEMENT_NAME (STORE_ORGS_FILE - sizeof(STATEMENT_FOLDER))

enum statement_state { STATEMENT_UNCHECKED, STATEMENT_GOOD, STATEMENT_BAD };

struct statement_entry {
	char name[STATEMENT_NAME];         /* of the file */
	struct store_stamp stamp;
	enum statement_state state;
	bool ours;                         /* written here since the last reading */
	uint16_t len;
	uint8_t wire[MAX_STATEMENT];
};

struct statement_folder {
	struct statement_entry *entries;   /* sorted by name */
	uint32_t count, cap, others;
	struct statement_entry *before;    /* the state read before, until .._settle */
	uint32_t before_count;
	uint32_t next;                     /* to be checked, then to be told */
	int error;                         /* the folder could not be read: negative errno */
	bool lost;                         /* a revocation could not be read, or was one too many */
	bool passing;                      /* what failed may be better soon, untold */
};

/* Lists those of the orgs, and the successors; with an error it holds nothing, and s->error says
 * why. */
void statement_folder_list(struct statement_folder *f, struct store *s,
			   const struct key_folder *orgs, struct unusable *u);
/* Reads and checks some of them; what is unusable is told. True when all are checked. */
bool statement_folder_check(struct statement_folder *f, struct store *s, struct unusable *u);
/* True if the last reading gave what the one before it did. */
bool statement_folder_is_same(const struct statement_folder *f);
void statement_folder_settle(struct statement_folder *f);
void statement_folder_free(struct statement_folder *f);

/* One after the other from the first: the next good one, NULL after the last. */
void statement_folder_rewind(struct statement_folder *f);
const struct statement_entry *statement_folder_next(const struct statement_folder *f);
void statement_folder_sent(struct statement_folder *f);

/* Writes what the node process wishes to be kept. 0 also where the file holds what counts more,
 * and unwritten where the issuer is none of the orgs;
 * -EINVAL: the bytes are not signed, or are not the statement that the rest of *p tells of;
 * -EDQUOT: there are so many that no more of this kind are kept; as store_write. */
int statement_folder_save(struct statement_folder *f, struct store *s,
			  const struct key_folder *orgs, const struct priv_statement *p) must_check;
/* True if a file of that name was written here since the last reading. */
bool statement_folder_wrote(const struct statement_folder *f, const char *name);

#endif
