/* onnx_ops_grid.c - operators that pad, make grids and masks, regroup pixels and look them up; see
 * onnx_op.h. */
#include <math.h>
#include <string.h>

#include "io/onnx_op.h"
#include "math/element.h"

/* ---- padding, grids ---- */

static int pad_mode(onnx_site *s, ax_pad_mode *mode)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *how = onnx_text_or(s, "mode", "constant");
    for (int i = 0; i < 4; i++)
        if (!strcmp(how, names[i])) {
            *mode = (ax_pad_mode)i;
            return 0;
        }
    return ax_fail(s->err, AX_EINVAL, "mode '%.40s'; expected constant, reflect, edge or wrap",
                   how);
}

static int pad(onnx_site *s)
{
    const int64_t *pads, *axes = NULL;
    int64_t n, k = -1;
    ax_pad_attr a = {0};
    int rank = s->in[0]->desc.shape.rank;
    float value = onnx_float_or(s, "value", 0);
    if (pad_mode(s, &a.mode) || onnx_list(s, "pads", 1, &pads, &n) ||
        onnx_known_ints(s, 3, &axes, &k))
        return -1;
    if (n != 2 * (k >= 0 ? k : rank))
        return ax_fail(s->err, AX_EINVAL, "%lld paddings for %lld axes", (long long)n,
                       (long long)(k >= 0 ? k : rank));
    for (int64_t i = 0; i < n / 2; i++) {
        int axis = onnx_axis(s, k >= 0 ? axes[i] : i, rank);
        if (axis < 0)
            return -1;
        a.before[axis] = pads[i];
        a.after[axis] = pads[n / 2 + i];
    }
    size_t size = ax_dtype_size(s->in[0]->desc.dtype);
    if (s->n_in > 2 && s->in[2]) {
        if (!s->in[2]->data)
            return onnx_unknown(s, 2);
        if (s->in[2]->desc.dtype != s->in[0]->desc.dtype ||
            ax_shape_count(&s->in[2]->desc.shape) != 1)
            return ax_fail(s->err, AX_EINVAL,
                           "the value to pad with is not one number of the type of the input");
        memcpy(a.value, s->in[2]->data, size);
    } else if (s->in[0]->desc.dtype == AX_F32) {
        memcpy(a.value, &value, sizeof value);
    }
    return onnx_apply(s, &ax_op_pad, &a, s->in, 1, &s->out[0]);
}

/* The middle of x, or x in the middle of zeros. */
static int center(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *size, *axes = NULL;
    int64_t n, k = -1;
    ax_pad_attr a = {0};
    if (onnx_known_ints(s, 1, &size, &n) ||
        (onnx_attr(s, "axes") && onnx_list(s, "axes", 1, &axes, &k)))
        return -1;
    if (n != (k >= 0 ? k : x->rank))
        return ax_fail(s->err, AX_EINVAL, "%lld sizes for %lld axes", (long long)n,
                       (long long)(k >= 0 ? k : x->rank));
    for (int64_t i = 0; i < n; i++) {
        int axis = onnx_axis(s, k >= 0 ? axes[i] : i, x->rank);
        if (axis < 0)
            return -1;
        if (size[i] < 0)
            return ax_fail(s->err, AX_ERANGE, "axis %d cannot become %lld", axis,
                           (long long)size[i]);
        int64_t more = size[i] - x->dim[axis];
        a.before[axis] = more / 2;
        a.after[axis] = more - more / 2;
    }
    return onnx_apply(s, &ax_op_pad, &a, s->in, 1, &s->out[0]);
}

