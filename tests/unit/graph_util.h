/* graph_util.h - what the tests of engine/graph share: repeatable numbers, graphs filled with them,
 * and running one without ceremony. */
#ifndef GRAPH_UTIL_H
#define GRAPH_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plan.h"
#include "ops/ops.h"

static inline uint32_t noise(uint64_t i)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ (i >> 30)) * 0xBF58476D1CE4E5B9u;
    i = (i ^ (i >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(i >> 32);
}

/* n numbers in [-1,1) that depend on the seed alone */
static inline void fill_noise(float *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((int32_t)noise(seed * 1000003 + (uint64_t)i) / 2147483648.0);
}

/* Bind every parameter of g that has no numbers yet; they live in the graph's arena. */
static inline void bind_noise(ax_graph *g, uint64_t seed)
{
    for (int v = 0; v < g->n_val; v++) {
        if (g->val[v].kind != AX_VAL_PARAM || g->val[v].data)
            continue;
        int64_t n = ax_shape_count(&g->val[v].desc.shape);
        float *p = AX_ARRAY(&g->arena, float, n);
        assert_non_null(p);
        fill_noise(p, n, seed + (uint64_t)v);
        g->val[v].data = p;
    }
}

/* The graph's inputs as concrete descs with this batch (0: as they are); gives their number. */
static inline int input_descs(const ax_graph *g, int64_t batch, ax_desc *out)
{
    int n = 0;
    for (int v = 0; v < g->n_val; v++)
        if (g->val[v].kind == AX_VAL_INPUT) {
            out[n] = g->val[v].desc;
            if (batch && out[n].shape.rank)
                out[n].shape.dim[0] = batch;
            n++;
        }
    return n;
}

static inline ax_plan *plan_of(const ax_graph *g, const ax_val *outputs, int n, int64_t batch,
                               ax_packs *packs)
{
    ax_desc in[16];
    ax_err err = {0};
    input_descs(g, batch, in);
    ax_plan_options o = {
        .outputs = outputs, .n_outputs = n, .inputs = in, .packs = packs, .threads = 1};
    ax_plan *p = ax_plan_new(g, &o, &err);
    if (!p)
        fail_msg("plan: %s", err.msg);
    return p;
}

/* Run with noise as inputs; out[i] receives a copy of output i, which the caller frees. */
static inline void run_noise(const ax_graph *g, const ax_val *outputs, int n, int64_t batch,
                             ax_packs *packs, uint64_t seed, float **out, int64_t *count)
{
    ax_plan *p = plan_of(g, outputs, n, batch, packs);
    ax_exec *e = ax_exec_new(p, NULL, NULL);
    ax_desc in[16];
    int inputs = input_descs(g, batch, in);
    assert_non_null(e);
    for (int i = 0; i < inputs; i++)
        if (ax_exec_input(e, i))
            fill_noise(ax_exec_input(e, i), ax_shape_count(&in[i].shape), seed + (uint64_t)i);
    ax_exec_run(e);
    for (int i = 0; i < n; i++) {
        count[i] = ax_shape_count(&ax_plan_output(p, i)->shape);
        out[i] = malloc((size_t)count[i] * sizeof(float) + 1);
        memcpy(out[i], ax_exec_output(e, i), (size_t)count[i] * sizeof(float));
    }
    ax_exec_free(e);
    ax_plan_free(p);
}

#endif
