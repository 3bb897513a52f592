/* SPDX-License-Identifier: MIT */
/*
 * Both reports of runs whose plan and journal are made here: exact parts of the page, hostile values,
 * every outcome with its cause, sums over several processes, many changes, files.
 */
#include "engine/report_facts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "harness/fakeclock.h"
#include "harness/tap.h"

#define HEBREW "\xd7\x93\xd7\xa0\xd7\x94"
#define RLO "\xe2\x80\xae" /* the rest of the line would run the other way */

static struct fakeclock fake;
static struct settings settings = {.backup_dir = "backups", .log_level = LOG_INFO};
static struct engine *engine;

static const struct plan_column columns[] = {
    {STR("email"), STR("email"), STR("email"), true},
    {STR("<full> name"), STR("full_name"), STR("trim"), false},
};

/* What a test plans: `changes` of them, every `survivor` none where `alone`. */
struct scene {
    uint64_t changes;
    uint64_t reviews;
    uint64_t bad;
    bool alone;
    bool fails;
};

static bool add_change(struct plan_writer *writer, const struct scene *scene, uint64_t i,
                       struct err *err)
{
    char target[64];
    char survivor[64];
    char name[64];
    (void)snprintf(target, sizeof(target), "revu/<%llu>", (unsigned long long)i);
    (void)snprintf(survivor, sizeof(survivor), "user/%llu", (unsigned long long)i);
    (void)snprintf(name, sizeof(name), "<script>alert(%llu)</script>", (unsigned long long)i);
    const struct plan_value values[] = {
        {STR("ann@example.com"), STR("ann@example.com")},
        {str_of(name), i % 2 == 0 ? STR("\"" RLO HEBREW "\" & 'co'") : STR("")},
    };
    const struct plan_change change = {.target = str_of(target),
                                       .survivor = scene->alone ? STR("") : str_of(survivor),
                                       .strategy = i % 3 == 0 ? STR("by <email>") : STR("by name"),
                                       .reason = STR("same & same"),
                                       .values = values};
    return plan_add_change(writer, &change, err);
}

static bool make_plan(struct job_run *run, const void *options, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    const struct scene *scene = options;
    const struct plan_header header = {.job = STR("fake"),
                                       .rules = STR("none"),
                                       .rules_hash = STR("00"),
                                       .kind = STR("fake-change"),
                                       .source = STR("test"),
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns)};
    if (scene->fails) {
        return err_set(err, ERR_INPUT, "could not use the file");
    }
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    bool ok = writer != NULL;
    for (uint64_t i = 0; ok && i < scene->changes; i++) {
        ok = add_change(writer, scene, i, err);
    }
    for (uint64_t i = 0; ok && i < scene->reviews; i++) {
        const struct plan_finding finding = {STR("revu/<r>"), i + 2, STR("two \"could\" survive")};
        ok = plan_add_review(writer, &finding, err);
    }
    for (uint64_t i = 0; ok && i < scene->bad; i++) {
        const struct plan_finding finding = {STR(""), i + 7, STR("no <email>")};
        ok = plan_add_bad(writer, &finding, err);
    }
    return ok && plan_writer_finish(writer, &ret->totals, err);
}

static const struct job fake_job = {.name = "fake", .plan = make_plan};

static int64_t begin(const struct scene *scene)
{
    struct err err = {0};
    struct plan_summary summary;
    int64_t run = 0;
    fakeclock_init(&fake);
    const struct engine_options options = {.workspace = tap_tmpdir(),
                                           .command = "test",
                                           .write = true,
                                           .settings = &settings,
                                           .clock = &fake.clock,
                                           .stderr_level = LOG_OFF};
    engine = engine_open(&options, &err);
    if (!CHECK(engine != NULL)) {
        printf("# %s\n", err.message);
        exit(1);
    }
    const struct plan_intent intent = {.job = &fake_job,
                                       .job_options = scene,
                                       .rules = "none",
                                       .source = "contacts <1>.csv",
                                       .options_json = "{}"};
    bool planned = engine_plan(engine, &intent, &run, &summary, &err);
    CHECK(planned != scene->fails);
    return scene->fails ? 1 : run;
}

