/* SPDX-License-Identifier: MIT */
/*
 * The stand-in of a Slack incoming webhook, on a port of its own: POST of {"text": "..."} to the path of
 * the env file's #SLACK_WEBHOOK is answered 200 "ok"; another path 404 "no_service"; what is not JSON 400
 * "invalid_payload"; a missing or empty text 400 "no_text"; a text above 40,000 characters 400
 * "msg_too_long". What was posted stands in --requests ("remote":"slack","call":"webhook"). Faults mean
 * what they mean for DevRev; `never` answers ok and keeps nothing back, because there is nothing to keep.
 */
#ifndef STEWARD_SANDBOX_SLACK_H
#define STEWARD_SANDBOX_SLACK_H

#include "sandbox/dispatch.h"

/* One request from arrival to answer; blocks for the latency. Any thread. */
void slack_dispatch(struct sandbox *sandbox, const struct visit *visit, struct answer *ret);

/* The #SLACK_WEBHOOK=... line: a comment, because not everybody who reads the file wants to be alerted. */
void slack_env(const struct sandbox *sandbox, uint16_t port, struct buf *out);

#endif
