/* bug.h - checks of our own invariants; they stay in release builds.
 *
 * BUG_ON is for mistakes of ours, never for bytes from outside. It leaves the
 * place in bug_where and bug_what for the shell's SIGABRT handler, and aborts.
 */
#ifndef BASE_BUG_H
#define BASE_BUG_H

extern const char *volatile bug_where; /* "file:line", NULL while all is well */
extern const char *volatile bug_what;  /* the condition that held */

_Noreturn void bug_at(const char *where, const char *what);

#define BUG_STR2(x) #x
#define BUG_STR(x) BUG_STR2(x)
#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (__builtin_expect(!!(cond), 0))                            \
			bug_at(__FILE__ ":" BUG_STR(__LINE__), #cond);        \
	} while (0)

#define must_check __attribute__((warn_unused_result))
/* A local array that is filled before it is read: it need not be zeroed on the fast path. */
#define uninitialized __attribute__((uninitialized))

#endif
