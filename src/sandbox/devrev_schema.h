/* SPDX-License-Identifier: MIT */
/*
 * The published request schemas of the DevRev calls that the sandbox serves.
 */
#ifndef STEWARD_SANDBOX_DEVREV_SCHEMA_H
#define STEWARD_SANDBOX_DEVREV_SCHEMA_H

#include "sandbox/schema.h"

extern const struct schema_name DEVREV_TYPES[];
extern const size_t DEVREV_TYPES_LEN;

/* name: the call */
extern const struct schema_name DEVREV_REQUESTS[];
extern const size_t DEVREV_REQUESTS_LEN;

#endif
