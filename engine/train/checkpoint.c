/* checkpoint.c - one safetensors file from which a training goes on as if it had never stopped:
 * weights, optimizer slots, the best weights so far, and the counters.
 *
 * Random numbers need no state: they are functions of seed, stream and counters. Doubles are stored
 * as hexadecimal text, exactly. The file names the spec it belongs to by its hash, and carries the
 * hash of its own content: a damaged one is refused, as a model is. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "train/trainer.h"

/* One row per counter of the state. */
#define FIELD(f) #f, offsetof(ax_train_state, f)
static const struct field {
    const char *name;
    size_t offset;
    int real;
} fields[] = {
    {FIELD(step), 0},    {FIELD(epoch), 0},    {FIELD(in_epoch), 0},   {FIELD(samples), 0},
    {FIELD(seconds), 1}, {FIELD(loss_sum), 1}, {FIELD(correct), 0},    {FIELD(decided), 0},
    {FIELD(seen), 0},    {FIELD(best), 1},     {FIELD(best_epoch), 0}, {FIELD(waited), 0},
    {FIELD(loss), 1},    {FIELD(accuracy), 1}, {FIELD(val_loss), 1},   {FIELD(val_accuracy), 1},
};
enum { PATIENCE_S = 60 };
enum { N_FIELDS = sizeof fields / sizeof *fields };

static int put(cJSON *o, const char *key, const char *text)
{
    return ax_json_put(o, key, cJSON_CreateString(text));
}

static int put_field(const ax_trainer *t, const struct field *f, cJSON *o)
{
    const char *p = (const char *)&t->state + f->offset;
    char text[64];
    if (f->real)
        snprintf(text, sizeof text, "%a", *(const double *)(const void *)p);
    else
        snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)(const void *)p);
    return put(o, f->name, text);
}

static char *state_text(const ax_trainer *t)
{
    cJSON *o = cJSON_CreateObject();
    const ax_schedule *s = &t->config.schedule;
    char spec[32], schedule[128];
    snprintf(spec, sizeof spec, "%016" PRIx64, t->config.hash);
    snprintf(schedule, sizeof schedule, "%a %a %" PRId64, s->best, s->factor, s->waited);
    int bad = put(o, "spec", spec) || put(o, "schedule", schedule);
    for (int i = 0; !bad && i < N_FIELDS; i++)
        bad = put_field(t, &fields[i], o);
    char *out = bad ? NULL : ax_json_text(o, 0);
    cJSON_Delete(o);
    return out;
}

static int path_of(const ax_trainer *t, char *path, size_t size, ax_err *err)
{
    int n = snprintf(path, size, "%s/checkpoint.safetensors", t->options->checkpoint_dir);
    return n > 0 && (size_t)n < size
               ? 0
               : ax_fail(err, AX_ELIMIT, "the checkpoint folder's name is too long");
}

/* The arrays of parameter i: itself, its slots, its best. Gives their number. */
static int arrays_of(const ax_trainer *t, int i, const char *prefix[4], float *data[4])
{
    int n = 0;
    prefix[n] = "", data[n++] = ax_param_data(t, i);
    if (t->slots[0] && t->slots[0][i])
        prefix[n] = "optimizer/0/", data[n++] = t->slots[0][i];
    if (t->slots[1] && t->slots[1][i])
        prefix[n] = "optimizer/1/", data[n++] = t->slots[1][i];
    if (t->best)
        prefix[n] = "best/", data[n++] = t->best[i];
    return n;
}

static void tell_wait(const ax_trainer *t)
{
    ax_err w = {.code = AX_EEXIST};
    if (!t->options->warn)
        return;
    ax_fail(
        &w, AX_EEXIST,
        "another training uses the checkpoint folder '%s'; waiting up to %d seconds for its end",
        t->options->checkpoint_dir, PATIENCE_S);
    t->options->warn(t->options->ctx, &w);
}

/* The folder is one training's at a time. Another one that is there may be about to stop: a server
 * was killed, its training has not noticed yet, and the next server goes on with it. */
static int take_lock(ax_trainer *t, ax_err *err)
{
    char path[4096];
    const char *dir = t->options->checkpoint_dir;
    if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path)
        return ax_fail(err, AX_ELIMIT, "the checkpoint folder's name is too long");
    t->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (t->lock < 0)
        return ax_fail(err, AX_EIO, "'%s' cannot be made: %s", path, strerror(errno));
    for (int tenths = 0; flock(t->lock, LOCK_EX | LOCK_NB); tenths++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ax_fail(err, AX_EIO, "'%s' cannot be locked: %s", path, strerror(errno));
        if (!tenths)
            tell_wait(t);
        if (tenths == PATIENCE_S * 10) {
            ax_fail(err, AX_EEXIST, "another training uses the checkpoint folder '%s'", dir);
            return ax_err_hint(err, "give each its own folder");
        }
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    return 0;
}

int ax_checkpoint_prepare(ax_trainer *t, ax_err *err)
{
    char path[4096];
    ax_outfile f;
    if (path_of(t, path, sizeof path, err) || ax_make_folder(t->options->checkpoint_dir, err) ||
        take_lock(t, err) || ax_outfile_open(&f, path, err))
        return -1;
    ax_outfile_abort(&f);
    return 0;
}

