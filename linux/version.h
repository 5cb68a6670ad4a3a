/* version.h - the version of the program. */
#ifndef LINUX_VERSION_H
#define LINUX_VERSION_H

#define MESHGUARD_VERSION "0.1.0"
/* Unix seconds: a clock that says less is wrong (design, section 3). 2026-11-27. */
#define MESHGUARD_RELEASED 1795737600u

#endif
