/* SPDX-License-Identifier: MIT */
/*
 * Bounded queue of pointers, and named threads. An item belongs to exactly one thread: to the
 * producer until queue_put returns true, to the consumer once queue_take gave it out. Any number of
 * threads may use both ends. The bound is the back-pressure.
 */
#ifndef STEWARD_BASE_QUEUE_H
#define STEWARD_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

struct queue;

struct queue *queue_new(size_t capacity);
/* The queue must be empty or its items owned elsewhere. */
void queue_free(struct queue *queue);
DEFINE_AUTO(struct queue, queue_free)

/* Waits for room. False once closed: the item stays the caller's. */
bool queue_put(struct queue *queue, void *item) MUST_CHECK;

/* Waits for an item. NULL once the queue is closed and drained. */
void *queue_take(struct queue *queue);

/* No more puts; takers drain what is there. Idempotent. */
void queue_close(struct queue *queue);

size_t queue_len(struct queue *queue);

/* pthread_create with a name (at most 15 bytes) and every signal blocked in the new thread. */
bool thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *arg,
                  struct err *err) MUST_CHECK;

#endif
