/* dies.h - checks that a call ends in bug_at(): it runs in a child, which must abort. */
#ifndef TEST_DIES_H
#define TEST_DIES_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* True if run(arg) aborted. */
static inline bool dies(void (*run)(void *arg), void *arg)
{
	const struct rlimit no_core = { 0, 0 };
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		run(arg);
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status)
	       && WTERMSIG(status) == SIGABRT;
}

#endif
