/* Any bytes as a model spec: what is accepted can be planned and run, and gives a sample the same
 * bits alone and in company. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUDGET = 32 << 20, FLOPS = 20 << 20, BATCH = 3 };

/* In place of the machine's: nothing here may take long. */
int64_t ax_memory_budget(void)
{
    return BUDGET;
}

/* Numbers in (-1,1) for every parameter; -1 when they would be too many. */
static int bind(ax_net *n)
{
    int64_t total = 0;
    for (int i = 0; i < n->n_inits; i++)
        total += ax_shape_count(&n->graph.val[n->inits[i].param].desc.shape);
    if (total > BUDGET / 16)
        return -1;
    for (int i = 0; i < n->n_inits; i++) {
        ax_value *v = &n->graph.val[n->inits[i].param];
        int64_t count = ax_shape_count(&v->desc.shape);
        float *p = v->data = AX_ARRAY(&n->graph.arena, float, count);
        for (int64_t k = 0; k < count; k++)
            p[k] = ax_rng_uniform((ax_rng){7, (uint64_t)i}, (uint64_t)k) - 0.25f;
    }
    return 0;
}

static void fill(ax_session *s, const ax_model_info *m, int64_t first, int64_t n)
{
    for (int i = 0; i < m->n_inputs; i++) {
        int64_t size = ax_shape_count(&m->inputs[i].shape);
        float *x = ax_session_input(s, i);
        for (int64_t k = 0; k < n * size; k++)
            x[k] = ax_rng_uniform((ax_rng){8, (uint64_t)i}, (uint64_t)(first * size + k));
    }
    ax_session_run(s, NULL);
}

static void run(ax_model *m)
{
    ax_err err;
    const ax_model_info *info = ax_model_get_info(m);
    ax_session *one = ax_session_open(m, &(ax_session_options){0}, &err);
    ax_session *all = ax_session_open(m, &(ax_session_options){0}, &err);
    assert(one && all);
    if (!ax_session_resize(one, 1, &err) && !ax_session_resize(all, BATCH, &err)) {
        fill(all, info, 0, BATCH);
        for (int64_t b = 0; b < BATCH; b++) {
            fill(one, info, b, 1);
            for (int i = 0; i < info->n_outputs; i++) {
                size_t n = (size_t)ax_shape_count(&info->outputs[i].shape);
                const float *y = ax_session_output(all, i);
                assert(!memcmp(ax_session_output(one, i), y + (size_t)b * n, n * sizeof *y));
            }
        }
    } else {
        assert(err.code == AX_ELIMIT);
    }
    ax_session_close(one);
    ax_session_close(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_err err = {0};
    ax_net n, training;
    cJSON *spec = ax_json_parse((const char *)data, size, &err);
    if (!spec)
        return 0;
    if (!ax_net_build(&training, spec, &(ax_net_training){.seed = 1}, 2, &err))
        ax_net_fini(&training);
    if (ax_net_build(&n, spec, NULL, 1, &err)) {
        assert(err.code != AX_OK && *err.msg);
    } else {
        int64_t flops = 0;
        for (int i = 0; i < n.n_layers; i++)
            flops = ax_count_add(flops, n.layers[i].flops);
        ax_model *m = flops > FLOPS || bind(&n) ? NULL : ax_model_of_net(&n, &err);
        if (m)
            run(m);
        ax_model_release(m);
        ax_net_fini(&n);
    }
    cJSON_Delete(spec);
    return 0;
}
