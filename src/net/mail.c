/* SPDX-License-Identifier: MIT */
#include "net/mail.h"

#include <curl/curl.h>
#include <stdio.h>
#include <time.h>

#include "base/rng.h"

enum { ADDRESS_BYTES = 320, ADDRESSES = 32, LINE_BYTES = 900 };

/* --- the message ------------------------------------------------------------------------------ */

static bool is_header_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool is_address(str address)
{
    size_t ats = 0;
    for (size_t i = 0; i < address.len; i++) {
        char c = address.ptr[i];
        ats += c == '@';
        if (c <= 0x20 || c == 0x7f || c == '<' || c == '>' || c == ',' || c == '"') {
            return false;
        }
    }
    return ats == 1 && address.len < ADDRESS_BYTES && address.ptr[0] != '@' &&
           address.ptr[address.len - 1] != '@';
}

struct recipients {
    str each[ADDRESSES];
    size_t count;
};

static bool split(const char *list, struct recipients *ret, struct err *err)
{
    str rest = str_of(list);
    ret->count = 0;
    while (rest.ptr != NULL) {
        str one = str_trim_ascii(str_cut(rest, ',', &rest));
        if (!is_address(one) || ret->count == ADDRESSES) {
            return err_set(err, ERR_CONFIG,
                           "could not use the recipients: number %zu is no address",
                           ret->count + 1);
        }
        ret->each[ret->count++] = one;
    }
    return true;
}

/* "Tue, 24 Nov 2026 18:30:00 +0000": names of days and months are English whatever the locale. */
static void add_date(int64_t at_ms, struct buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) != NULL) {
        buf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
                   months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
}

/* Lines end with CRLF and are never longer than SMTP allows. */
static void add_body(str body, struct buf *out)
{
    size_t in_line = 0;
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        if (c == '\n') {
            buf_addz(out, "\r\n");
            in_line = 0;
        } else if (c != '\r') {
            if (in_line >= LINE_BYTES && ((unsigned char)c & 0xc0) != 0x80) {
                buf_addz(out, "\r\n");
                in_line = 0;
            }
            buf_addc(out, c);
            in_line++;
        }
    }
    if (in_line != 0) {
        buf_addz(out, "\r\n");
    }
}

bool mail_compose(const struct mail_options *options, const struct mail_message *message,
                  uint64_t nonce, struct buf *out, struct err *err)
{
    struct recipients recipients;
    if (options->from == NULL || !is_address(str_of(options->from))) {
        return err_set(err, ERR_CONFIG, "could not use the sender: it is no address");
    }
    if (!is_header_text(message->subject)) {
        return err_set(err, ERR_CONFIG,
                       "could not use the subject: it holds more than printable ASCII");
    }
    if (!split(options->to, &recipients, err)) {
        return false;
    }
    str domain;
    (void)str_cut(str_of(options->from), '@', &domain);
    add_date(message->at_ms, out);
    buf_printf(out, "From: <%s>\r\nTo: ", options->from);
    for (size_t i = 0; i < recipients.count; i++) {
        buf_printf(out, "%s<%.*s>", i == 0 ? "" : ",\r\n ", STR_ARG(recipients.each[i]));
    }
    buf_printf(out, "\r\nSubject: %s\r\nMessage-ID: <%016llx.%lld@%.*s>\r\n", message->subject,
               (unsigned long long)nonce, (long long)message->at_ms, STR_ARG(domain));
    buf_addz(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n");
    add_body(message->body, out);
    return true;
}

/* --- sending ---------------------------------------------------------------------------------------- */

struct upload {
    str rest;
};

static size_t give(char *to, size_t size, size_t count, void *ctx)
{
    struct upload *upload = ctx;
    size_t room = size * count;
    size_t n = upload->rest.len < room ? upload->rest.len : room;
    if (n != 0) {
        memcpy(to, upload->rest.ptr, n);
    }
    upload->rest = (str){upload->rest.ptr + n, upload->rest.len - n};
    return n;
}

/* STARTTLS unless the scheme says otherwise. */
static void server_url(str server, struct buf *url, long *ret_tls)
{
    bool plain = str_starts(server, STR("smtp://"));
    bool tls = str_starts(server, STR("smtps://"));
    *ret_tls = plain ? CURLUSESSL_NONE : CURLUSESSL_ALL;
    buf_addz(url, plain || tls ? "" : "smtp://");
    buf_adds(url, server);
}

static bool tell(CURLcode code, long answer, const char *server, struct err *err)
{
    if (code == CURLE_OK) {
        return true;
    }
    if (code == CURLE_LOGIN_DENIED) {
        (void)err_set(err, ERR_AUTH, "could not send mail by '%s': the sign-in was refused",
                      server);
        return err_hint(err, "Check SMTP_USER and SMTP_PASSWORD.");
    }
    if (code == CURLE_USE_SSL_FAILED) {
        (void)err_set(err, ERR_NETWORK, "could not send mail by '%s': it offers no STARTTLS",
                      server);
        return err_hint(err, "Use smtps://host:465, or smtp://host for a relay that you trust.");
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        (void)err_set(err, ERR_NETWORK,
                      "could not send mail by '%s': its certificate is not trusted", server);
        return err_hint(err, "Name the file with its authority's certificate: SMTP_CA_FILE.");
    }
    if (code != CURLE_OPERATION_TIMEDOUT && answer >= 400) {
        return err_set(err, ERR_REMOTE, "could not send mail by '%s': it answered %ld", server,
                       answer);
    }
    return err_set(err, ERR_NETWORK, "could not send mail by '%s': %s", server,
                   curl_easy_strerror(code));
}

static void set_up(CURL *curl, const struct mail_options *options, const char *url, long tls)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_USE_SSL, tls);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, options->from);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    if (options->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    }
    if (options->user != NULL) {
        struct buf password = {0};
        buf_adds(&password, secret_reveal(options->password));
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, options->user);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, buf_z(&password)); /* is copied */
        secret_wipe_buf(&password);
    }
}

