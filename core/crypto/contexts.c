#include "crypto/contexts.h"
#include "base/bug.h"

#include <stddef.h>

static _Thread_local const struct crypto_contexts *current;

void crypto_use(const struct crypto_contexts *contexts)
{
	current = contexts;
}

const struct crypto_contexts *crypto_current(void)
{
	BUG_ON(!current);
	return current;
}