int ax_checkpoint_write(ax_trainer *t, ax_err *err)
{
    char path[4096];
    ax_arena a;
    ax_arena_init(&a, 0);
    int n = 0, bad = -1, no_memory = 0;
    ax_st_item *items = AX_ARRAY(&a, ax_st_item, 4 * t->net.n_inits);
    char *text = state_text(t);
    for (int i = 0; items && i < t->net.n_inits; i++) {
        const ax_value *v = &t->net.graph.val[t->net.inits[i].param];
        const char *prefix[4];
        float *data[4];
        int m = arrays_of(t, i, prefix, data);
        for (int k = 0; k < m; k++) {
            items[n] = (ax_st_item){ax_arena_printf(&a, "%s%s", prefix[k], v->name),
                                    {AX_F32, v->desc.shape, data[k]}};
            no_memory |= !items[n++].name;
        }
    }
    if (!items || !text || no_memory) {
        ax_fail(err, AX_ENOMEM, "no memory for a checkpoint");
    } else if (!path_of(t, path, sizeof path, err)) {
        ax_st_meta meta[] = {
            {"axond.checkpoint", text}, {"axond.spec", t->eval.spec}, {AX_ST_HASH, NULL}};
        bad = ax_safetensors_write(path, items, n, meta, 3, err);
    }
    cJSON_free(text);
    ax_arena_fini(&a);
    return bad;
}

/* One counter, all of its text. */
static int read_field(ax_trainer *t, const cJSON *o, const struct field *f, ax_err *err)
{
    char *p = (char *)&t->state + f->offset, *end;
    const char *s;
    if (ax_json_str(o, f->name, "", &s, err))
        return -1;
    if (f->real) {
        *(double *)(void *)p = strtod(s, &end);
    } else {
        int64_t v = strtoll(s, &end, 10);
        *(int64_t *)(void *)p = v;
        if (v < 0)
            end = (char *)(uintptr_t)s;
    }
    return end > s && !*end
               ? 0
               : ax_fail(err, AX_ECORRUPT, "the checkpoint's %s is damaged: '%.40s'", f->name, s);
}

static int check_state(const ax_trainer *t, ax_err *err)
{
    const ax_train_state *s = &t->state;
    int sound = s->epoch <= t->config.epochs && s->in_epoch < t->steps_per_epoch &&
                s->step == s->epoch * t->steps_per_epoch + s->in_epoch &&
                s->seen == s->in_epoch * t->config.batch_size && s->correct <= s->decided &&
                s->best_epoch <= s->epoch && s->waited <= s->epoch;
    return sound ? 0 : ax_fail(err, AX_ECORRUPT, "the checkpoint's counters contradict each other");
}

static int read_state(ax_trainer *t, const char *text, ax_err *err)
{
    cJSON *o = text ? ax_json_parse(text, strlen(text), NULL) : NULL;
    const char *s;
    char want[32];
    ax_schedule *sc = &t->config.schedule;
    int bad = -1;
    snprintf(want, sizeof want, "%016" PRIx64, t->config.hash);
    if (!o) {
        ax_fail(err, AX_ECORRUPT, "the checkpoint does not say what it is");
        goto done;
    }
    if (ax_json_str(o, "spec", "", &s, err))
        goto done;
    if (strcmp(s, want)) {
        ax_fail(err, AX_EINVAL, "the checkpoint in '%s' belongs to another training spec",
                t->options->checkpoint_dir);
        goto done;
    }
    for (int i = 0; i < N_FIELDS; i++)
        if (read_field(t, o, &fields[i], err))
            goto done;
    if (ax_json_str(o, "schedule", "", &s, err))
        goto done;
    if (sscanf(s, "%la %la %" SCNd64, &sc->best, &sc->factor, &sc->waited) != 3)
        ax_fail(err, AX_ECORRUPT, "the checkpoint's schedule is damaged");
    else
        bad = check_state(t, err);
done:
    cJSON_Delete(o);
    return bad;
}

int ax_checkpoint_read(ax_trainer *t, ax_err *err)
{
    char path[4096], name[256];
    if (path_of(t, path, sizeof path, err))
        return -1;
    if (access(path, F_OK))
        return 0;
    ax_safetensors *f = ax_safetensors_open(path, err);
    int bad = !f || ax_safetensors_verify(f, err) < 0 ||
              read_state(t, ax_safetensors_meta(f, "axond.checkpoint"), err);
    for (int i = 0; !bad && i < t->net.n_inits; i++) {
        const ax_value *v = &t->net.graph.val[t->net.inits[i].param];
        const char *prefix[4];
        float *data[4];
        int n = arrays_of(t, i, prefix, data);
        for (int k = 0; !bad && k < n; k++) {
            snprintf(name, sizeof name, "%s%s", prefix[k], v->name);
            bad = ax_safetensors_copy(f, name, AX_F32, &v->desc.shape, data[k], err);
        }
    }
    ax_safetensors_close(f);
    if (bad)
        ax_err_hint(err, "without --resume the training starts from the beginning");
    return bad ? -1 : 1;
}
