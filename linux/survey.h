/* survey.h - core/nat/survey and core/nat/lifetime with sockets of their own, without rights and
 * without a daemon; each function returns when it is over. */
#ifndef LINUX_SURVEY_H
#define LINUX_SURVEY_H

#include "nat/lifetime.h"
#include "nat/survey.h"

/* Asks those servers; seven seconds at the most. 0, or negative errno: no socket. */
int survey_run(struct survey *s, const struct endpoint *servers, unsigned count) must_check;
/* Measures by a server that can answer to another port of ours (survey_helper), silences up to
 * `most_s` seconds; some minutes. 0; -EOPNOTSUPP: the server does not do that; -ETIMEDOUT: it
 * went silent; or another negative errno. */
int survey_lifetime(struct lifetime *l, const struct endpoint *helper, uint16_t most_s) must_check;

#endif
