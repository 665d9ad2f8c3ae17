/* store.c - see store.h. */
#include "store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

const char *const job_state_names[JOB_STATES] = {"queued", "running", "succeeded", "failed",
                                                 "cancelled"};

/* Each step brings a file of that version to the next one; new steps go to the end. */
static const char *const migrations[] = {
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, place INTEGER "
    "NOT NULL,"
    " publishing INTEGER NOT NULL, cancelling INTEGER NOT NULL, deaths INTEGER NOT NULL,"
    " best_step INTEGER NOT NULL, created INTEGER NOT NULL, started INTEGER NOT NULL,"
    " finished INTEGER NOT NULL, next_event INTEGER NOT NULL, parent INTEGER NOT NULL, model TEXT "
    "NOT NULL, key TEXT NOT NULL,"
    " digest TEXT NOT NULL, config TEXT NOT NULL, progress TEXT NOT NULL, error TEXT NOT NULL,"
    " result TEXT NOT NULL, warnings TEXT NOT NULL, sweep TEXT NOT NULL);"
    "CREATE INDEX jobs_by_state ON jobs(state, place);"
    "CREATE INDEX jobs_by_parent ON jobs(parent) WHERE parent>0;"
    "CREATE UNIQUE INDEX jobs_by_key ON jobs(key) WHERE key <> '';"
    "CREATE TABLE events(job INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY(job, number)) WITHOUT ROWID;",
};
enum { VERSION = sizeof migrations / sizeof *migrations };

#define COLUMNS                                                                                    \
    "id,state,place,publishing,cancelling,deaths,best_step,created,started,finished,next_event,"   \
    "parent,"                                                                                      \
    "model,key,digest,config,progress,error,result,warnings,sweep"
#define SELECT "SELECT " COLUMNS " FROM jobs WHERE "

typedef enum query {
    Q_BEGIN,
    Q_COMMIT,
    Q_ROLLBACK,
    Q_INSERT,
    Q_UPDATE,
    Q_DELETE,
    Q_DELETE_EVENTS,
    Q_GET,
    Q_KEY,
    Q_FIRST,
    Q_SWEEPS,
    Q_LIST,
    Q_RUNS,
    Q_COUNT,
    Q_AHEAD,
    Q_LEAST,
    Q_MOST,
    Q_OLDEST,
    Q_HAS,
    Q_KEPT,
    Q_NEXT_ID,
    Q_EVENT,
    Q_FORGET,
    Q_EVENTS,
    QUERIES
} query;

static const char *const sql[QUERIES] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_INSERT] = "INSERT INTO jobs(" COLUMNS
                 ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,"
                 "?17,?18,?19,?20,?21)",
    [Q_UPDATE] =
        "UPDATE jobs SET state=?2,place=?3,publishing=?4,cancelling=?5,deaths=?6,best_step=?7,"
        "started=?9,finished=?10,next_event=?11,model=?13,progress=?17,error=?18,result=?19 WHERE "
        "id=?1",
    [Q_DELETE] = "DELETE FROM jobs WHERE id=?1",
    [Q_DELETE_EVENTS] = "DELETE FROM events WHERE job=?1",
    [Q_GET] = SELECT "id=?1",
    [Q_KEY] = SELECT "key=?1 AND key<>''",
    [Q_FIRST] = SELECT "state=?1 AND (parent>0 OR sweep='') ORDER BY place LIMIT 1",
    [Q_SWEEPS] = SELECT "state=1 AND parent=0 AND sweep<>'' ORDER BY id",
    [Q_LIST] = SELECT "(?1<0 OR state=?1) AND id<?2 ORDER BY id DESC LIMIT ?3",
    [Q_RUNS] = SELECT "parent=?1 AND parent>0 ORDER BY id",
    [Q_COUNT] = "SELECT count(*) FROM jobs WHERE state=?1",
    [Q_AHEAD] = "SELECT count(*) FROM jobs WHERE state=0 AND place<?1",
    [Q_LEAST] = "SELECT coalesce(min(place),1)-1 FROM jobs WHERE state=0",
    [Q_MOST] = "SELECT coalesce(max(place),0)+1 FROM jobs WHERE state=0",
    [Q_OLDEST] = "SELECT coalesce(min(id),0) FROM jobs WHERE state>=2 AND parent=0",
    [Q_HAS] = "SELECT count(*) FROM jobs WHERE id=?1",
    [Q_KEPT] = "SELECT count(*) FROM jobs WHERE state>=2 AND parent=0",
    [Q_NEXT_ID] = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='jobs'),0)+1",
    [Q_EVENT] = "INSERT INTO events VALUES(?1,?2,?3,?4)",
    [Q_FORGET] = "DELETE FROM events WHERE job=?1 AND number=?2",
    [Q_EVENTS] = "SELECT number,kind,body FROM events WHERE job=?1 AND number>?2 ORDER BY number",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *stmt[QUERIES];
    int durable; /* what the connection is set to             */
    int failed;  /* SQLite's code of a write that failed in the transaction under way; 0: none */
    char why[256];
};

