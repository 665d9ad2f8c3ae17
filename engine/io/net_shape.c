/* net_shape.c - what a spec says about shapes, checked where it says it: the layers reshape and
 * permute, and inputs that must agree.
 *
 * The ops would refuse the same, but they see the batch; people write shapes without it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/net_build.h"

enum { MAX_DIM = 1 << 24 };

static ax_shape without_batch(const ax_shape *s)
{
    ax_shape one = {.rank = s->rank - 1};
    memcpy(one.dim, s->dim + 1, (size_t)one.rank * sizeof one.dim[0]);
    return one;
}

ax_shape ax_build_sample_shape(const ax_builder *b, ax_val v)
{
    return without_batch(&b->g->val[v].desc.shape);
}

int ax_build_same_shapes(ax_builder *b, const ax_val *in, int n, int axis)
{
    ax_shape first = ax_build_sample_shape(b, in[0]);
    char one[160], other[160], but[40] = "";
    for (int i = 1; i < n; i++) {
        ax_shape s = ax_build_sample_shape(b, in[i]), like = s;
        if (axis && s.rank == first.rank)
            like.dim[axis - 1] = first.dim[axis - 1];
        if (ax_shape_equal(&like, &first))
            continue;
        if (axis)
            snprintf(but, sizeof but, " but for axis %d", axis - 1);
        ax_fail(b->err, AX_ESHAPE,
                "'%s': its inputs have the shapes %s and %s, expected the same%s",
                b->layer, ax_shape_str(&first, one, sizeof one),
                ax_shape_str(&s, other, sizeof other), but);
        return ax_err_in(b->err, "inputs[%d]", i);
    }
    return 0;
}

/* an array of integers in [lo,hi] into out[1..]; out[0] stays for the batch */
static int int_array(ax_builder *b, const cJSON *spec, const char *key, int64_t lo, int64_t hi,
                     int64_t *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(spec, key), *e;
    int n = 0;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) < 1 || cJSON_GetArraySize(v) >= AX_MAX_RANK) {
        ax_fail(b->err, AX_EINVAL, "'%s' needs \"%s\": an array of 1 to %d integers", b->layer,
                key, AX_MAX_RANK - 1);
        ax_err_in(b->err, "%s", key);
        return -1;
    }
    cJSON_ArrayForEach(e, v)
    {
        if (!cJSON_IsNumber(e) || e->valuedouble < (double)lo || e->valuedouble > (double)hi ||
            e->valuedouble != floor(e->valuedouble)) {
            ax_fail(b->err, AX_EINVAL, "'%s': expected an integer from %lld to %lld", b->layer,
                    (long long)lo, (long long)hi);
            ax_err_in(b->err, "%s[%d]", key, n);
            return -1;
        }
        out[++n] = (int64_t)e->valuedouble;
    }
    return n;
}

/* Do a sample's numbers fit into `to`, with at most one -1? */
static int check_reshape(ax_builder *b, ax_val in, const ax_shape *to)
{
    ax_shape x = ax_build_sample_shape(b, in), y = without_batch(to);
    char from[160], target[160];
    int64_t total = ax_shape_count(&x), known = 1;
    int open = 0; /* axes that are -1 */
    ax_shape_str(&x, from, sizeof from);
    ax_shape_str(&y, target, sizeof target);
    for (int i = 0; i < y.rank; i++) {
        open += y.dim[i] < 0;
        known = y.dim[i] < 0 ? known : ax_count_mul(known, y.dim[i]);
    }
    if (open > 1)
        ax_fail(b->err, AX_ESHAPE, "'%s': %s has -1 %d times, expected at most once", b->layer,
                target, open);
    else if (open && total % known)
        ax_fail(b->err, AX_ESHAPE,
                "'%s': cannot reshape %s to %s: its %lld numbers do not divide by %lld", b->layer,
                from, target, (long long)total, (long long)known);
    else if (!open && total != known)
        ax_fail(b->err, AX_ESHAPE,
                "'%s': cannot reshape %s to %s: it has %lld numbers, the target takes %lld",
                b->layer, from, target, (long long)total, (long long)known);
    else
        return 0;
    return ax_err_in(b->err, "target_shape");
}

int ax_build_reshape(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    ax_reshape_attr a = {0};
    int n = int_array(b, spec, "target_shape", -1, MAX_DIM, a.shape.dim);
    if (n < 0)
        return -1;
    a.shape.rank = n + 1;
    for (int i = 1; i <= n; i++)
        if (a.shape.dim[i] == 0) {
            ax_fail(b->err, AX_EINVAL, "'%s': a dimension of 0 has no elements", b->layer);
            return ax_err_in(b->err, "target_shape[%d]", i - 1);
        }
    if (check_reshape(b, in[0], &a.shape))
        return -1;
    *out = ax_graph_node(b->g, &ax_op_reshape, b->layer, &a, in, 1, b->err);
    return *out < 0 ? -1 : 0;
}

int ax_build_permute(ax_builder *b, const cJSON *spec, const ax_val *in, int n_in, ax_val *out)
{
    (void)n_in;
    int64_t dims[AX_MAX_RANK] = {0};
    int n = int_array(b, spec, "dims", 1, AX_MAX_RANK, dims);
    if (n < 0)
        return -1;
    ax_shape x = ax_build_sample_shape(b, in[0]);
    if (x.rank != n) {
        char text[160];
        ax_fail(b->err, AX_ESHAPE, "'%s' has %d \"dims\", but its input has %d axes: shape %s",
                b->layer, n, x.rank, ax_shape_str(&x, text, sizeof text));
        return ax_err_in(b->err, "dims");
    }
    ax_permute_attr a = {0};
    for (int i = 1, seen = 0; i <= n; i++) {
        a.perm[i] = (int)dims[i];
        if (dims[i] > n || seen >> dims[i] & 1) {
            ax_fail(b->err, AX_EINVAL, "'%s': axis %lld %s, expected each from 1 to %d once",
                    b->layer, (long long)dims[i],
                    dims[i] > n ? "is not there" : "is named twice", n);
            return ax_err_in(b->err, "dims[%d]", i - 1);
        }
        seen |= 1 << dims[i];
    }
    *out = ax_graph_node(b->g, &ax_op_permute, b->layer, &a, in, 1, b->err);
    return *out < 0 ? -1 : 0;
}
