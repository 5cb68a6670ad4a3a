/* help.h - finding a command by its words, and what help says about it. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

#include <stdio.h>

/* The command of one or two words (second may be NULL). NULL after a line on standard error that
 * names the nearest one; *words: how many of the two belong to the name. */
const struct command *find_command(const char *first, const char *second, unsigned *words);
void print_command_help(const struct command *c);
/* For the first word of commands of two words: the help of each. Their number. */
unsigned print_group_help(const char *first);
/* "meshguard trust KEY|FILE|- [--name NAME]" */
void format_usage(const struct command *c, char *out, size_t cap);
/* The list of all commands. */
void print_help(FILE *out);

#endif