/* ---- statements ---------------------------------------------------------------------------------
 */

/* The statement, ready to be bound. */
static sqlite3_stmt *prepared(store *s, query q)
{
    if (!s->stmt[q] && sqlite3_prepare_v3(s->db, sql[q], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[q],
                                          NULL) != SQLITE_OK)
        return NULL;
    return s->stmt[q];
}

static void failed(store *s)
{
    if (s->failed)
        return;
    s->failed = sqlite3_errcode(s->db);
    snprintf(s->why, sizeof s->why, "%s", sqlite3_errmsg(s->db));
}

/* Run to the end; the first failure is remembered. */
static int done(store *s, sqlite3_stmt *q)
{
    int r = q ? sqlite3_step(q) : SQLITE_ERROR;
    if (r != SQLITE_DONE && r != SQLITE_ROW)
        failed(s);
    sqlite3_reset(q);
    return s->failed ? -1 : 0;
}

static int write_1(store *s, query q, int64_t a)
{
    sqlite3_stmt *st = prepared(s, q);
    sqlite3_bind_int64(st, 1, a);
    return done(s, st);
}

static int64_t number(store *s, query q, int64_t a)
{
    sqlite3_stmt *st = prepared(s, q);
    if (sqlite3_bind_parameter_count(st))
        sqlite3_bind_int64(st, 1, a);
    int64_t v = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return v;
}

/* ---- transactions
 * -------------------------------------------------------------------------------- */

static int tell(const store *s, ax_err *err)
{
    int code = s->failed & 0xff;
    return ax_fail(err, code == SQLITE_FULL ? AX_ELIMIT : AX_EIO,
                   "the state of the jobs cannot be written: %s", s->why);
}

int store_begin(store *s, int durable, ax_err *err)
{
    s->failed = 0;
    if (durable != s->durable) {
        sqlite3_exec(s->db, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL,
                     NULL, NULL);
        s->durable = durable;
    }
    return done(s, prepared(s, Q_BEGIN)) < 0 ? tell(s, err) : 0;
}

void store_cancel(store *s)
{
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_step(prepared(s, Q_ROLLBACK));
        sqlite3_reset(s->stmt[Q_ROLLBACK]);
    }
}

int store_end(store *s, ax_err *err)
{
    if (!s->failed)
        done(s, prepared(s, Q_COMMIT));
    if (!s->failed)
        return 0;
    store_cancel(s);
    return tell(s, err);
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
    sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_STATIC);
}

/* Parameters as in COLUMNS; those a statement does not have are not bound. */
static void bind_row(sqlite3_stmt *st, const job_row *j)
{
    const int64_t numbers[] = {j->id,         j->state,    j->place,      j->publishing,
                               j->cancelling, j->deaths,   j->best_step,  j->created,
                               j->started,    j->finished, j->next_event, j->parent};
    const char *const texts[] = {j->model, j->key,    j->digest,   j->config, j->progress,
                                 j->error, j->result, j->warnings, j->sweep};
    for (int i = 0; i < 12; i++)
        sqlite3_bind_int64(st, i + 1, numbers[i]);
    for (int i = 0; i < 9; i++)
        bind_text(st, i + 13, texts[i]);
}