/* Opset 20 calls bilinear and bicubic linear and cubic. */
static int grid_sample(onnx_site *s)
{
    static const char *const modes[] = {"linear", "nearest", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    const char *mode = onnx_text_or(s, "mode", s->opset < 20 ? "bilinear" : "linear");
    const char *padding = onnx_text_or(s, "padding_mode", "zeros");
    int m = 0, p = 0;
    mode += s->opset < 20 && !strncmp(mode, "bi", 2) ? 2 : 0;
    while (m < 3 && strcmp(mode, modes[m]))
        m++;
    while (p < 3 && strcmp(padding, paddings[p]))
        p++;
    if (m == 3 || p == 3)
        return ax_fail(s->err, AX_EINVAL, "mode '%.40s' with padding_mode '%.40s'", mode, padding);
    ax_grid_sample_attr a = {(ax_grid_mode)m, (ax_grid_padding)p,
                             onnx_int_or(s, "align_corners", 0) != 0};
    return onnx_apply(s, &ax_op_grid_sample, &a, s->in, 2, &s->out[0]);
}

/* Elements of start, start + delta... before limit; -1 where there is no end, or no memory. */
static int64_t range_of_whole(int64_t start, int64_t limit, int64_t delta)
{
    __int128 span = (__int128)limit - start, n = 0;
    if (delta > 0 && span > 0)
        n = (span + delta - 1) / delta;
    else if (delta < 0 && span < 0)
        n = (span + delta + 1) / delta;
    return delta == 0 || n > 1 << 30 ? -1 : (int64_t)n;
}

static int64_t range_of_real(const double *v)
{
    double n = ceil((v[1] - v[0]) / v[2]);
    return !(fabs(n) <= 1 << 30) ? -1 : n > 0 ? (int64_t)n : 0;
}

/* In the type of the inputs; whole numbers exactly. */
static int range(onnx_site *s)
{
    double v[3];
    int64_t w[3] = {0};
    ax_dtype t = s->in[0]->desc.dtype;
    int whole = !ax_is_float(t);
    for (int i = 0; i < 3; i++) {
        const ax_onnx_value *x = s->in[i];
        if (!x->data)
            return onnx_unknown(s, i);
        if (ax_shape_count(&x->desc.shape) != 1 || x->desc.dtype != t)
            return ax_fail(s->err, AX_EINVAL, "input %d is not one number of type %s", i,
                           ax_dtype_name(t));
        v[i] = ax_real_read(t, x->data, 0);
        w[i] = whole ? ax_whole_read(t, x->data, 0) : 0;
    }
    int64_t n = whole ? range_of_whole(w[0], w[1], w[2]) : range_of_real(v);
    if (n < 0)
        return ax_fail(s->err, AX_ERANGE, "from %g to %g by %g", v[0], v[1], v[2]);
    char *data = onnx_alloc(s, n + 1, ax_dtype_size(t));
    for (int64_t i = 0; data && i < n; i++)
        if (whole)
            ax_whole_write(t, data, i, (int64_t)((uint64_t)w[0] + (uint64_t)i * (uint64_t)w[2]));
        else
            ax_real_write(t, data, i, v[0] + (double)i * v[2]);
    s->out[0] = (ax_onnx_value){"", {t, AX_SHAPE(n)}, data, AX_NONE};
    return data ? 0 : -1;
}

/* bools: row r, column c of the last two axes: c - r >= k (upper), or <= k */
static int triangle(onnx_site *s, int64_t rows, int64_t columns, int64_t k, int upper, int only,
                    ax_onnx_value *out)
{
    ax_shape shape = AX_SHAPE(rows, columns);
    int64_t n = ax_shape_count_checked(&shape, 1, s->err);
    uint8_t *yes = n < 0 ? NULL : onnx_alloc(s, n + 1, 1);
    for (int64_t i = 0; yes && i < n; i++) {
        int64_t d = i % columns - i / columns;
        yes[i] = only ? d == k : upper ? d >= k : d <= k;
    }
    *out = (ax_onnx_value){"", {AX_BOOL, shape}, yes, AX_NONE};
    return yes ? 0 : -1;
}

static int zero_of(onnx_site *s, ax_dtype t, ax_onnx_value *out)
{
    static const double nothing = 0;
    return onnx_constant(s, t, &(ax_shape){0}, &nothing, out);
}

static int trilu(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    const int64_t *k;
    int64_t n;
    ax_onnx_value mask, zero = {.name = ""};
    if (x->rank < 2)
        return ax_fail(s->err, AX_ESHAPE, "a tensor of rank %d, expected matrices", x->rank);
    if (onnx_known_ints(s, 1, &k, &n) ||
        triangle(s, x->dim[x->rank - 2], x->dim[x->rank - 1], n > 0 ? *k : 0,
                 onnx_int_or(s, "upper", 1) != 0, 0, &mask) ||
        zero_of(s, s->in[0]->desc.dtype, &zero))
        return -1;
    return onnx_where(s, &mask, s->in[0], &zero, &s->out[0]);
}

static int eye_like(onnx_site *s)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    ax_onnx_value mask, *in = &mask;
    ax_cast_attr to = {.to = s->in[0]->desc.dtype};
    int64_t type = onnx_int_or(s, "dtype", 0);
    if (x->rank != 2)
        return ax_fail(s->err, AX_ESHAPE, "a tensor of rank %d, expected a matrix", x->rank);
    if (type && ax_onnx_dtype((int)type, &to.to))
        return ax_fail(s->err, AX_EUNSUPPORTED, "the type %s is not taken",
                       ax_onnx_type_name((int)type));
    if (triangle(s, x->dim[0], x->dim[1], onnx_int_or(s, "k", 0), 0, 1, &mask))
        return -1;
    return onnx_apply(s, &ax_op_cast, &to, &in, 1, &s->out[0]);
}

