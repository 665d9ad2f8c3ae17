/* config.c - the table of settings; see config.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* From TEXT on the value stays text; LISTEN, NAME and ORIGIN follow rules. */
typedef enum kind { INTEGER, CHOICE, TEXT, LISTEN, NAME, ORIGIN } kind;

typedef struct setting {
    const char *name; /* "max-batch": flag --max-batch, AXOND_MAX_BATCH, file key max-batch */
    kind kind;
    size_t at;         /* offset in config                                                   */
    const char *value; /* default as text; NULL: none                                       */
    int64_t lo, hi;
    const char *choices; /* "text|json": the value is its index                             */
    const char *unit, *help;
} setting;

#define AT(field) offsetof(config, field)
#define GIB       ((int64_t)1 << 30)

// clang-format off
static const setting settings[] = {
    {"config",             TEXT,    AT(file),               NULL,             0, 0, NULL, "FILE",  "settings, one name=value a line; # starts a comment"},
    {"listen",             LISTEN,  AT(listen),             "127.0.0.1:8080", 0, 0, NULL, "ADDR:PORT", "where to listen; a port alone means 127.0.0.1, 0.0.0.0 or [::] every address of this machine; port 0 takes a free one and prints it"},
    {"models",             TEXT,    AT(models),             "models",         0, 0, NULL, "DIR",   "the models: NAME.safetensors or NAME/VERSION/*.safetensors"},
    {"default-model",      NAME,    AT(default_model),      NULL,             0, 0, NULL, "NAME",  "the model of requests that name none"},
    {"state",              TEXT,    AT(state),              "state",          0, 0, NULL, "DIR",   "where training jobs are kept; made by the first one"},
    {"data",               TEXT,    AT(data),               NULL,             0, 0, NULL, "DIR",   "where named data sets are looked for first"},
    {"max-jobs",           INTEGER, AT(max_jobs),           "1",              1, 256, NULL, "N",   "trainings that run at once"},
    {"max-queued-jobs",    INTEGER, AT(max_queued_jobs),    "100",            1, 100000, NULL, "N", "trainings that wait; beyond it 429"},
    {"keep-jobs",          INTEGER, AT(keep_jobs),          "1000",           1, 100000, NULL, "N", "finished trainings that are remembered"},
    {"job-threads",        INTEGER, AT(job_threads),        "0",              0, 256, NULL, "N",   "threads of one training; 0: one per core"},
    {"job-nice",           INTEGER, AT(job_nice),           "19",             0, 19, NULL, "N",    "how much the server, and others, go before a training: 0 not at all"},
    {"job-memory",         INTEGER, AT(job_memory),         "0",              0, 1024 * GIB, NULL, "BYTES", "memory one training may take; 0: no bound of its own"},
    {"checkpoint-s",       INTEGER, AT(checkpoint_s),       "30",             1, 86400, NULL, "N", "seconds between the checkpoints of a training, beside those at epochs"},
    {"threads",            INTEGER, AT(threads),            "0",              0, 256, NULL, "N",   "event loops and threads of a computation; 0: one per core"},
    {"max-batch",          INTEGER, AT(max_batch),          "32",             1, 4096, NULL, "N",  "samples computed together"},
    {"max-delay-us",       INTEGER, AT(max_delay_us),       "0",              0, 1000000, NULL, "N", "microseconds a request may wait for others to join its batch"},
    {"max-queue",          INTEGER, AT(max_queue),          "1024",           1, 1000000, NULL, "N", "requests waiting for computation; beyond it 429"},
    {"max-rows",           INTEGER, AT(max_rows),           "65536",          1, 16777216, NULL, "N", "samples in one request"},
    {"max-evaluate",       INTEGER, AT(max_evaluate),       "1048576",        1, 16777216, NULL, "N", "numbers in one request to /activations/evaluate"},
    {"max-body",           INTEGER, AT(max_body),           "67108864",       1, GIB, NULL, "BYTES", "body of a request; beyond it 413"},
    {"max-model",          INTEGER, AT(max_model),          "1073741824",     1, 64 * GIB, NULL, "BYTES", "body of a model upload"},
    {"max-dataset",        INTEGER, AT(max_dataset),        "2147483648",     1, 64 * GIB, NULL, "BYTES", "body of a data set, and what it unpacks to; beyond it 413"},
    {"max-datasets",       INTEGER, AT(max_datasets),       "8589934592",     1, 1024 * GIB, NULL, "BYTES", "all data sets together; beyond it 507"},
    {"max-buffered",       INTEGER, AT(max_buffered),       "536870912",      1, 64 * GIB, NULL, "BYTES", "bodies held in memory at once; beyond it 503"},
    {"max-connections",    INTEGER, AT(max_connections),    "4096",           1, 1000000, NULL, "N", "open connections; beyond it 503"},
    {"request-timeout-ms", INTEGER, AT(request_timeout_ms), "30000",          1, 86400000, NULL, "N", "a prediction not done after this is answered 504"},
    {"idle-timeout-s",     INTEGER, AT(idle_timeout_s),     "60",             1, 86400, NULL, "N", "a connection without a request is closed after this"},
    {"header-timeout-s",   INTEGER, AT(header_timeout_s),   "10",             1, 3600, NULL, "N",  "a request's head must be here after this"},
    {"body-timeout-s",     INTEGER, AT(body_timeout_s),     "30",             1, 3600, NULL, "N",  "a body, or an answer, may take this long plus 1 s per 64 KiB"},
    {"drain-timeout-s",    INTEGER, AT(drain_timeout_s),    "30",             0, 3600, NULL, "N",  "after SIGTERM running requests have this long to finish"},
    {"inline-us",          INTEGER, AT(inline_us),          "2000",           0, 1000000, NULL, "N", "runs measured shorter than this happen in the event loop, others in a worker"},
    {"cors-origin",        ORIGIN,  AT(cors_origin),        NULL,             0, 0, NULL, "ORIGIN", "web pages of this origin may call (* for any); none by default"},
    {"api-key-file",       TEXT,    AT(api_key_file),       NULL,             0, 0, NULL, "FILE",  "one key a line; requests then need Authorization: Bearer KEY"},
    {"log-format",         CHOICE,  AT(log_json),           "text",           0, 0, "text|json", NULL, "how lines look"},
    {"log-level",          CHOICE,  AT(log_level),          "info",           0, 0, "error|warn|info|debug", NULL, "which lines appear"},
};
// clang-format on