static const char *text_at(sqlite3_stmt *st, int i, ax_arena *mem)
{
    const char *t = (const char *)sqlite3_column_text(st, i);
    return t ? ax_arena_strdup(mem, t) : NULL;
}

/* What kept a question from being answered. Always returns -1. */
static int unread(store *s, const char *why)
{
    snprintf(s->why, sizeof s->why, "%s", why);
    return -1;
}

int store_unread(const store *s, ax_err *err)
{
    return ax_fail(err, AX_EIO, "the state of the jobs cannot be read: %s", s->why);
}

/* 0 when there is no memory. */
static int read_row(sqlite3_stmt *st, ax_arena *mem, job_row *j)
{
    *j = (job_row){.id = sqlite3_column_int64(st, 0),
                   .place = sqlite3_column_int64(st, 2),
                   .publishing = sqlite3_column_int(st, 3),
                   .cancelling = sqlite3_column_int(st, 4),
                   .deaths = sqlite3_column_int(st, 5),
                   .best_step = sqlite3_column_int64(st, 6),
                   .created = sqlite3_column_int64(st, 7),
                   .started = sqlite3_column_int64(st, 8),
                   .finished = sqlite3_column_int64(st, 9),
                   .next_event = sqlite3_column_int64(st, 10),
                   .parent = sqlite3_column_int64(st, 11)};
    int state = sqlite3_column_int(st, 1);
    j->state = state >= 0 && state < JOB_STATES ? (job_state)state : JOB_FAILED;
    const char **texts[] = {&j->model, &j->key,    &j->digest,   &j->config, &j->progress,
                            &j->error, &j->result, &j->warnings, &j->sweep};
    for (int i = 0; i < 9; i++)
        if (!(*texts[i] = text_at(st, 12 + i, mem)))
            return 0;
    return 1;
}

/* The next row: 1, or 0 behind the last, or -1. */
static int next_row(store *s, sqlite3_stmt *st, ax_arena *mem, job_row *out)
{
    int r = st ? sqlite3_step(st) : SQLITE_ERROR;
    if (r == SQLITE_DONE)
        return 0;
    if (r != SQLITE_ROW)
        return unread(s, sqlite3_errmsg(s->db));
    return read_row(st, mem, out) ? 1 : unread(s, "out of memory");
}

static int one_row(store *s, sqlite3_stmt *st, ax_arena *mem, job_row *out)
{
    int found = next_row(s, st, mem, out);
    sqlite3_reset(st);
    return found;
}

static int each_row(store *s, sqlite3_stmt *st, ax_arena *mem, store_visit *fn, void *ctx)
{
    job_row j;
    int more;
    while ((more = next_row(s, st, mem, &j)) > 0)
        fn(ctx, &j);
    sqlite3_reset(st);
    return more;
}

int64_t store_next_id(store *s)
{
    int64_t id = number(s, Q_NEXT_ID, 0);
    return id > 0 ? id : unread(s, sqlite3_errmsg(s->db));
}

void store_insert(store *s, const job_row *j)
{
    sqlite3_stmt *st = prepared(s, Q_INSERT);
    bind_row(st, j);
    done(s, st);
}

void store_update(store *s, const job_row *j)
{
    sqlite3_stmt *st = prepared(s, Q_UPDATE);
    bind_row(st, j);
    done(s, st);
}

void store_delete(store *s, int64_t id)
{
    write_1(s, Q_DELETE_EVENTS, id);
    write_1(s, Q_DELETE, id);
}

