#include "base/bug.h"

#include <stdlib.h>

const char *volatile bug_where;
const char *volatile bug_what;

_Noreturn void bug_at(const char *where, const char *what)
{
	bug_what = what;
	bug_where = where;
	abort();
}