static CURLcode perform(CURL *curl, str text, long *ret_answer)
{
    struct upload upload = {.rest = text};
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    CURLcode code = curl_easy_perform(curl);
    *ret_answer = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_answer);
    return code;
}

/* Nothing has been delivered when a recipient is refused: the message goes once more, to the others. */
static bool deliver(CURL *curl, const struct mail_options *options, str text, bool several,
                    struct err *err)
{
    long answer = 0;
    long second = 0;
    CURLcode code = perform(curl, text, &answer);
    if (code != CURLE_SEND_ERROR || answer < 400 || !several) {
        return tell(code, answer, options->server, err);
    }
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    code = perform(curl, text, &second);
    if (code != CURLE_OK) {
        return tell(code, second, options->server, err);
    }
    return err_set(err, ERR_REMOTE,
                   "could not send mail by '%s' to all recipients: it answered %ld to some",
                   options->server, answer);
}

/* What would send a password in the open, or show it in a message. */
static bool check(const struct mail_options *options, long tls, struct err *err)
{
    if (strchr(options->server, '@') != NULL) {
        (void)err_set(err, ERR_CONFIG, "could not send mail: the server's name holds a user");
        return err_hint(err, "SMTP_HOST names the server only: see SMTP_USER and SMTP_PASSWORD.");
    }
    if (tls == CURLUSESSL_NONE && options->user != NULL) {
        return err_set(err, ERR_CONFIG,
                       "could not send mail by '%s': a password would travel unencrypted",
                       options->server);
    }
    if (options->user != NULL && options->password == NULL) {
        return err_set(err, ERR_CONFIG, "could not send mail by '%s': there is no password",
                       options->server);
    }
    return true;
}

bool mail_probe(const struct mail_options *options, struct err *err)
{
    AUTO_BUF struct buf url = {0};
    long tls = CURLUSESSL_ALL;
    long answer = 0;
    server_url(str_of(options->server), &url, &tls);
    if (!check(options, tls, err)) {
        return false;
    }
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return err_set(err, ERR_INTERNAL, "could not reach the mail server: %s",
                       curl_easy_strerror(CURLE_FAILED_INIT));
    }
    set_up(curl, options, buf_z(&url), tls);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    CURLcode code = perform(curl, STR_NONE, &answer);
    curl_easy_cleanup(curl);
    return tell(code, answer, options->server, err);
}

bool mail_send(const struct mail_options *options, const struct mail_message *message,
               struct err *err)
{
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf url = {0};
    struct recipients recipients;
    long tls = CURLUSESSL_ALL;
    struct rng rng;
    rng_seed_system(&rng);
    server_url(str_of(options->server), &url, &tls);
    if (!check(options, tls, err) || !mail_compose(options, message, rng_next(&rng), &text, err) ||
        !split(options->to, &recipients, err)) {
        return false;
    }
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return err_set(err, ERR_INTERNAL, "could not send mail: %s",
                       curl_easy_strerror(CURLE_FAILED_INIT));
    }
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < recipients.count; i++) {
        char address[ADDRESS_BYTES];
        (void)snprintf(address, sizeof(address), "%.*s", STR_ARG(recipients.each[i]));
        list = curl_slist_append(list, address);
    }
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, list);
    set_up(curl, options, buf_z(&url), tls);
    bool ok = deliver(curl, options, buf_str(&text), recipients.count > 1, err);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return ok;
}