int store_get(store *s, int64_t id, ax_arena *mem, job_row *out)
{
    sqlite3_stmt *st = prepared(s, Q_GET);
    sqlite3_bind_int64(st, 1, id);
    return one_row(s, st, mem, out);
}

int store_find_key(store *s, const char *key, ax_arena *mem, job_row *out)
{
    sqlite3_stmt *st = prepared(s, Q_KEY);
    bind_text(st, 1, key);
    return one_row(s, st, mem, out);
}

int store_first(store *s, job_state state, ax_arena *mem, job_row *out)
{
    sqlite3_stmt *st = prepared(s, Q_FIRST);
    sqlite3_bind_int(st, 1, state);
    return one_row(s, st, mem, out);
}

int store_list(store *s, int state, int64_t below, int limit, ax_arena *mem, store_visit *fn,
               void *ctx)
{
    sqlite3_stmt *st = prepared(s, Q_LIST);
    sqlite3_bind_int(st, 1, state);
    sqlite3_bind_int64(st, 2, below);
    sqlite3_bind_int(st, 3, limit);
    return each_row(s, st, mem, fn, ctx);
}

int store_runs(store *s, int64_t parent, ax_arena *mem, store_visit *fn, void *ctx)
{
    sqlite3_stmt *st = prepared(s, Q_RUNS);
    sqlite3_bind_int64(st, 1, parent);
    return each_row(s, st, mem, fn, ctx);
}

int store_sweeps(store *s, ax_arena *mem, store_visit *fn, void *ctx)
{
    return each_row(s, prepared(s, Q_SWEEPS), mem, fn, ctx);
}

int64_t store_count(store *s, job_state state)
{
    return number(s, Q_COUNT, state);
}

int64_t store_ahead(store *s, int64_t place)
{
    return number(s, Q_AHEAD, place);
}

int64_t store_least_place(store *s)
{
    return number(s, Q_LEAST, 0);
}

int64_t store_most_place(store *s)
{
    return number(s, Q_MOST, 0);
}

int store_has(store *s, int64_t id)
{
    sqlite3_stmt *st = prepared(s, Q_HAS);
    sqlite3_bind_int64(st, 1, id);
    int has = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) : -1;
    sqlite3_reset(st);
    return has;
}

int64_t store_finished(store *s)
{
    return number(s, Q_KEPT, 0);
}

int64_t store_oldest_finished(store *s)
{
    return number(s, Q_OLDEST, 0);
}

/* ---- events
 * -------------------------------------------------------------------------------------- */

void store_event(store *s, int64_t job, int64_t n, const char *kind, const char *body)
{
    sqlite3_stmt *st = prepared(s, Q_EVENT);
    sqlite3_bind_int64(st, 1, job);
    sqlite3_bind_int64(st, 2, n);
    bind_text(st, 3, kind);
    bind_text(st, 4, body);
    done(s, st);
}

void store_forget_event(store *s, int64_t job, int64_t n)
{
    sqlite3_stmt *st = prepared(s, Q_FORGET);
    sqlite3_bind_int64(st, 1, job);
    sqlite3_bind_int64(st, 2, n);
    done(s, st);
}

int store_events(store *s, int64_t job, int64_t after, store_read *fn, void *ctx)
{
    sqlite3_stmt *st = prepared(s, Q_EVENTS);
    sqlite3_bind_int64(st, 1, job);
    sqlite3_bind_int64(st, 2, after);
    int r, stop = 0, bad = 0;
    while (!stop && (r = st ? sqlite3_step(st) : SQLITE_ERROR) != SQLITE_DONE) {
        if (r != SQLITE_ROW) {
            stop = bad = unread(s, sqlite3_errmsg(s->db));
            continue;
        }
        const char *kind = (const char *)sqlite3_column_text(st, 1);
        const char *body = (const char *)sqlite3_column_text(st, 2);
        stop = kind && body ? fn(ctx, sqlite3_column_int64(st, 0), kind, body)
                            : (bad = unread(s, "out of memory"));
    }
    sqlite3_reset(st);
    return bad;
}

