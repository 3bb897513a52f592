/* SPDX-License-Identifier: MIT */
#include "base/queue.h"

#include <stdatomic.h>

#include "harness/tap.h"

enum { ITEMS = 20000, TAKERS = 4 };

static int numbers[ITEMS];
static atomic_int taken[ITEMS];

static void *take_all(void *arg)
{
    struct queue *queue = arg;
    const int *item;
    while ((item = queue_take(queue)) != NULL) {
        atomic_fetch_add(&taken[item - numbers], 1);
    }
    return NULL;
}

static void each_item_reaches_one_taker(void)
{
    struct err err;
    struct queue *queue = queue_new(8);
    pthread_t threads[TAKERS];
    for (int i = 0; i < TAKERS; i++) {
        CHECK_OK(thread_start(&threads[i], "taker", take_all, queue, &err), err);
    }
    for (int i = 0; i < ITEMS; i++) {
        CHECK(queue_put(queue, &numbers[i]));
    }
    queue_close(queue);
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    int wrong = 0;
    for (int i = 0; i < ITEMS; i++) {
        wrong += atomic_load(&taken[i]) != 1;
    }
    CHECK_INT(wrong, 0);
    queue_free(queue);
}

static void a_closed_queue_drains_and_refuses(void)
{
    int a = 1;
    struct queue *queue = queue_new(2);
    CHECK(queue_put(queue, &a));
    queue_close(queue);
    CHECK(!queue_put(queue, &a));
    CHECK_INT(queue_len(queue), 1);
    CHECK(queue_take(queue) == &a);
    CHECK(queue_take(queue) == NULL);
    queue_free(queue);
}

TAP_MAIN(TAP_TEST(each_item_reaches_one_taker), TAP_TEST(a_closed_queue_drains_and_refuses))