enum { N_SETTINGS = sizeof settings / sizeof *settings };

static int find(const char *name, size_t n)
{
    for (int i = 0; i < N_SETTINGS; i++)
        if (strlen(settings[i].name) == n && !memcmp(settings[i].name, name, n))
            return i;
    return -1;
}

static int unknown(const char *where, const char *name, ax_err *err)
{
    const char *names[N_SETTINGS];
    for (int i = 0; i < N_SETTINGS; i++)
        names[i] = settings[i].name;
    const char *near = ax_nearest(name, names, N_SETTINGS);
    ax_fail(err, AX_EINVAL, "%s%sno setting is called '%s'%s%s%s", where, *where ? ": " : "", name,
            near ? ", did you mean '" : "; see axond serve --help", near ? near : "",
            near ? "'?" : "");
    return -1;
}

static int set_choice(const setting *s, const char *from, const char *value, int *out, ax_err *err)
{
    const char *c = s->choices;
    for (int i = 0; *c; i++) {
        size_t n = strcspn(c, "|");
        if (strlen(value) == n && !memcmp(c, value, n))
            return *out = i, 0;
        c += n + (c[n] == '|');
    }
    return ax_fail(err, AX_EINVAL, "%s: '%s' is not one of %s", from, value, s->choices);
}