/* ---- opening
 * ------------------------------------------------------------------------------------- */

static int text_of(void *out, int n, char **values, char **names)
{
    (void)names;
    if (n && values[0])
        snprintf(out, 64, "%s", values[0]);
    return 0;
}

static int ask(store *s, const char *question, char answer[64])
{
    answer[0] = 0;
    return sqlite3_exec(s->db, question, text_of, answer, NULL) == SQLITE_OK ? 0 : -1;
}

static int damaged(const char *path, const char *how, ax_err *err)
{
    ax_fail(err, AX_ECORRUPT, "the database '%s' is damaged: %s", path, how);
    return ax_err_hint(err, "move it away and start again: jobs are lost, models are not");
}

/* What SQLite could not do when it opened the file. Of a full disk it says many things. */
static int unusable(const store *s, const char *path, ax_err *err)
{
    struct statvfs v;
    int code = s->db ? sqlite3_errcode(s->db) & 0xff : SQLITE_NOMEM;
    const char *how = s->db ? sqlite3_errmsg(s->db) : "out of memory";
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return damaged(path, how, err);
    int full = code == SQLITE_FULL || (statvfs(path, &v) == 0 && !v.f_bavail);
    return ax_fail(err, full ? AX_ELIMIT : AX_EIO, "the database '%s' cannot be used: %s%s", path,
                   how, full ? "; no space is left on its disk" : "");
}

static int migrate(store *s, const char *path, ax_err *err)
{
    char text[64];
    if (ask(s, "PRAGMA quick_check(1)", text) < 0)
        return unusable(s, path, err);
    if (strcmp(text, "ok"))
        return damaged(path, text, err);
    if (ask(s, "PRAGMA user_version", text) < 0)
        return unusable(s, path, err);
    int version = atoi(text);
    if (version > VERSION)
        return ax_fail(err, AX_EUNSUPPORTED,
                       "the database '%s' is of a newer axond (form %d, this one knows %d)", path,
                       version, VERSION);
    for (; version < VERSION; version++) {
        char step[64];
        snprintf(step, sizeof step, "PRAGMA user_version=%d", version + 1);
        if (store_begin(s, 1, err) < 0)
            return -1;
        if (sqlite3_exec(s->db, migrations[version], NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(s->db, step, NULL, NULL, NULL) != SQLITE_OK)
            failed(s);
        if (store_end(s, err) < 0)
            return -1;
    }
    return 0;
}

/* All questions can be asked: the tables are as they should be. */
static int prepare_all(store *s, const char *path, ax_err *err)
{
    for (int q = 0; q < QUERIES; q++)
        if (!prepared(s, (query)q)) {
            ax_fail(err, AX_ECORRUPT,
                    "the tables of the database '%s' are not those of this axond: %s", path,
                    sqlite3_errmsg(s->db));
            return ax_err_hint(err, "move it away and start again: jobs are lost, models are not");
        }
    return 0;
}

static int open_database(store *s, const char *folder, ax_err *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/axond.db", folder) >= (int)sizeof path)
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
        return unusable(s, path, err);
    s->durable = 1;
    char mode[64];
    if (ask(s, "PRAGMA journal_mode=WAL", mode) < 0 ||
        ask(s, "PRAGMA synchronous=FULL", mode) < 0 ||
        ask(s, "PRAGMA wal_autocheckpoint=250", mode) < 0) /* pages: the log stays at 1 MB */
        return unusable(s, path, err);
    return migrate(s, path, err) < 0 ? -1 : prepare_all(s, path, err);
}

store *store_open(const char *folder, ax_err *err)
{
    store *s = calloc(1, sizeof *s);
    if (!s) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    if (!open_database(s, folder, err))
        return s;
    store_close(s);
    return NULL;
}

void store_close(store *s)
{
    if (!s)
        return;
    for (int i = 0; i < QUERIES; i++)
        sqlite3_finalize(s->stmt[i]);
    sqlite3_close(s->db);
    free(s);
}
