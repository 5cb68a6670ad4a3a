#include "cli/command.h"
#include "linux/version.h"

#include <stdio.h>

static enum exit_code run(const struct arguments *a)
{
	(void)a;
	printf("meshguard %s\n", MESHGUARD_VERSION);
	return EXIT_DONE;
}

const struct command command_version = {
	.name = "version",
	.summary = "the version of this program",
	.words = "",
	.text = "Prints one line. `meshguard --version` says the same.",
	.example = "meshguard version",
	.run = run,
};