int config_listen(const char *text, listen_at *out, ax_err *err)
{
    const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    const char *host = colon ? text : "127.0.0.1";
    size_t n = colon ? (size_t)(colon - text) : strlen(host), digits = strspn(port, "0123456789");
    int bare = memchr(host, ':', n) != NULL; /* an IPv6 address needs its brackets */
    size_t clean = strcspn(host, " \t/");
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']')
        host++, n -= 2, bare = 0;
    if (!n || !digits || digits > 5 || port[digits] || atoi(port) > 65535 || n >= sizeof out->host ||
        bare || clean < n || memchr(host, '[', n))
        return ax_fail(err, AX_EINVAL,
                       "'%.300s' is not ADDR:PORT with a port from 0 to 65535, as 127.0.0.1:8080 "
                       "or [::1]:8080, or a port alone",
                       text);
    memcpy(out->host, host, n);
    out->host[n] = 0;
    memcpy(out->port, port, digits + 1);
    return 0;
}

static int check_listen(const char *value, ax_err *err)
{
    listen_at where;
    return config_listen(value, &where, err);
}

static int check_name(const char *value, ax_err *err)
{
    return ax_name_ok(value)
               ? 0
               : ax_fail(err, AX_EINVAL,
                         "'%.100s' cannot be the name of a model, expected " AX_NAME_RULE, value);
}

/* What a browser sends in the header Origin; "null" would be every page that hides where it is. */
static int check_origin(const char *value, ax_err *err)
{
    size_t scheme = !strncmp(value, "http://", 7) ? 7 : !strncmp(value, "https://", 8) ? 8 : 0;
    const char *host = value + scheme;
    if (!strcmp(value, "*") || (scheme && *host && !strpbrk(host, "/?#@, \t*")))
        return 0;
    return ax_fail(err, AX_EINVAL,
                   "'%.100s' is not one origin, as https://page.example or http://localhost:3000 "
                   "(no path, no slash at the end), and not *",
                   value);
}

static int check(kind k, const char *value, ax_err *err)
{
    return k == LISTEN   ? check_listen(value, err)
           : k == NAME   ? check_name(value, err)
           : k == ORIGIN ? check_origin(value, err)
                         : 0;
}

/* Give a setting its value. `from` is how the user wrote it: "--max-batch", "AXOND_MAX_BATCH"... */
static int set(config *c, const setting *s, const char *from, const char *value, ax_err *err)
{
    void *field = (char *)c + s->at;
    if (s->kind == CHOICE)
        return set_choice(s, from, value, field, err);
    if (s->kind >= TEXT) {
        if (!*value)
            return ax_fail(err, AX_EINVAL, "%s: the value is empty, expected %s", from, s->unit);
        ax_err why;
        if (check(s->kind, value, &why) < 0)
            return ax_fail(err, why.code, "%s: %s", from, why.msg);
        char *copy = ax_arena_strdup(&c->mem, value);
        if (!copy)
            return ax_fail(err, AX_ENOMEM, "%s: out of memory", from);
        *(const char **)field = copy;
        return 0;
    }
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (!*value || *end || strchr(" \t\n", *value))
        return ax_fail(err, AX_EINVAL, "%s: '%s' is not a whole number (%lld to %lld)", from, value,
                       (long long)s->lo, (long long)s->hi);
    if (errno || v < s->lo || v > s->hi)
        return ax_fail(err, AX_ERANGE, "%s: %s is outside %lld to %lld", from, value,
                       (long long)s->lo, (long long)s->hi);
    *(int64_t *)field = v;
    return 0;
}

static const char *env_name(const setting *s, char *out, size_t size)
{
    snprintf(out, size, "AXOND_%s", s->name);
    for (char *p = out; *p; p++)
        *p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    return out;
}

int config_blame(const char *name, ax_err *err)
{
    char hint[sizeof err->hint];
    memcpy(hint, err->hint, sizeof hint);
    ax_fail(err, err->code, "--%s: %s", name, err->msg);
    return ax_err_hint(err, "%s", hint);
}

