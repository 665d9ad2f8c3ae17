/* packs.c - weights in the form kernels like, made once per node; see plan.h. */
#include <pthread.h>
#include <stdlib.h>

#include "graph/plan_impl.h"

typedef struct pack {
    struct pack *next;
    int node;
    void (*fn)(const ax_site *, void *const *, float *);
    int64_t floats;
    float *data;
} pack;

struct ax_packs {
    pthread_mutex_t lock; /* guards list */
    pack *list;
};

ax_packs *ax_packs_new(void)
{
    ax_packs *p = calloc(1, sizeof *p);
    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void ax_packs_free(ax_packs *p)
{
    if (!p)
        return;
    for (pack *k = p->list, *next; k; k = next) {
        next = k->next;
        free(k->data);
        free(k);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int64_t ax_packs_bytes(ax_packs *p)
{
    int64_t bytes = 0;
    pthread_mutex_lock(&p->lock);
    for (pack *k = p->list; k; k = k->next)
        bytes += k->floats * (int64_t)sizeof(float);
    pthread_mutex_unlock(&p->lock);
    return bytes;
}

static float *aligned_floats(int64_t n)
{
    return aligned_alloc(64, ((size_t)n * sizeof(float) + 127) & ~(size_t)63);
}

const float *ax_packs_get(ax_packs *p, int node, const ax_choice *c, const ax_site *s,
                          void *const *x)
{
    pthread_mutex_lock(&p->lock);
    pack *k = p->list;
    while (k && !(k->node == node && k->fn == c->pack && k->floats == c->pack_floats))
        k = k->next;
    if (!k && (k = malloc(sizeof *k))) {
        *k = (pack){p->list, node, c->pack, c->pack_floats, aligned_floats(c->pack_floats)};
        if (k->data) {
            c->pack(s, x, k->data);
            p->list = k;
        } else {
            free(k);
            k = NULL;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return k ? k->data : NULL;
}
