/* linux/keylog.h - the debug key log, in the format of Wireshark's wg.keylog_file. */
#ifndef LINUX_KEYLOG_H
#define LINUX_KEYLOG_H

#include "wg/wg.h"

/* For wg_config.keylog; keylog_ctx points to the descriptor of the file (-1: nothing is
 * written). A group of lines is one write; a failed one is lost. The file opens all traffic of
 * the sessions in it: it is for debugging, and only made when asked for. */
void keylog_write(void *fd, const struct wg_keylog *log);

#endif
