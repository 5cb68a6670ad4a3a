/* cmd_wireguard.c - `meshguard wireguard [-f] INTERFACE`.
 *
 * Words, environment and behaviour are those of wireguard-go, so that wg-quick and scripts can
 * name this program instead. Not a client of options.h: "-f" is the one short option there is.
 */
#include "cli/cmd_wireguard.h"

#include "cli/command.h"
#include "linux/priv.h"
#include "linux/version.h"
#include "linux/wgdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MTU 1420u

static const char usage[] =
	"Usage: meshguard wireguard [-f|--foreground] [--debug-keylog FILE] INTERFACE\n";

/* What the kernel takes as the name of an interface, without its patterns. */
static bool is_interface_name(const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return false;
	return true;
}

static enum exit_code wrong_word(const char *why, const char *word)
{
	return fail(EXIT_USAGE, "wireguard: %s '%s'; try 'meshguard wireguard --help'", why, word);
}

/* EXIT_DONE, and config->interface stays empty when there is nothing more to do. */
static enum exit_code read_words(struct priv_config *config, int argc, char **argv)
{
	static const char keylog[] = "--debug-keylog";
	const size_t keylog_len = sizeof(keylog) - 1;
	bool options = true;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (options && !strcmp(word, "--")) {
			options = false;
		} else if (options && (!strcmp(word, "-f") || !strcmp(word, "--foreground"))) {
			config->foreground = true;
		} else if (options && !strcmp(word, "--version")) {
			puts("meshguard " MESHGUARD_VERSION);
			config->interface[0] = 0;
			return EXIT_DONE;
		} else if (options && (!strcmp(word, "-h") || !strcmp(word, "--help"))) {
			fputs(usage, stdout);
			config->interface[0] = 0;
			return EXIT_DONE;
		} else if (options && !strcmp(word, keylog)) {
			if (i + 1 == argc)
				return wrong_word("a file must follow", word);
			config->keylog = argv[++i];
		} else if (options && !strncmp(word, keylog, keylog_len) &&
			   word[keylog_len] == '=' && word[keylog_len + 1]) {
			config->keylog = word + keylog_len + 1;
		} else if (options && word[0] == '-') {
			return wrong_word("unknown option", word);
		} else if (config->interface[0]) {
			return wrong_word("one interface is enough; unexpected", word);
		} else if (!is_interface_name(word)) {
			return wrong_word("not a name for an interface:", word);
		} else {
			memcpy(config->interface, word, strlen(word) + 1);
		}
	}
	if (!config->interface[0]) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

int cmd_wireguard(int argc, char **argv)
{
	struct priv_config config = { .mtu = DEFAULT_MTU };
	const char *foreground = secure_getenv("WG_PROCESS_FOREGROUND");

	const enum exit_code code = read_words(&config, argc, argv);
	if (code || !config.interface[0])
		return (int)code;
	if (foreground && !strcmp(foreground, "1"))
		config.foreground = true;
	config.detach = !config.foreground;
	return priv_run(&config, wgdev_child);
}
