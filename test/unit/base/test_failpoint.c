/* SPDX-License-Identifier: MIT */
#include "base/failpoint.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/str.h"
#include "harness/tap.h"

/* Each case runs in a child, because failpoints are read from the environment once. */
static int in_child(const char *spec, int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv("STEWARD_FAILPOINTS", spec, 1);
        _exit(body());
    }
    int status = 0;
    (void)waitpid(pid, &status, 0); /* the child is ours and ends */
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int third_hit(void)
{
    for (int i = 0; i < 3; i++) {
        (void)FAILPOINT("test.step");
    }
    return 7;
}

static int errors_from_the_second_on(void)
{
    int first = FAILPOINT("test.write");
    int second = FAILPOINT("test.write");
    int third = FAILPOINT("test.write");
    return first == 0 && second == ENOSPC && third == ENOSPC ? 0 : 1;
}

static int error_once(void)
{
    int first = FAILPOINT("test.write");
    int second = FAILPOINT("test.write");
    return first == EIO && second == 0 ? 0 : 1;
}

static void kills_at_the_hit_that_was_named(void)
{
    CHECK_INT(in_child("test.step=kill@3", third_hit), -SIGKILL);
    CHECK_INT(in_child("test.step=kill@4", third_hit), 7);
    CHECK_INT(in_child("other=kill", third_hit), 7);
}

static void injects_errors(void)
{
    CHECK_INT(in_child("test.write=ENOSPC@2+", errors_from_the_second_on), 0);
    CHECK_INT(in_child("a=kill;test.write=EIO", error_once), 0);
}

TAP_MAIN(TAP_TEST(kills_at_the_hit_that_was_named), TAP_TEST(injects_errors))
