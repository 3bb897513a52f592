/* SPDX-License-Identifier: MIT */
#include "job/merge_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/fakeclock.h"
#include "harness/tap.h"
#include "store/memory_link.h"

static struct fakeclock fake;
static struct journal *journal;
static int workspace = -1;

static void open_workspace(void)
{
    struct err err = {0};
    AUTO_BUF struct buf path = {0};
    fakeclock_init(&fake);
    buf_printf(&path, "%s/steward.db", tap_tmpdir());
    workspace = open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    journal = journal_open(buf_z(&path), JOURNAL_WRITE, &fake.clock, &err);
    if (!CHECK_OK(journal != NULL, err)) {
        exit(1);
    }
}

static void close_workspace(void)
{
    journal_close(journal);
    (void)close(workspace);
}

static void move(int64_t run, uint64_t seq, enum change_state from, enum change_state to)
{
    struct err err;
    const struct transition one = {.run = run, .seq = seq, .from = from, .to = to};
    CHECK_OK(journal_move(journal, &one, &err), err);
}

/* A run of merges "a>b c>d", each in the state that follows its colon: v verified, u undone, f failed,
 * p planned, ? unknown, r refused. */
static int64_t run_of(const char *job, const char *merges)
{
    struct err err = {0};
    const struct plan_header header = {.job = STR("merge"),
                                       .rules = STR("none"),
                                       .kind = STR("merge-contact"),
                                       .source = STR("csv")};
    struct run run = {.options = STR("{}")};
    (void)snprintf(run.job, sizeof(run.job), "%s", job);
    CHECK_OK(journal_run_new(journal, &run, &run.id, &err), err);
    char path[32];
    (void)snprintf(path, sizeof(path), "plans/%lld.plan", (long long)run.id);
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(workspace, path, &header, &err);
    str rest = str_of(merges);
    while (rest.ptr != NULL && rest.len != 0) {
        str state;
        str survivor;
        str pair = str_cut(str_cut(rest, ' ', &rest), ':', &state);
        str loser = str_cut(pair, '>', &survivor);
        const struct plan_change change = {
            .target = loser, .survivor = survivor, .strategy = STR("s"), .reason = STR("r")};
        CHECK_OK(plan_add_change(writer, &change, &err), err);
    }
    struct plan_totals totals;
    CHECK_OK(plan_writer_finish(writer, &totals, &err), err);
    CHECK_OK(journal_run_planned(journal, run.id, path, &totals, STR_NONE, &err), err);
    uint64_t seq = 0;
    for (const char *c = strchr(merges, ':'); c != NULL; c = strchr(c + 1, ':'), seq++) {
        if (c[1] == 'r') {
            move(run.id, seq, CHANGE_PLANNED, CHANGE_REFUSED);
        } else if (c[1] == 'f') {
            move(run.id, seq, CHANGE_PLANNED, CHANGE_FAILED);
        } else if (c[1] != 'p') {
            move(run.id, seq, CHANGE_PLANNED, CHANGE_BACKED_UP);
            move(run.id, seq, CHANGE_BACKED_UP, CHANGE_SENT);
            move(run.id, seq, CHANGE_SENT, c[1] == '?' ? CHANGE_UNKNOWN : CHANGE_VERIFIED);
            if (c[1] == 'u') {
                move(run.id, seq, CHANGE_VERIFIED, CHANGE_UNDONE);
            }
        }
    }
    return run.id;
}

static void cannot(const char *a, const char *b)
{
    struct err err;
    const struct memory_link link = {.a = str_of(a), .b = str_of(b), .why = STR("command")};
    CHECK_OK(memory_link_put(journal, &fake.clock, &link, &err), err);
}

static bool forbidden(const char *a, const char *b)
{
    struct err err = {0};
    AUTO(links_free) struct links *links = merge_memory_links(journal, workspace, &err);
    if (!CHECK_OK(links != NULL, err)) {
        return false;
    }
    return links_forbid(links, str_of(a), str_of(b));
}

