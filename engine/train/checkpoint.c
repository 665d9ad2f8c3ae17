/* checkpoint.c - one safetensors file from which a training goes on as if it had never stopped:
 * weights, optimizer slots, the best weights so far, and the counters.
 *
 * Random numbers need no state: they are functions of seed, stream and counters. Doubles are stored
 * as hexadecimal text, exactly. The file names the spec it belongs to by its hash. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/trainer.h"

/* One row per counter of the state. */
#define FIELD(f) #f, offsetof(ax_train_state, f)
static const struct field {
    const char *name;
    size_t offset;
    int real;
} fields[] = {
    {FIELD(step), 0},       {FIELD(epoch), 0},      {FIELD(in_epoch), 0}, {FIELD(samples), 0},
    {FIELD(seconds), 1},    {FIELD(loss_sum), 1},   {FIELD(correct), 0},  {FIELD(decided), 0},
    {FIELD(seen), 0},       {FIELD(best), 1},       {FIELD(best_epoch), 0}, {FIELD(waited), 0},
    {FIELD(loss), 1},       {FIELD(accuracy), 1},   {FIELD(val_loss), 1}, {FIELD(val_accuracy), 1},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

static char *state_text(ax_trainer *t)
{
    cJSON *o = cJSON_CreateObject();
    char text[64];
    snprintf(text, sizeof text, "%016" PRIx64, t->config.hash);
    cJSON_AddStringToObject(o, "spec", text);
    for (int i = 0; i < N_FIELDS; i++) {
        const char *p = (const char *)&t->state + fields[i].offset;
        if (fields[i].real)
            snprintf(text, sizeof text, "%a", *(const double *)(const void *)p);
        else
            snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)(const void *)p);
        cJSON_AddStringToObject(o, fields[i].name, text);
    }
    const ax_schedule *s = &t->config.schedule;
    snprintf(text, sizeof text, "%a %a %" PRId64, s->best, s->factor, s->waited);
    cJSON_AddStringToObject(o, "schedule", text);
    char *out = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    return out;
}

static int path_of(const ax_trainer *t, char *path, size_t size, ax_err *err)
{
    int n = snprintf(path, size, "%s/checkpoint.safetensors", t->options->checkpoint_dir);
    return n > 0 && (size_t)n < size ? 0 : ax_fail(err, AX_ELIMIT, "the checkpoint folder's name is too long");
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
            items[n] = (ax_st_item){ax_arena_printf(&a, "%s%s", prefix[k], v->name), {AX_F32, v->desc.shape, data[k]}};
            no_memory |= !items[n++].name;
        }
    }
    if (!items || !text || no_memory) {
        ax_fail(err, AX_ENOMEM, "no memory for a checkpoint");
    } else if (mkdir(t->options->checkpoint_dir, 0777) && errno != EEXIST) {
        ax_fail(err, AX_EIO, "cannot make the checkpoint folder '%s': %s", t->options->checkpoint_dir, strerror(errno));
    } else if (!path_of(t, path, sizeof path, err)) {
        ax_st_meta meta[] = {{"axond.checkpoint", text}, {"axond.spec", t->eval.spec}};
        bad = ax_safetensors_write(path, items, n, meta, 2, err);
    }
    cJSON_free(text);
    ax_arena_fini(&a);
    return bad;
}

static int read_state(ax_trainer *t, const char *text, ax_err *err)
{
    cJSON *o = text ? ax_json_parse(text, strlen(text), err) : NULL;
    const char *s;
    char want[32];
    snprintf(want, sizeof want, "%016" PRIx64, t->config.hash);
    if (!o)
        return ax_fail(err, AX_ECORRUPT, "the checkpoint does not say what it is");
    int bad = ax_json_str(o, "spec", "", &s, err);
    if (!bad && strcmp(s, want))
        bad = ax_fail(err, AX_EINVAL, "the checkpoint in '%s' belongs to another training spec", t->options->checkpoint_dir);
    for (int i = 0; !bad && i < N_FIELDS; i++) {
        char *p = (char *)&t->state + fields[i].offset;
        if ((bad = ax_json_str(o, fields[i].name, "0", &s, err)))
            break;
        if (fields[i].real)
            *(double *)(void *)p = strtod(s, NULL);
        else
            *(int64_t *)(void *)p = strtoll(s, NULL, 10);
    }
    ax_schedule *sc = &t->config.schedule;
    if (!bad && !(bad = ax_json_str(o, "schedule", "", &s, err)) &&
        sscanf(s, "%la %la %" SCNd64, &sc->best, &sc->factor, &sc->waited) != 3)
        bad = ax_fail(err, AX_ECORRUPT, "the checkpoint's schedule is damaged");
    cJSON_Delete(o);
    const ax_train_state *st = &t->state;
    if (!bad && (st->epoch < 0 || st->epoch > t->config.epochs || st->in_epoch < 0 || st->in_epoch >= t->steps_per_epoch ||
                 st->step != st->epoch * t->steps_per_epoch + st->in_epoch))
        bad = ax_fail(err, AX_ECORRUPT, "the checkpoint's counters contradict each other");
    return bad ? -1 : 0;
}

int ax_checkpoint_read(ax_trainer *t, ax_err *err)
{
    char path[4096], name[256];
    if (path_of(t, path, sizeof path, err))
        return -1;
    if (access(path, F_OK))
        return 0;
    ax_safetensors *f = ax_safetensors_open(path, err);
    int bad = !f || read_state(t, ax_safetensors_meta(f, "axond.checkpoint"), err);
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
    return bad ? -1 : 1;
}
