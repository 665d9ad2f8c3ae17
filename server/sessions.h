/* sessions.h - sessions kept open for reuse, by model and outputs asked for.
 *
 * Planning a network costs far more than a small run, so an event loop or a model's runner keeps
 * the few it used last. Thread rule: a cache belongs to one thread at a time. */
#ifndef SERVER_SESSIONS_H
#define SERVER_SESSIONS_H

#include "problem.h"
#include "wire.h"

struct served;

enum { SESSIONS = 8 };

typedef struct session_cache {
    struct cached_session {
        struct served *model; /* a reference when the cache owns them                   */
        char *outputs;        /* names asked for, each with its 0; n_outputs of them    */
        int n_outputs;
        ax_session *session;
        int64_t batch, used;
    } entry[SESSIONS];
    int owns; /* entries hold references to their models                */
    int64_t clock;
} session_cache;

/* A session of m for the outputs that args asks for, ready for this many rows; NULL with why. It is
 * the cache's and stays valid until the next call. */
ax_session *sessions_get(session_cache *c, struct served *m, const wire_request *args, int64_t rows,
                         ax_pool *pool, problem *why);

/* Let go of sessions of models that are no longer served; call it now and then. */
void sessions_tidy(session_cache *c);
void sessions_close(session_cache *c);

/* Run one sample of zeros a few times and keep the shortest time. -1 with err when m cannot run. */
int sessions_measure(ax_model *m, int64_t *row_ns, ax_err *err);

#endif