static void end(void)
{
    engine_close(engine);
    engine = NULL;
}

static void move_run(int64_t run, enum run_state to, const char *reason)
{
    struct err err;
    CHECK_OK(journal_run_move(engine_journal(engine), run, to, reason, &err), err);
}

static void move(int64_t run, uint64_t seq, enum change_state from, enum change_state to,
                 const struct err *why, const char *backup, const char *detail)
{
    struct err err;
    struct transition transition = {.run = run,
                                    .seq = seq,
                                    .from = from,
                                    .to = to,
                                    .count_attempt = to == CHANGE_SENT,
                                    .error = why,
                                    .backup = backup,
                                    .detail = detail};
    memcpy(transition.id, &seq, sizeof(seq));
    CHECK_OK(journal_move(engine_journal(engine), &transition, &err), err);
}

/* Backed up and sent. */
static void send(int64_t run, uint64_t seq, const char *backup)
{
    move(run, seq, CHANGE_PLANNED, CHANGE_BACKED_UP, NULL, backup,
         "{\"counts\":{\"tickets\":{\"backed up\":3},\"notes\":{\"backed up\":1}}}");
    move(run, seq, CHANGE_BACKED_UP, CHANGE_SENT, NULL, NULL, NULL);
}

static bool take(void *ctx, str piece, struct err *err UNUSED)
{
    buf_adds(ctx, piece);
    return true;
}

static void make_html(int64_t run, struct buf *ret)
{
    struct err err;
    buf_clear(ret);
    CHECK_OK(engine_report_html(engine, run, take, ret, &err), err);
}

static bool holds(const struct buf *page, const char *text)
{
    bool found = strstr(buf_z(page), text) != NULL;
    if (!found) {
        printf("# not there: %s\n", text);
    }
    return found;
}

static size_t count_of(const struct buf *page, const char *text)
{
    size_t count = 0;
    for (const char *at = buf_z(page); (at = strstr(at, text)) != NULL; at += strlen(text)) {
        count++;
    }
    return count;
}

/* --- what a page says ---------------------------------------------------------------------- */

static void a_plan_that_nobody_applied(void)
{
    AUTO_BUF struct buf page = {0};
    int64_t run = begin(&(struct scene){.changes = 2, .reviews = 1, .bad = 1});
    make_html(run, &page);
    CHECK(strncmp(buf_z(&page), "<!DOCTYPE html><html lang=\"en\">", 31) == 0);
    CHECK(holds(&page,
                "<h1>2 changes planned, nothing is changed yet</h1>"
                "<p class=\"lead\" id=\"lead\">1 left to people, 1 row that could not be used.</p>"
                "<p><b>What to do next:</b> read the changes below, then "
                "<code>steward apply 1</code></p><nav>"));
    CHECK(holds(&page, "<dd id=\"f-source\">contacts &lt;1&gt;.csv</dd>"));
    CHECK(holds(&page, "<b id=\"n-changes\">2</b>"));
    CHECK(holds(&page, "<b id=\"n-open\">2</b><span>not done yet</span>"));
    CHECK(holds(&page, "<td data-name=\"line\">2</td><td>revu/&lt;r&gt;</td>"
                       "<td>two &quot;could&quot; survive</td>"));
    CHECK(holds(&page, "<td data-name=\"line\">7</td><td>no &lt;email&gt;</td>"));
    CHECK(strstr(buf_z(&page), "id=\"calls\"") == NULL);
    CHECK(strstr(buf_z(&page), "id=\"failures\"") == NULL);
    CHECK(holds(&page, "</main></body></html>"));
    end();
}

