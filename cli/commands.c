/* commands.c - the table of all commands, and the two that have no file of their own. */
#include "cli/cmd_wireguard.h"
#include "cli/help.h"

const struct command *const commands[] = {
	&command_keygen, &command_export, &command_trust, &command_revoke,
	&command_rotate, &command_connect,
	&command_org_keygen, &command_org_sign, &command_org_join,
	&command_org_vouch, &command_org_revoke, &command_org_alias, &command_service,
	&command_up, &command_down, &command_status, &command_ping, &command_netcheck,
	&command_config_show,
	&command_wireguard, &command_version, &command_help, NULL,
};

const struct command command_wireguard = {
	.name = "wireguard",
	.summary = "a plain userspace WireGuard interface, without a mesh",
	.words = "[-f] [--debug-keylog FILE] INTERFACE",
	.text = "Makes a WireGuard interface that wg(8) and wg-quick(8) steer. It takes no part\n"
		"in any mesh and reads no configuration directory. -f stays in the foreground.\n"
		"It ends with its interface: ip link del INTERFACE. --debug-keylog writes session\n"
		"keys for Wireshark; dangerous.\n"
		"Also installed as meshguard-wireguard, for WG_QUICK_USERSPACE_IMPLEMENTATION.",
	.example = "sudo meshguard wireguard wg0 && sudo wg setconf wg0 wg0.conf",
	.run_raw = cmd_wireguard,
};

static enum exit_code run_help(const struct arguments *a)
{
	const struct command *c;
	unsigned words;

	if (a->word_count == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (a->word_count == 1 && print_group_help(a->words[0]))
		return EXIT_DONE;
	c = find_command(a->words[0], a->word_count > 1 ? a->words[1] : NULL, &words);
	if (!c)
		return EXIT_USAGE;
	if (words < a->word_count)
		return fail(EXIT_USAGE, "help: %s takes no word \"%.60s\"", c->name,
			    a->words[words]);
	print_command_help(c);
	return EXIT_DONE;
}

const struct command command_help = {
	.name = "help",
	.summary = "this list, or the help of one command",
	.words = "[COMMAND]",
	.max_words = 2,
	.text = "Without a word lists the commands. `meshguard COMMAND --help` says the same.",
	.example = "meshguard help trust",
	.run = run_help,
};
