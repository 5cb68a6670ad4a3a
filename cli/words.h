/* words.h - what a word of the command line stands for: a key, a file, a moment. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "base/bytes.h"
#include "cli/command.h"

/* The key that the word is, that the file of that name holds, or, for "-", standard input. Prints
 * the line of an error. */
enum exit_code key_of_word(const char *word, struct public_key *key);
/* What the file holds, or, for "-", standard input: at most cap bytes; `what` is what should be
 * there, for the line of an error ("a certificate"). */
enum exit_code text_of_word(const char *word, const char *what, char *out, size_t cap,
			    size_t *len);

/* "90d", "12h", "30m" from now on; "2027-01-31", its beginning in UTC; unix seconds. False if it is
 * none of these, or lies beyond the year 9999. */
bool parse_when(const char *text, uint64_t now, uint64_t *out) must_check;
/* "2027-01-31 00:00 UTC"; unix seconds beyond the year 9999. */
#define WHEN_TEXT 40u
void format_when(uint64_t when, char out[static WHEN_TEXT]);

/* "3 days": rounded, in the largest unit of which there are two. */
#define SPAN_TEXT 32u
void format_span(uint64_t seconds, char out[static SPAN_TEXT]);

/* The clock in unix seconds, or the time of this release, if the clock says less: then it is wrong,
 * and *wrong is set. */
uint64_t wall_clock(bool *wrong);

/* Writes a new file anywhere, whole or not at all (-EEXIST if there is one), or to standard output
 * for "-". 0 or negative errno. */
int write_out(const char *path, const char *text) must_check;

#endif
