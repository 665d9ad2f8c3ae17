/* workers.c - threads that take tasks from one queue; see workers.h. */
#include "workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "metrics.h"

struct workers {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    task *first, **last;
    int stopping, n;
    pthread_t thread[];
};

static void *worker(void *arg)
{
    workers *w = arg;
    metrics_thread();
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->stopping)
            pthread_cond_wait(&w->wake, &w->lock);
        task *t = w->first;
        if (!t)
            break;
        w->first = t->next;
        if (!w->first)
            w->last = &w->first;
        pthread_mutex_unlock(&w->lock);
        t->run(t);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

workers *workers_new(int threads, const char *name, ax_err *err)
{
    workers *w = calloc(1, sizeof *w + sizeof(pthread_t) * (size_t)threads);
    if (!w) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    w->last = &w->first;
    for (; w->n < threads; w->n++) {
        if (pthread_create(&w->thread[w->n], NULL, worker, w)) {
            ax_fail(err, AX_EIO, "cannot start thread %d of %d", w->n + 1, threads);
            workers_free(w);
            return NULL;
        }
        pthread_setname_np(w->thread[w->n], name);
    }
    return w;
}

void workers_free(workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = 1;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n; i++)
        pthread_join(w->thread[i], NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void workers_submit(workers *w, task *t)
{
    t->next = NULL;
    pthread_mutex_lock(&w->lock);
    *w->last = t;
    w->last = &t->next;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}