static void links_are_inherited_through_a_chain_of_runs(void)
{
    open_workspace();
    (void)run_of("merge", "A>B:v X>Y:v");
    (void)run_of("merge", "B>C:v");
    (void)run_of("merge", "C>D:v");
    CHECK(!forbidden("Z", "D"));
    cannot("A", "Z");
    CHECK(forbidden("Z", "A"));
    CHECK(forbidden("Z", "B"));
    CHECK(forbidden("Z", "D"));
    CHECK(!forbidden("Z", "Y"));
    CHECK(!forbidden("A", "D"));
    close_workspace();
}

/* Planned first, applied last: the merge that leads on comes before the one that leads there. */
static void runs_in_another_order_are_followed_too(void)
{
    open_workspace();
    (void)run_of("merge", "C>D:v");
    (void)run_of("merge", "B>C:v");
    (void)run_of("merge", "A>B:v");
    cannot("A", "Z");
    CHECK(forbidden("D", "Z"));
    close_workspace();
}

static void only_what_happened_and_was_not_undone_counts(void)
{
    open_workspace();
    (void)run_of("merge", "A>B:u A>C:f A>D:p A>E:? A>F:r");
    (void)run_of("another-job", "A>G:v");
    cannot("A", "Z");
    static const char *const others[] = {"B", "C", "D", "E", "F", "G"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        CHECK(!forbidden(others[i], "Z"));
    }
    close_workspace();
}

static void without_links_no_plan_is_read_and_with_them_a_lost_one_is_an_error(void)
{
    struct err err;
    open_workspace();
    (void)run_of("merge", "A>B:p");
    int64_t run = run_of("merge", "A>B:v");
    CHECK_INT(unlinkat(workspace, "plans/1.plan", 0), 0);
    CHECK_INT(unlinkat(workspace, "plans/2.plan", 0), 0);
    AUTO(links_free) struct links *links = merge_memory_links(journal, workspace, &err);
    CHECK(links != NULL && links_count(links) == 0);
    cannot("A", "Z");
    CHECK_INT(run, 2);
    CHECK_ERR(merge_memory_links(journal, workspace, &err) != NULL, err, ERR_CORRUPT,
              "could not inherit links through the merges of run 2: could not open the plan "
              "'plans/2.plan': No such file or directory");
    CHECK_STR(err.hint, "Put 'plans/2.plan' back from a copy of the workspace: without it a link "
                        "might be passed over.");
    close_workspace();
}

/* --- a plan that was made before -------------------------------------------------------------- */

static bool recheck(int64_t id, struct err *err)
{
    struct arena arena = {0};
    struct run run = {0};
    struct job_run job_run = {.run = id, .journal = journal, .workspace_fd = workspace};
    bool ok =
        journal_run_get(journal, id, &arena, &run, err) && merge_memory_check(&job_run, &run, err);
    arena_done(&arena);
    return ok;
}

static void a_decision_since_the_plan_stops_it(void)
{
    struct err err;
    open_workspace();
    int64_t run = run_of("merge", "A>S:p B>S:p C>T:p D>U:r");
    CHECK_OK(recheck(run, &err), err);
    cannot("A", "T"); /* nobody makes them one */
    cannot("D", "U"); /* left out already */
    CHECK_OK(recheck(run, &err), err);
    cannot("A", "B"); /* both would be S */
    CHECK(!recheck(run, &err));
    CHECK_INT(err.kind, ERR_REFUSED);
    CHECK(strstr(err.message, "would make two contacts one that are never to be one") != NULL);
    close_workspace();
}

static void a_decision_about_one_that_was_merged_stops_it_too(void)
{
    struct err err;
    open_workspace();
    (void)run_of("merge", "A>B:v");
    int64_t run = run_of("merge", "B>S:p");
    cannot("S", "A");
    CHECK(!recheck(run, &err));
    CHECK_INT(err.kind, ERR_REFUSED);
    close_workspace();
}

TAP_MAIN(TAP_TEST(links_are_inherited_through_a_chain_of_runs),
         TAP_TEST(runs_in_another_order_are_followed_too),
         TAP_TEST(only_what_happened_and_was_not_undone_counts),
         TAP_TEST(without_links_no_plan_is_read_and_with_them_a_lost_one_is_an_error),
         TAP_TEST(a_decision_since_the_plan_stops_it),
         TAP_TEST(a_decision_about_one_that_was_merged_stops_it_too))