/* ---- blocks of pixels ---- */

/* (n, c, h, w) as six axes, in another order, as four */
static int regroup(onnx_site *s, const ax_shape *six, const int *perm, const ax_shape *four)
{
    ax_permute_attr a = {0};
    ax_onnx_value x = {.name = ""}, y = {.name = ""}, *in = &x;
    memcpy(a.perm, perm, 6 * sizeof *perm);
    if (onnx_reshaped(s, s->in[0], six, &x) || onnx_apply(s, &ax_op_permute, &a, &in, 1, &y))
        return -1;
    return onnx_reshaped(s, &y, four, &s->out[0]);
}

static int block_of(onnx_site *s, int64_t *b)
{
    *b = onnx_int_or(s, "blocksize", 0);
    if (s->in[0]->desc.shape.rank != 4 || *b < 1 || *b > 1 << 15)
        return ax_fail(s->err, AX_EINVAL, "blocks of %lld in a tensor of rank %d", (long long)*b,
                       s->in[0]->desc.shape.rank);
    return 0;
}

static int depth_to_space(onnx_site *s)
{
    int64_t b;
    const int64_t *d = s->in[0]->desc.shape.dim;
    if (block_of(s, &b))
        return -1;
    ax_shape to = AX_SHAPE(d[0], d[1] / (b * b), d[2] * b, d[3] * b);
    if (!strcmp(onnx_text_or(s, "mode", "DCR"), "CRD"))
        return regroup(s, &AX_SHAPE(d[0], d[1] / (b * b), b, b, d[2], d[3]),
                       (int[]){0, 1, 4, 2, 5, 3}, &to);
    return regroup(s, &AX_SHAPE(d[0], b, b, d[1] / (b * b), d[2], d[3]), (int[]){0, 3, 4, 1, 5, 2},
                   &to);
}

static int space_to_depth(onnx_site *s)
{
    int64_t b;
    const int64_t *d = s->in[0]->desc.shape.dim;
    if (block_of(s, &b))
        return -1;
    ax_shape to = AX_SHAPE(d[0], d[1] * b * b, d[2] / b, d[3] / b);
    return regroup(s, &AX_SHAPE(d[0], d[1], d[2] / b, b, d[3] / b, b), (int[]){0, 3, 5, 1, 2, 4},
                   &to);
}

// clang-format off
const onnx_row onnx_rows_grid[] = {
    {"Pad", 2, 1, 4, "mode pads value", pad, 0},
    {"Range", 11, 3, 3, "", range, 0},
    {"Trilu", 14, 1, 2, "upper", trilu, 0},
    {"EyeLike", 9, 1, 1, "dtype k", eye_like, 0},
    {"CenterCropPad", 18, 2, 2, "axes", center, 0},
    {"GridSample", 16, 2, 2, "align_corners mode padding_mode", grid_sample, 1},
    {"DepthToSpace", 1, 1, 1, "blocksize mode", depth_to_space, 0},
    {"SpaceToDepth", 1, 1, 1, "blocksize", space_to_depth, 0},
    {0},
};
// clang-format on
