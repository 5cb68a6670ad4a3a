/* command.h - what a command is, the exit codes, and how every command speaks. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"
#include "linux/store.h"

/* Design, section 11. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,       /* wrong usage or a malformed argument */
	EXIT_NOT_RUNNING = 3,
	EXIT_REFUSED = 4,
	EXIT_TIMED_OUT = 5,
};

struct command {
	const char *name;       /* one word, or two: "config show" */
	const char *summary;    /* for the list of `meshguard help` */
	const char *words;      /* positional words as the usage line shows them; "" for none */
	unsigned min_words, max_words;
	const struct option_spec *options;
	const char *text;       /* what it does; lines of at most 78 columns */
	const char *example;
	enum exit_code (*run)(const struct arguments *a);
	/* Instead of run: gets all words after the name as they are (`wireguard`, whose command
	 * line is that of another program). */
	int (*run_raw)(int argc, char **argv);
};

/* Ends with NULL; the order is that of `help`. */
extern const struct command *const commands[];

extern const struct command command_keygen, command_export, command_trust, command_revoke,
	command_up, command_down, command_status, command_ping, command_netcheck,
	command_config_show, command_version,
	command_wireguard, command_help, command_org_keygen, command_org_sign,
	command_org_join, command_org_vouch, command_org_revoke, command_org_alias, command_service,
	command_rotate, command_connect;

/* What --name and the like say about a word that is none. */
#define NAME_RULE                                                             \
	"a name is 1 to 63 letters, digits, '-', '_', '.', not starting with a dot"

/* One line on standard error: "meshguard: ...". Control characters become '?', for a part of it
 * may come from a file or the network. Returns its first argument. */
enum exit_code fail(enum exit_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same without an outcome. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* store_open and store_create; on a failure the line was printed. When the directory is not the one
 * that everybody would guess, says which it is. */
int open_store(struct store *s) must_check; /* -ENOENT says nothing: s->path is where it would be */
int create_store(struct store *s) must_check;

/* Makes the crypto libraries usable; false after a line on standard error. Any number of times. */
bool start_crypto(void) must_check;

/* The value of --interface, or mg0. False after a line: no name of an interface. */
bool chosen_interface(const struct arguments *a, const char **out) must_check;
#define INTERFACE_OPTION                                                      \
	{ .name = "interface", .kind = OPTION_TEXT, .value = "NAME",          \
	  .help = "the interface (default: mg0)" }
#define JSON_OPTION                                                           \
	{ .name = "json", .kind = OPTION_FLAG, .help = "stable output for programs" }

#endif