/* name=value lines. */
static int read_file(config *c, const char given[], ax_err *err)
{
    size_t size;
    char *text = ax_file_read(c->file, 1 << 20, &size, err);
    if (!text)
        return config_blame("config", err);
    int r = 0, number = 0;
    for (char *line = text, *next; line && !r; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        char where[300], *key = line + strspn(line, " \t\r");
        snprintf(where, sizeof where, "%s line %d", c->file, ++number);
        if (!*key || *key == '#')
            continue;
        char *eq = strchr(key, '=');
        if (!eq) {
            r = ax_fail(err, AX_EPARSE, "%s: expected name=value", where);
            break;
        }
        char *value = eq + 1 + strspn(eq + 1, " \t");
        while (eq > key && strchr(" \t", eq[-1]))
            eq--;
        *eq = 0;
        for (size_t n = strlen(value); n && strchr(" \t\r", value[n - 1]);)
            value[--n] = 0;
        int i = find(key, strlen(key));
        if (i <= 0)
            r = unknown(where, key, err);
        else if (!given[i]) {
            snprintf(where + strlen(where), sizeof where - strlen(where), ": %s", key);
            r = set(c, &settings[i], where, value, err);
            c->models_given |= !strcmp(key, "models");
        }
    }
    free(text);
    return r;
}

static int read_flags(config *c, int argc, char **argv, char given[], ax_err *err)
{
    for (int a = 1; a < argc; a++) {
        const char *arg = argv[a];
        if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
            return 1;
        if (strncmp(arg, "--", 2))
            return ax_fail(err, AX_EINVAL, "'%s' is not a flag; see axond serve --help", arg);
        const char *value = strchr(arg, '=');
        int i = find(arg + 2, value ? (size_t)(value - arg - 2) : strlen(arg + 2));
        if (i < 0) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", value ? (int)(value - arg - 2) : (int)sizeof name,
                     arg + 2);
            return unknown("", name, err);
        }
        char from[64];
        snprintf(from, sizeof from, "--%s", settings[i].name);
        if (!value && a + 1 == argc)
            return ax_fail(err, AX_EINVAL, "%s needs a value", from);
        if (set(c, &settings[i], from, value ? value + 1 : argv[++a], err) < 0)
            return -1;
        given[i] = 1;
    }
    return 0;
}

static int read_environment(config *c, char given[], ax_err *err)
{
    for (int i = 0; i < N_SETTINGS; i++) {
        char name[64];
        const char *value = given[i] ? NULL : getenv(env_name(&settings[i], name, sizeof name));
        if (!value || !*value)
            continue;
        if (set(c, &settings[i], name, value, err) < 0)
            return -1;
        given[i] = 1;
    }
    return 0;
}

int config_load(config *c, int argc, char **argv, ax_err *err)
{
    char given[N_SETTINGS] = {0};
    memset(c, 0, sizeof *c);
    for (int i = 0; i < N_SETTINGS; i++)
        if (settings[i].value && set(c, &settings[i], settings[i].name, settings[i].value, err) < 0)
            return -1;
    int r = read_flags(c, argc, argv, given, err);
    if (r)
        return r;
    if (read_environment(c, given, err) < 0)
        return -1;
    c->models_given = given[find("models", 6)];
    if (c->file && read_file(c, given, err) < 0)
        return -1;
    if (!c->threads) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        c->threads = cores < 1 ? 1 : cores > 256 ? 256 : cores;
    }
    return 0;
}

void config_free(config *c)
{
    ax_arena_fini(&c->mem);
}

const char *config_help(ax_arena *mem)
{
    char *text = ax_arena_strdup(mem, "usage: axond serve [--name value]...\n"
                                      "Each flag has an environment name, --max-batch is "
                                      "AXOND_MAX_BATCH; a flag beats the environment,\n"
                                      "which beats the file given with --config.\n\n");
    for (int i = 0; text && i < N_SETTINGS; i++) {
        const setting *s = &settings[i];
        char flag[64];
        snprintf(flag, sizeof flag, "--%s %s", s->name, s->kind == CHOICE ? s->choices : s->unit);
        text = ax_arena_printf(mem, "%s  %-36s %s%s%s%s\n", text, flag, s->help,
                               s->value ? " (" : "", s->value ? s->value : "", s->value ? ")" : "");
    }
    return text ? text : "";
}