static void hostile_values_stay_values(void)
{
    AUTO_BUF struct buf page = {0};
    int64_t run = begin(&(struct scene){.changes = 1});
    make_html(run, &page);
    CHECK(holds(&page,
                "<span class=\"badge planned\">planned</span> <bdi>revu/&lt;0&gt;</bdi> &rarr; "
                "<bdi>user/0</bdi></h4><p><bdi>by &lt;email&gt;</bdi>: <bdi>same &amp; same</bdi>"
                "</p><table><thead><tr><th>Field</th><th>Before</th><th>After</th></tr></thead>"
                "<tbody><tr class=\"same\"><th>email</th><td>ann@example.com</td>"
                "<td>ann@example.com</td></tr><tr class=\"differs\">"
                "<th>&lt;full&gt; name</th><td>&lt;script&gt;alert(0)&lt;/script&gt;</td>"
                "<td>&quot;" RLO HEBREW "&quot; &amp; &#39;co&#39;</td></tr></tbody></table>"
                "<p class=\"meta\">change <code>"));
    CHECK_INT(count_of(&page, "<script"), 0);
    CHECK_INT(count_of(&page, "http://"), 0);
    CHECK_INT(count_of(&page, "https://"), 0);
    CHECK(holds(&page, "content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    end();
}

static void a_change_of_one_record_has_no_arrow(void)
{
    AUTO_BUF struct buf page = {0};
    int64_t run = begin(&(struct scene){.changes = 1, .alone = true});
    make_html(run, &page);
    CHECK(holds(&page, "<bdi>revu/&lt;0&gt;</bdi></h4>"));
    CHECK_INT(count_of(&page, "&rarr;"), 0);
    end();
}

static void every_outcome_with_its_cause(void)
{
    AUTO_BUF struct buf page = {0};
    int64_t run = begin(&(struct scene){.changes = 6});
    struct err drift = {0};
    struct err refused = {0};
    struct err lost = {0};
    (void)err_set(&drift, ERR_DRIFT, "contact '<3>' has changed");
    (void)err_set(&refused, ERR_REMOTE, "400 bad_request");
    (void)err_set(&lost, ERR_NETWORK, "the answer never arrived");
    move_run(run, RUN_APPLYING, NULL);
    fakeclock_advance_ms(&fake, 1000);
    send(run, 0, "backups/a&b_1");
    fakeclock_advance_ms(&fake, 1500);
    move(run, 0, CHANGE_SENT, CHANGE_VERIFIED, NULL, NULL,
         "{\"counts\":{\"tickets\":{\"backed up\":3,\"after <all>\":4},\"notes\":{\"backed "
         "up\":1}}}");
    send(run, 1, "backups/b_1");
    move(run, 1, CHANGE_SENT, CHANGE_FAILED, &refused, NULL, NULL);
    move(run, 2, CHANGE_PLANNED, CHANGE_SKIPPED, &drift, NULL, NULL);
    send(run, 3, "journal");
    move(run, 3, CHANGE_SENT, CHANGE_UNKNOWN, &lost, NULL, NULL);
    move(run, 4, CHANGE_PLANNED, CHANGE_SKIPPED, &drift, NULL, NULL);
    fakeclock_advance_ms(&fake, 57500);
    move_run(run, RUN_PAUSED, "the <disk> is full");
    make_html(run, &page);
    CHECK(holds(&page, "<h1>Not finished: 1 of 6 changes are done</h1>"));
    CHECK(holds(
        &page,
        "1 failed, 2 skipped to be safe, 1 sent without a proof of the outcome, "
        "1 not done yet.</p>"
        "<p class=\"note\"><b>It stopped because:</b> <bdi>the &lt;disk&gt; is full</bdi></p>"));
    CHECK(holds(&page, "<code>steward resume 1</code>"));
    CHECK(holds(&page,
                "<b id=\"n-verified\">1</b><span>done and confirmed</span><small>16.7 %</small>"));
    CHECK(holds(&page, "<b id=\"n-skipped\">2</b>"));
    CHECK(holds(
        &page,
        "<span class=\"badge failed\">failed</span> 1: the remote refused or failed it</h3>"));
    CHECK(holds(&page,
                "<span class=\"badge unknown\">unknown</span> 1: it is not proven what became of "
                "it</h3>"));
    CHECK(holds(&page,
                "<span class=\"badge skipped\">skipped</span> 2: the record had changed</h3>"
                "<p>Somebody or something changed the record after the plan was made, so the "
                "decision may no longer be right. Nothing was sent.</p><p><b>What to do:</b> Plan "
                "again: the new plan decides on the records as they are now.</p></div>"
                "<details class=\"short\" open><summary>Records 1 to 2 of 2</summary>"));
    CHECK_INT(count_of(&page, "<td class=\"cause\">contact &#39;&lt;3&gt;&#39; has changed</td>"),
              2);
    CHECK(holds(&page, "<p class=\"cause\"><b>remote:</b> <bdi>400 bad_request</bdi></p>"));
    CHECK(holds(&page, "sent 2026-11-24 12:00:01 UTC, confirmed after 1.50 s, attempts 1<br>backup "
                       "<code>backups/a&amp;b_1</code></p>"));
    CHECK(holds(&page, "never sent, last touched 2026-11-24 12:00:02 UTC</p>"));
    CHECK(holds(&page, "</code>, not begun</p>"));
    /* what the job counted: 3 times 3, the last word of change 0 counts alone */
    CHECK(holds(&page,
                "<th class=\"num\">backed up</th><th class=\"num\">after &lt;all&gt;</th></tr>"));
    CHECK(holds(&page, "<tr><th>tickets</th><td class=\"num\">9<small></small></td>"
                       "<td class=\"num\">4<small>in 1 of 3 changes</small></td></tr>"
                       "<tr><th>notes</th><td class=\"num\">3<small></small></td>"
                       "<td class=\"num\"><small></small></td></tr>"));
    CHECK(holds(&page, "<dd id=\"f-backups\">3</dd>"));
    CHECK(holds(&page,
                "<dd id=\"f-backups-there\">1</dd>")); /* the journal is; no directory was made */
    CHECK(holds(&page, " entries, the chain is whole</dd>"));
    end();
}

static void headlines_tell_how_it_ended(void)
{
    AUTO_BUF struct buf page = {0};
    int64_t run = begin(&(struct scene){.changes = 2});
    move_run(run, RUN_APPLYING, NULL);
    send(run, 0, NULL);
    move(run, 0, CHANGE_SENT, CHANGE_VERIFIED, NULL, NULL, NULL);
    send(run, 1, NULL);
    move(run, 1, CHANGE_SENT, CHANGE_VERIFIED, NULL, NULL, NULL);
    fakeclock_advance_ms(&fake, 30000);
    move_run(run, RUN_DONE, NULL);
    make_html(run, &page);
    CHECK(holds(&page, "<h1>All 2 changes are done and confirmed</h1><p class=\"lead\" id=\"lead\">"
                       "Nothing failed, nothing is left open.</p>"));
    CHECK(holds(&page, "<code>steward verify 1</code>"));
    CHECK(holds(&page, "<dd id=\"f-took\">30 s</dd>"));
    CHECK(holds(&page, "<dd id=\"f-pace\">4.0</dd>"));
    end();
}

static void a_run_without_a_plan_has_a_report(void)
{
    AUTO_BUF struct buf page = {0};
    struct err err;
    (void)begin(&(struct scene){.fails = true});
    make_html(1, &page);
    CHECK(holds(&page, "<h1>Planning failed, nothing was changed</h1>"));
    CHECK(holds(&page, "<bdi>could not use the file</bdi>"));
    CHECK_INT(count_of(&page, "id=\"changes\""), 0);
    buf_clear(&page);
    CHECK_OK(engine_report_json(engine, 1, take, &page, &err), err);
    CHECK(holds(&page, "\"plan_hash\":null"));
    CHECK(holds(&page, "\"plan_hash_checked\":false"));
    CHECK_ERR(engine_report_html(engine, 2, take, &page, &err), err, ERR_NOT_FOUND,
              "could not find run 2 in the journal");
    end();
}

/* --- calls --------------------------------------------------------------------------------- */

static void calls_of_several_processes_are_added_up(void)
{
    AUTO_BUF struct buf page = {0};
    struct err err;
    int64_t run = begin(&(struct scene){.changes = 1});
    struct journal *journal = engine_journal(engine);
    journal_stat(
        journal, run, "1-1",
        STR("{\"calls\":{\"users.get\":{\"count\":40,\"errors\":2,\"limited\":1,\"retries\":1,"
            "\"waited_ms\":3000,\"status\":{},\"latency\":[[160,40]]}},"
            "\"limit\":{\"calls\":9,\"period_ms\":60000},"
            "\"pressure\":{\"breaker_opened\":1,\"breaker_ms\":61000,\"writes_held_back\":2,"
            "\"cuts\":4,\"retries_delayed\":5},"
            "\"over_time\":{\"slot_ms\":10000,\"from_ms\":1795521610000,"
            "\"slots\":[[0,20,1,1,0],[2,22,1,0,2]]}}"));
    journal_stat(
        journal, run, "2-2",
        STR("{\"calls\":{\"users.<get>\":{\"count\":5,\"errors\":0,\"limited\":0,\"retries\":0,"
            "\"waited_ms\":0,\"status\":{},\"latency\":[[176,5]]},"
            "\"users.get\":{\"count\":10,\"errors\":0,\"limited\":0,\"retries\":0,"
            "\"waited_ms\":1000,\"status\":{},\"latency\":[[160,10]]}},"
            "\"limit\":{\"calls\":45,\"period_ms\":60000},"
            "\"pressure\":{\"breaker_opened\":1,\"breaker_ms\":4000,\"writes_held_back\":1,"
            "\"cuts\":1,\"retries_delayed\":1},"
            "\"over_time\":{\"slot_ms\":20000,\"from_ms\":1795521680000,"
            "\"slots\":[[0,15,0,0,0]]}}"));
    move_run(run, RUN_APPLYING, NULL); /* waits for what was queued before it */
    AUTO_FREE struct report_facts *facts = xnew(struct report_facts);
    CHECK_OK(report_facts_collect(engine, run, facts, &err), err);
    CHECK_INT(facts->sessions, 2);
    CHECK_INT(facts->all.count, 55);
    CHECK_INT(facts->all.waited_ms, 4000);
    CHECK_INT(facts->call_count, 2);
    CHECK_INT(facts->calls[0].count, 50);
    CHECK_INT(facts->slot_ms, 20000);
    CHECK_INT(facts->slots_from_ms, INT64_C(1795521600000));
    CHECK_INT(facts->slot_count, 5);
    CHECK_INT(facts->slots[0].calls, 20);
    CHECK_INT(facts->slots[1].calls, 22);
    CHECK_INT(facts->slots[1].unmetered, 2);
    CHECK_INT(facts->slots[0].limited, 1);
    CHECK_INT(facts->slots[4].calls, 15);
    uint64_t busiest = 0;
    CHECK(report_facts_busiest(facts, &busiest)); /* any three slots of 20 s */
    CHECK_INT(busiest, 40);
    report_facts_done(facts);
    make_html(run, &page);
    CHECK(holds(&page, "<b id=\"n-calls\">55</b>"));
    CHECK(holds(&page, "<dd id=\"f-breaker\">2 times, 1 min 05 s together</dd>"));
    CHECK(holds(&page, "<dd id=\"f-cuts\">5</dd>"));
    CHECK(holds(&page, "<dd id=\"f-limit\">45 calls in 1 min 00 s</dd>"));
    CHECK(
        holds(&page, "<dd id=\"f-busiest\">at most 40 of 45 calls in any 1 min 00 s (89 %)</dd>"));
    CHECK(holds(&page,
                "<tr><th>users.get</th><td class=\"num\">50</td><td class=\"num\">2</td>"
                "<td class=\"num\">1</td><td class=\"num\">1</td><td class=\"num\">4.00 s</td>"
                "<td class=\"num\">1.0 ms</td>"));
    CHECK(holds(&page, "<tr><th>users.&lt;get&gt;</th><td class=\"num\">5</td>"));
    CHECK(holds(&page, "<figcaption>Calls in every 20 s</figcaption>"));
    CHECK(holds(&page, "<title>2026-11-24 12:00:00 UTC: 20 calls, 1 errors</title>"));
    CHECK(holds(&page, "<figcaption>How long calls took</figcaption>"));
    buf_clear(&page);
    CHECK_OK(engine_report_json(engine, run, take, &page, &err), err);
    CHECK(holds(&page, ",\n\"pressure\":{\"breaker_opened\":2,\"breaker_ms\":65000,"
                       "\"writes_held_back\":3,\"cuts\":5,\"retries_delayed\":6},\"limit\":"));
    CHECK(holds(&page, ",\"limit\":{\"calls\":45,\"period_ms\":60000},\"busiest_period\":40,\n"
                       "\"over_time\":{\"slot_ms\":20000,\"slots\":[\n"
                       "{\"at\":\"2026-11-24T12:00:00.000Z\",\"calls\":20,\"errors\":1,\"limited\":"
                       "1,\"unmetered\":0},\n"
                       "{\"at\":\"2026-11-24T12:00:20.000Z\",\"calls\":22,\"errors\":1,\"limited\":"
                       "0,\"unmetered\":2},\n"
                       "{\"at\":\"2026-11-24T12:01:20.000Z\",\"calls\":15,\"errors\":0,\"limited\":"
                       "0,\"unmetered\":0}]}}"));
    end();
}

static void sessions_far_apart_share_one_axis(void)
{
    struct err err;
    int64_t run = begin(&(struct scene){.changes = 1});
    struct journal *journal = engine_journal(engine);
    for (int64_t i = 0; i < 3; i++) {
        char session[32];
        AUTO_BUF struct buf json = {0};
        (void)snprintf(session, sizeof(session), "%lld-1", (long long)i);
        buf_printf(&json,
                   "{\"calls\":{},\"over_time\":{\"slot_ms\":10000,\"from_ms\":%lld,"
                   "\"slots\":[[0,1,0,0,0],[1,1,0,0,0]]}}",
                   (long long)(INT64_C(1795521600000) + i * 86400000));
        journal_stat(journal, run, session, buf_str(&json));
    }
    move_run(run, RUN_APPLYING, NULL);
    AUTO_FREE struct report_facts *facts = xnew(struct report_facts);
    CHECK_OK(report_facts_collect(engine, run, facts, &err), err);
    CHECK_INT(facts->slot_ms, 320000);
    CHECK(facts->slot_count <= CALLSTATS_SLOTS);
    uint64_t calls = 0;
    for (size_t i = 0; i < facts->slot_count; i++) {
        calls += facts->slots[i].calls;
    }
    CHECK_INT(calls, 6);
    uint64_t busiest;
    CHECK(!report_facts_busiest(facts, &busiest)); /* no limit is known */
    report_facts_done(facts);
    end();
}

/* --- many, and files ------------------------------------------------------------------------ */

static void many_changes_are_rows_in_parts(void)
{
    enum { CHANGES = 2300 };
    AUTO_BUF struct buf page = {0};
    int64_t run = begin(&(struct scene){.changes = CHANGES, .reviews = 501});
    make_html(run, &page);
    CHECK_INT(count_of(&page, "<article"), 0);
    CHECK_INT(count_of(&page, "<tr id=\"c"), CHANGES);
    CHECK(holds(&page, "<details class=\"\" open><summary>Changes 1 to 500 of 2,300</summary>"));
    CHECK(holds(&page, "<details class=\"\"><summary>Changes 2,001 to 2,300 of 2,300</summary>"));
    CHECK(holds(&page, "<details class=\"\"><summary>Records 501 to 501 of 501</summary>"));
    CHECK(holds(&page, "<td>revu/&lt;0&gt;\ninto user/0\nby &lt;email&gt;: same &amp; same</td>"
                       "<td data-name=\"Before\">email: ann@example.com\n"
                       "&lt;full&gt; name: &lt;script&gt;alert(0)&lt;/script&gt;</td>"));
    CHECK_INT(count_of(&page, "<details"), count_of(&page, "</details>"));
    CHECK_INT(count_of(&page, "<table"), count_of(&page, "</table>"));
    end();
}

static void json_holds_every_change_and_finding(void)
{
    AUTO_BUF struct buf text = {0};
    struct err err;
    int64_t run = begin(&(struct scene){.changes = 3, .reviews = 2, .bad = 1});
    CHECK_OK(engine_report_json(engine, run, take, &text, &err), err);
    CHECK(holds(&text, "\"strategies\":[\n{\"strategy\":\"by <email>\",\"changes\":1,\"planned\":1,"
                       "\"backed_up\":0,\"sent\":0,\"verified\":0,\"failed\":0,\"skipped\":0,"
                       "\"unknown\":0,\"undone\":0,\"refused\":0},\n{\"strategy\":\"by name\","
                       "\"changes\":2,"));
    CHECK(holds(&text, "],\n\"review\":[\n{\"id\":\"revu/<r>\",\"line\":2,\"reason\":"
                       "\"two \\\"could\\\" survive\"},\n{\"id\":\"revu/<r>\",\"line\":3,"));
    CHECK(holds(&text, "],\n\"bad_rows\":[\n{\"line\":7,\"reason\":\"no <email>\"}]"));
    CHECK(holds(&text, "\"limit\":null,\"busiest_period\":null,\n\"over_time\":{\"slot_ms\":10000,"
                       "\"slots\":[]}"));
    CHECK_INT(count_of(&text, "{\"id\":\""), 5);
    end();
}

static void a_file_is_whole_or_not_there(void)
{
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf page = {0};
    struct err err;
    int64_t run = begin(&(struct scene){.changes = 1});
    int dirfd = engine_workspace_fd(engine);
    CHECK_OK(engine_report_file(engine, run, REPORT_HTML, dirfd, "reports/x.html", &err), err);
    CHECK_OK(fs_read(dirfd, "reports/x.html", &text, &err), err);
    make_html(run, &page);
    CHECK_STR(buf_z(&text), buf_z(&page));
    struct stat stat;
    CHECK_INT(fstatat(dirfd, "reports/x.html", &stat, 0), 0);
    CHECK_INT(stat.st_mode & 0777, 0600);
    CHECK_ERR(engine_report_file(engine, run + 1, REPORT_JSON, dirfd, "reports/y.json", &err), err,
              ERR_NOT_FOUND, "could not find run 2 in the journal");
    CHECK(!fs_exists(dirfd, "reports/y.json"));
    CHECK_ERR(engine_report_file(engine, run, REPORT_JSON, dirfd, "no/y.json", &err), err, ERR_IO,
              "could not create 'no/y.json': No such file or directory");
    end();
}

TAP_MAIN(TAP_TEST(a_plan_that_nobody_applied), TAP_TEST(hostile_values_stay_values),
         TAP_TEST(a_change_of_one_record_has_no_arrow), TAP_TEST(every_outcome_with_its_cause),
         TAP_TEST(headlines_tell_how_it_ended), TAP_TEST(a_run_without_a_plan_has_a_report),
         TAP_TEST(calls_of_several_processes_are_added_up),
         TAP_TEST(sessions_far_apart_share_one_axis), TAP_TEST(many_changes_are_rows_in_parts),
         TAP_TEST(json_holds_every_change_and_finding), TAP_TEST(a_file_is_whole_or_not_there))
