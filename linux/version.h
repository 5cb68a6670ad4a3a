/* version.h - the version of the program. */
#ifndef LINUX_VERSION_H
#define LINUX_VERSION_H

#define MESHGUARD_VERSION "0.1.0"

#endif
