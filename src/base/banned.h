/* SPDX-License-Identifier: MIT */
/*
 * Functions that have no safe use here; force-included into every file by the build. Numbers come
 * from base/num.h, time text from base/clock.h, strings from base/str.h.
 */
#ifndef STEWARD_BASE_BANNED_H
#define STEWARD_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* fortified versions are macros with clang */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok strtok_r
#pragma GCC poison atoi atol atoll atof strtol strtoul strtoll strtoull strtod
#pragma GCC poison gmtime localtime strerror mktemp tmpnam gets

#endif
