/* SPDX-License-Identifier: MIT */
/* The descriptors, one a file. */
#ifndef STEWARD_COMMAND_REGISTRY_H
#define STEWARD_COMMAND_REGISTRY_H

#include "command/command.h"

extern const struct command command_merge;
extern const struct command command_backfill;
extern const struct command command_validate;
extern const struct command command_apply;
extern const struct command command_resume;
extern const struct command command_pause;
extern const struct command command_continue;
extern const struct command command_slow;
extern const struct command command_verify;
extern const struct command command_undo;
extern const struct command command_report;
extern const struct command command_runs;
extern const struct command command_show;
extern const struct command command_rules;
extern const struct command command_approve;
extern const struct command command_refuse;
extern const struct command command_links;
extern const struct command command_backups;
extern const struct command command_audit;
extern const struct command command_doctor;
extern const struct command command_sample;
extern const struct command command_sandbox;
extern const struct command command_completion;
extern const struct command command_help;

#endif
