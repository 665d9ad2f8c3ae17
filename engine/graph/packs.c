/* packs.c - weights in the form kernels like, made once for what they hold; see plan.h.
 *
 * A pack is known by what it was made of: the kernel's function, the attributes, the shapes and the
 * numbers of all constant inputs; numbers that lie in the model's file by their place there, so
 * that a pack is found without them. So graphs that were made of one file for different shapes
 * share them, whatever their nodes are called and wherever folded numbers lie. */
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "graph/plan_impl.h"

typedef struct pack {
    struct pack *next;
    uint64_t made_of;
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

static uint64_t content(const ax_op *op, const ax_site *s, void *const *x, const ax_backed *backed)
{
    uint64_t h = ax_hash64(s->attr, op->attr_size);
    for (int i = 1; i < s->n_in; i++) {
        const ax_desc *d = &s->in[i];
        if (d->shape.rank < 0 || !x[i])
            continue;
        size_t bytes = (size_t)ax_shape_count(&d->shape) * ax_dtype_size(d->dtype);
        h = ax_hash64_more(h, d->shape.dim, (size_t)d->shape.rank * sizeof d->shape.dim[0]);
        uint64_t offset;
        if (ax_backed_where(backed, x[i], &offset))
            h = ax_hash64_more(h, &offset, sizeof offset);
        else
            h = ax_hash64_more(h, x[i], bytes);
    }
    return h;
}

/* A new first of the list, still without its numbers. */
static pack *add(ax_packs *p, uint64_t made_of, const ax_choice *c, ax_err *err)
{
    pack *k = malloc(sizeof *k);
    float *data = k ? aligned_floats(c->pack_floats) : NULL;
    if (!data) {
        free(k);
        ax_fail(err, AX_ENOMEM, "no memory for the %lld packed weights of a layer",
                (long long)c->pack_floats);
        return NULL;
    }
    *k = (pack){p->list, made_of, c->pack, c->pack_floats, data};
    return p->list = k;
}

/* With the numbers there that it is made of; afterwards nobody needs those. */
static int make(const ax_choice *c, const ax_site *s, void *const *x, ax_backed *backed,
                float *packed, ax_err *err)
{
    int n = 1, bad = 0;
    for (; n < s->n_in && !bad; n++)
        bad = c->unread >> n & 1 && x[n] && ax_backed_hold(backed, x[n], err) < 0;
    if (!bad)
        c->pack(s, x, packed);
    for (int i = 1; i < n - bad; i++)
        if (c->unread >> i & 1 && x[i])
            ax_backed_drop(backed, x[i], !bad);
    return bad ? -1 : 0;
}

const float *ax_packs_get(ax_packs *p, const ax_op *op, const ax_choice *c, const ax_site *s,
                          void *const *x, ax_backed *backed, ax_err *err)
{
    uint64_t made_of = content(op, s, x, backed);
    pthread_mutex_lock(&p->lock);
    pack *k = p->list;
    while (k && !(k->made_of == made_of && k->fn == c->pack && k->floats == c->pack_floats))
        k = k->next;
    if (!k && (k = add(p, made_of, c, err)) && make(c, s, x, backed, k->data, err)) {
        p->list = k->next;
        free(k->data);
        free(k);
        k = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    return k ? k->data : NULL;
}
