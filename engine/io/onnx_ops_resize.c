/* onnx_ops_resize.c - Resize and Upsample; see onnx_op.h.
 *
 * All their modes are sums along one axis at a time: for each place of the result a few places of
 * the input and their weights. These tables are made here, and ops/resample.c does the rest.
 * Coordinates are worked out in float, as ONNX Runtime does: which pixel is the nearest hangs on
 * the rounding. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/ints.h"
#include "base/memory.h"
#include "io/onnx_op.h"

typedef enum mode { NEAREST, LINEAR, CUBIC } mode;
typedef enum transform {
    HALF_PIXEL,
    ASYMMETRIC,
    ALIGN_CORNERS,
    PYTORCH_HALF_PIXEL,
    TF_HALF_PIXEL_FOR_NN,
    TF_CROP_AND_RESIZE,
    HALF_PIXEL_SYMMETRIC
} transform;
/* DOWN_CEIL: Resize of opset 10 does not say; ONNX Runtime rounds up where it makes smaller. */
typedef enum rounding { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, DOWN_CEIL } rounding;

typedef struct resize {
    mode mode;
    transform transform;
    rounding rounding;
    int exclude_outside, antialias;
    double cubic_a;
    float extrapolation;
    int64_t size[AX_MAX_RANK];
    float scale[AX_MAX_RANK], from[AX_MAX_RANK], to[AX_MAX_RANK]; /* to, from: the region */
} resize;

/* ---- attributes and inputs ---- */

static int word_of(onnx_site *s, const char *attr, const char *otherwise, const char *const *words,
                   int n, int *out)
{
    const char *text = onnx_text_or(s, attr, otherwise);
    for (*out = 0; *out < n; (*out)++)
        if (!strcmp(text, words[*out]))
            return 0;
    return ax_fail(s->err, AX_EINVAL, "%s '%.40s' is not one of its words", attr, text);
}

#define WORD(s, attr, otherwise, words, out)                                                       \
    word_of(s, attr, otherwise, words, (int)(sizeof(words) / sizeof *(words)), out)

static int read_words(onnx_site *s, resize *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const transforms[] = {
        "half_pixel",           "asymmetric",         "align_corners",       "pytorch_half_pixel",
        "tf_half_pixel_for_nn", "tf_crop_and_resize", "half_pixel_symmetric"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil"};
    int m, t, n;
    if (WORD(s, "mode", "nearest", modes, &m) ||
        WORD(s, "coordinate_transformation_mode", "half_pixel", transforms, &t) ||
        WORD(s, "nearest_mode", "round_prefer_floor", roundings, &n))
        return -1;
    r->mode = (mode)m;
    r->transform = (transform)t;
    r->rounding = (rounding)n;
    return 0;
}

/* Input i as float32 numbers that are known; an absent or empty one: *n = 0. */
static int known_floats(onnx_site *s, int i, const float **v, int64_t *n)
{
    *n = 0;
    if (i >= s->n_in || !s->in[i])
        return 0;
    const ax_onnx_value *x = s->in[i];
    int64_t count = ax_shape_count(&x->desc.shape);
    if (count && !x->data)
        return onnx_unknown(s, i);
    if (count && x->desc.dtype != AX_F32)
        return ax_fail(s->err, AX_ETYPE, "input %d ('%.64s') is %s, expected float32", i, x->name,
                       ax_dtype_name(x->desc.dtype));
    *v = x->data;
    *n = count;
    return 0;
}

/* The axes that sizes, scales and the region are about. */
typedef struct axes {
    int n, axis[AX_MAX_RANK];
} axes;

static int read_axes(onnx_site *s, axes *a)
{
    const ax_onnx_attr *said = onnx_attr(s, "axes");
    int rank = s->in[0]->desc.shape.rank;
    unsigned seen = 0;
    a->n = said ? (int)min64(said->n, AX_MAX_RANK + 1) : rank;
    if (said && (said->type != AX_ONNX_A_INTS || a->n > rank))
        return ax_fail(s->err, AX_EINVAL, "axes is no list of at most %d axes", rank);
    for (int i = 0; i < a->n; i++) {
        int axis = said ? onnx_axis(s, said->ints[i], rank) : i;
        if (axis < 0)
            return -1;
        if (seen >> axis & 1)
            return ax_fail(s->err, AX_EINVAL, "axis %d is named twice", axis);
        seen |= 1u << axis;
        a->axis[i] = axis;
    }
    return 0;
}

static int wrong_count(onnx_site *s, const char *what, int64_t n, int expected)
{
    return ax_fail(s->err, AX_EINVAL, "%lld %s for %d axes", (long long)n, what, expected);
}

static int set_scales(onnx_site *s, const axes *a, const float *scale, int64_t n, resize *r)
{
    if (n != a->n)
        return wrong_count(s, "scales", n, a->n);
    for (int i = 0; i < a->n; i++) {
        int axis = a->axis[i];
        float size = (float)s->in[0]->desc.shape.dim[axis] * scale[i];
        if (!(scale[i] > 0) || !(size < 0x1p30f))
            return ax_fail(s->err, AX_ERANGE, "a scale of %g for axis %d", (double)scale[i], axis);
        r->scale[axis] = scale[i];
        r->size[axis] = (int64_t)floorf(size);
    }
    return 0;
}

/* One scale for all axes: none, or each, of the sizes is reached. */
static int keep_ratio(onnx_site *s, const axes *a, const int64_t *size, int larger, resize *r)
{
    const int64_t *x = s->in[0]->desc.shape.dim;
    float best = 0;
    for (int i = 0; i < a->n; i++) {
        float scale = (float)size[i] / (float)x[a->axis[i]];
        if (i == 0 || (larger ? scale > best : scale < best))
            best = scale;
    }
    for (int i = 0; i < a->n; i++) {
        int axis = a->axis[i];
        float to = best * (float)x[axis];
        if (!(to < 0x1p30f))
            return ax_fail(s->err, AX_ERANGE, "axis %d becomes %g", axis, (double)to);
        r->scale[axis] = best;
        r->size[axis] = (int64_t)(to + 0.5f);
    }
    return 0;
}

static int set_sizes(onnx_site *s, const axes *a, const int64_t *size, int64_t n, resize *r)
{
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    int policy;
    if (n != a->n)
        return wrong_count(s, "sizes", n, a->n);
    if (WORD(s, "keep_aspect_ratio_policy", "stretch", policies, &policy))
        return -1;
    for (int i = 0; i < a->n; i++) {
        int axis = a->axis[i];
        if (size[i] < 0 || size[i] > 1 << 30 || s->in[0]->desc.shape.dim[axis] < 1)
            return ax_fail(s->err, AX_ERANGE, "axis %d of %lld cannot become %lld", axis,
                           (long long)s->in[0]->desc.shape.dim[axis], (long long)size[i]);
        r->size[axis] = size[i];
        r->scale[axis] = (float)size[i] / (float)s->in[0]->desc.shape.dim[axis];
    }
    return policy ? keep_ratio(s, a, size, policy == 2, r) : 0;
}

static int set_region(onnx_site *s, const axes *a, resize *r)
{
    const float *v;
    int64_t n;
    if (r->transform != TF_CROP_AND_RESIZE)
        return 0;
    if (known_floats(s, 1, &v, &n))
        return -1;
    if (n != 2 * a->n)
        return wrong_count(s, "bounds of the region", n, a->n);
    for (int i = 0; i < a->n; i++) {
        r->from[a->axis[i]] = v[i];
        r->to[a->axis[i]] = v[a->n + i];
    }
    return 0;
}

static void same_size(const ax_shape *x, resize *r)
{
    for (int i = 0; i < x->rank; i++) {
        r->size[i] = x->dim[i];
        r->scale[i] = 1;
        r->from[i] = 0;
        r->to[i] = 1;
    }
}

/* ---- one axis ---- */

typedef struct line {
    const resize *r;
    int64_t in, out;
    double scale, from, to, length; /* length: of the result as the scale says, maybe not whole */
} line;

static line line_of(const resize *r, const ax_shape *x, int axis)
{
    double in = (double)x->dim[axis], out = (double)r->size[axis],
           said = (double)r->scale[axis] * in;
    return (line){r,
                  x->dim[axis],
                  r->size[axis],
                  (double)r->scale[axis],
                  (double)r->from[axis],
                  (double)r->to[axis],
                  fabs(said - out) < 1e-6 * out ? out : said};
}

/* x over the scale. Where the scale is that of the two lengths it is their fraction, so that what
 * lies halfway between two pixels does so exactly. Any other scale is a decimal fraction that was
 * rounded to float, and a quotient that is rounded to float in turn is most often the one that was
 * meant: that is how ONNX Runtime counts. */
static double unscaled(const line *l, double x)
{
    return l->length == (double)l->out ? x * (double)l->in / l->length
                                       : (double)((float)x / (float)l->scale);
}

/* Where in x place o of the result lies. */
static double source(const line *l, int64_t o)
{
    double x = (double)o, in = (double)l->in, last = in - 1, whole = (double)l->out - 1;
    switch (l->r->transform) {
    case ASYMMETRIC:
        return unscaled(l, x);
    case ALIGN_CORNERS:
        return l->length == 1 ? 0 : x * last / (l->length - 1);
    case PYTORCH_HALF_PIXEL:
        return l->out > 1 ? unscaled(l, x + 0.5) - 0.5 : 0;
    case TF_HALF_PIXEL_FOR_NN:
        return unscaled(l, x + 0.5);
    case TF_CROP_AND_RESIZE:
        return l->out > 1 ? l->from * last + x * (l->to - l->from) * last / whole
                          : 0.5 * (l->from + l->to) * last;
    case HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - (double)l->out / l->length) + unscaled(l, x + 0.5) - 0.5;
    default:
        return unscaled(l, x + 0.5) - 0.5;
    }
}

static double nearest(const line *l, double x)
{
    switch (l->r->rounding) {
    case PREFER_FLOOR:
        return ceil(x - 0.5);
    case PREFER_CEIL:
        return floor(x + 0.5);
    case CEIL:
        return ceil(x);
    case DOWN_CEIL:
        return l->scale < 1 ? ceil(x) : floor(x);
    default:
        return floor(x);
    }
}

/* The weight of a pixel at a distance; antialiased, distances shrink with the picture. */
static double kernel_at(const resize *r, double d)
{
    double a = r->cubic_a;
    d = fabs(d);
    if (r->mode == LINEAR)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Of the kernel on either side, in pixels of x. */
static double reach(const line *l)
{
    double wide = l->r->mode == CUBIC ? 2 : 1;
    return l->r->antialias && l->scale < 1 ? wide / l->scale : wide;
}

/* Taps of one place: pixels beyond the edges count as the edge, or not at all. */
typedef struct taps {
    int32_t *index;
    float *weight;
    int64_t n, room;
} taps;

static void add_tap(taps *t, int64_t index, double weight)
{
    if (t->n && t->index[t->n - 1] == index) {
        t->weight[t->n - 1] += (float)weight;
        return;
    }
    if (weight == 0 && t->n)
        return;
    t->index[t->n] = (int32_t)index;
    t->weight[t->n++] = (float)weight;
}

static void weigh(const line *l, double x, taps *t)
{
    double wide = reach(l), shrink = (l->r->mode == CUBIC ? 2 : 1) / wide, sum = 0;
    int64_t first = (int64_t)floor(x - wide) + 1, last = (int64_t)ceil(x + wide) - 1;
    int exclude = l->r->exclude_outside;
    for (int64_t i = first; i <= last; i++)
        if (!exclude || (i >= 0 && i < l->in))
            sum += kernel_at(l->r, ((double)i - x) * shrink);
    for (int64_t i = first; i <= last; i++)
        if (!exclude || (i >= 0 && i < l->in))
            add_tap(t, max64(0, min64(i, l->in - 1)),
                    kernel_at(l->r, ((double)i - x) * shrink) / (sum != 0 ? sum : 1));
    if (!t->n)
        add_tap(t, max64(0, min64((int64_t)x, l->in - 1)), 0);
}

/* Far outside all taps are the edge. */
static double within(const line *l, double x)
{
    double far = (double)l->in + 8 + reach(l);
    return x < -far ? -far : x > far ? far : x == x ? x : 0;
}

static void fill(const line *l, taps *t)
{
    for (int64_t o = 0; o < l->out; o++) {
        taps one = {t->index + o * t->room, t->weight + o * t->room, 0, t->room};
        double x = within(l, source(l, o));
        if (l->r->mode == NEAREST)
            add_tap(&one, max64(0, min64((int64_t)nearest(l, x), l->in - 1)), 1);
        else
            weigh(l, x, &one);
        for (int64_t k = one.n; k < t->room; k++) {
            one.index[k] = one.index[0];
            one.weight[k] = 0;
        }
    }
}

/* ---- the axes together ---- */

static int changes(const resize *r, const ax_shape *x, int axis)
{
    return r->size[axis] != x->dim[axis] || r->scale[axis] != 1 ||
           (r->transform == TF_CROP_AND_RESIZE && (r->from[axis] != 0 || r->to[axis] != 1));
}

static int tables(onnx_site *s, const line *l, taps *t)
{
    double most = l->r->mode == NEAREST ? 1 : 2 * ceil(reach(l)) + 1;
    ax_shape shape = AX_SHAPE(l->out, most < (double)l->in ? (int64_t)most : l->in);
    int64_t n = ax_shape_count_checked(&shape, sizeof(float), s->err);
    if (n < 0)
        return -1;
    if (l->in < 1 || l->in > INT_MAX)
        return ax_fail(s->err, AX_ERANGE, "an axis of %lld elements cannot be resized",
                       (long long)l->in);
    *t = (taps){onnx_alloc(s, n + 1, sizeof *t->index), onnx_alloc(s, n + 1, sizeof *t->weight), 0,
                shape.dim[1]};
    if (!t->index || !t->weight)
        return -1;
    fill(l, t);
    return 0;
}

/* Floats by weights, whatever else by places. */
static int one_axis(onnx_site *s, const resize *r, int axis, ax_onnx_value *x, ax_onnx_value *out)
{
    line l = line_of(r, &x->desc.shape, axis);
    taps t = {0};
    if (tables(s, &l, &t))
        return -1;
    ax_shape shape = AX_SHAPE(l.out, t.room), row = AX_SHAPE(l.out);
    ax_onnx_value index = {"", {AX_I32, shape}, t.index, AX_NONE};
    ax_onnx_value weight = {"", {AX_F32, shape}, t.weight, AX_NONE};
    ax_onnx_value *in[] = {x, &index, &weight};
    if (x->desc.dtype == AX_F32)
        return onnx_apply(s, &ax_op_resample, &(ax_resample_attr){.axis = axis}, in, 3, out);
    index.desc.shape = row;
    return onnx_apply(s, &ax_op_gather, &(ax_axis_attr){axis}, in, 2, out);
}

/* Whole pixels of a picture made larger by whole numbers have an op of their own. */
static int repeats(onnx_site *s, const resize *r, ax_upsample2d_attr *a)
{
    const ax_shape *x = &s->in[0]->desc.shape;
    if (r->mode != NEAREST || x->rank != 4 || s->in[0]->desc.dtype != AX_F32 || changes(r, x, 0) ||
        changes(r, x, 1) || r->transform == TF_CROP_AND_RESIZE)
        return 0;
    for (int k = 0; k < 2; k++) {
        line l = line_of(r, x, 2 + k);
        if (l.in < 1 || l.out < 1 || l.out % l.in || l.out / l.in > INT_MAX)
            return 0;
        a->size[k] = (int)(l.out / l.in);
        for (int64_t o = 0; o < l.out; o++) {
            double at = nearest(&l, within(&l, source(&l, o)));
            if (changes(r, x, 2 + k) &&
                fmax(0, fmin(at, (double)l.in - 1)) != (double)(o / a->size[k]))
                return 0;
        }
    }
    return 1;
}

/* Bools of the shape of y: some axis leads outside of x there. NULL data: nothing does. */
static int outside(onnx_site *s, const resize *r, const ax_shape *x, const ax_shape *y,
                   ax_onnx_value *out)
{
    int64_t n = ax_shape_count(y), step = 1, any = 0;
    uint8_t *mask = onnx_alloc(s, n + 1, 1);
    if (!mask)
        return -1;
    memset(mask, 0, (size_t)n);
    for (int axis = x->rank - 1; axis >= 0; axis--) {
        line l = line_of(r, x, axis);
        for (int64_t i = 0; i < n; i++) {
            double at = source(&l, i / step % l.out);
            int out_of = at < 0 || at > (double)(l.in - 1);
            mask[i] |= (uint8_t)out_of;
            any |= out_of;
        }
        step *= l.out;
    }
    *out = (ax_onnx_value){"", {AX_BOOL, *y}, any ? mask : NULL, AX_NONE};
    return 0;
}

static int extrapolate(onnx_site *s, const resize *r, ax_onnx_value *y)
{
    ax_onnx_value mask, value = {.name = ""}, typed = {.name = ""}, *in = &value, inner = *y;
    if (r->transform != TF_CROP_AND_RESIZE)
        return 0;
    if (outside(s, r, &s->in[0]->desc.shape, &y->desc.shape, &mask))
        return -1;
    if (!mask.data)
        return 0;
    return onnx_number(s, r->extrapolation, &value) ||
                   onnx_apply(s, &ax_op_cast, &(ax_cast_attr){.to = y->desc.dtype}, &in, 1, &typed) ||
                   onnx_where(s, &mask, &typed, &inner, y)
               ? -1
               : 0;
}

static int along_axes(onnx_site *s, const resize *r, ax_onnx_value *x, ax_onnx_value *y)
{
    const ax_shape shape = x->desc.shape;
    *y = *x;
    for (int i = 0; i < shape.rank; i++) {
        ax_onnx_value before = *y;
        if (changes(r, &shape, i) && one_axis(s, r, i, &before, y))
            return -1;
    }
    return extrapolate(s, r, y);
}

/* Tables are as long as an axis: a result that no memory holds is refused before they are made. */
static int check_result(onnx_site *s, const resize *r)
{
    char text[160];
    ax_shape y = {.rank = s->in[0]->desc.shape.rank};
    memcpy(y.dim, r->size, sizeof y.dim);
    int64_t n = ax_shape_count_checked(&y, sizeof(float), s->err);
    if (n >= 0 && n > ax_memory_budget() / (int64_t)sizeof(float))
        return ax_fail(s->err, AX_ENOMEM, "no memory for a result of %s",
                       ax_shape_str(&y, text, sizeof text));
    return n < 0 ? -1 : 0;
}

/* Numbers between pixels are floats; of whole numbers they are cut off afterwards. */
static int resized(onnx_site *s, const resize *r)
{
    ax_dtype t = s->in[0]->desc.dtype;
    ax_upsample2d_attr up;
    ax_onnx_value x = {.name = ""}, y = {.name = ""}, *in = &y;
    if (check_result(s, r))
        return -1;
    if (repeats(s, r, &up))
        return onnx_apply(s, &ax_op_upsample2d, &up, s->in, 1, &s->out[0]);
    if (t == AX_F32 || r->mode == NEAREST)
        return along_axes(s, r, s->in[0], &s->out[0]);
    if (t == AX_F64)
        return ax_fail(s->err, AX_EUNSUPPORTED,
                       "an input of float64; float32 is taken between pixels");
    return onnx_apply(s, &ax_op_cast, &(ax_cast_attr){.to = AX_F32}, s->in, 1, &x) ||
                   along_axes(s, r, &x, &y) ||
                   onnx_apply(s, &ax_op_cast, &(ax_cast_attr){.to = t}, &in, 1, &s->out[0])
               ? -1
               : 0;
}

/* ---- the operators ---- */

/* Before opset 11, and in Upsample, a scale is all there is. */
static int by_scales(onnx_site *s, resize *r)
{
    static const char *const modes[] = {"nearest", "linear"};
    const ax_onnx_attr *attr = onnx_attr(s, "scales");
    axes a = {.n = s->in[0]->desc.shape.rank, .axis = {0, 1, 2, 3, 4, 5, 6, 7}};
    const float *scale;
    int64_t n;
    int m;
    if (WORD(s, "mode", "nearest", modes, &m) || known_floats(s, 1, &scale, &n))
        return -1;
    if (attr && attr->type != AX_ONNX_A_FLOATS)
        return ax_fail(s->err, AX_ETYPE, "the attribute scales is no list of floats");
    r->mode = (mode)m;
    r->transform = ASYMMETRIC;
    same_size(&s->in[0]->desc.shape, r);
    if (set_scales(s, &a, attr ? attr->floats : scale, attr ? attr->n : n, r))
        return -1;
    return resized(s, r);
}

static int upsample(onnx_site *s)
{
    resize r = {.rounding = FLOOR};
    if (s->opset < 9 ? s->n_in != 1 : s->n_in != 2)
        return ax_fail(s->err, AX_EINVAL, "%d inputs in opset %lld", s->n_in, (long long)s->opset);
    return by_scales(s, &r);
}

static int resize_10(onnx_site *s)
{
    resize r = {.rounding = DOWN_CEIL};
    return by_scales(s, &r);
}

static int resize_11(onnx_site *s)
{
    resize r = {.exclude_outside = onnx_int_or(s, "exclude_outside", 0) != 0,
                .antialias = onnx_int_or(s, "antialias", 0) != 0,
                .cubic_a = (double)onnx_float_or(s, "cubic_coeff_a", -0.75f),
                .extrapolation = onnx_float_or(s, "extrapolation_value", 0)};
    axes a;
    const float *scale;
    const int64_t *size;
    int64_t n_scale, n_size;
    if (read_words(s, &r) || read_axes(s, &a) || known_floats(s, 2, &scale, &n_scale) ||
        onnx_known_ints(s, 3, &size, &n_size))
        return -1;
    same_size(&s->in[0]->desc.shape, &r);
    if ((n_scale > 0) == (n_size > 0))
        return ax_fail(s->err, AX_EINVAL, "either scales or sizes have to be given");
    if (r.antialias && r.mode == NEAREST)
        return ax_fail(s->err, AX_EINVAL, "antialias does not go with the nearest pixel");
    if ((n_size > 0 ? set_sizes(s, &a, size, n_size, &r) : set_scales(s, &a, scale, n_scale, &r)) ||
        set_region(s, &a, &r))
        return -1;
    return resized(s, &r);
}

// clang-format off
const onnx_row onnx_rows_resize[] = {
    {"Upsample", 7, 1, 2, "mode scales", upsample, 0},
    {"Resize", 10, 2, 2, "mode", resize_10, 0},
    {"Resize", 11, 1, 4,
     "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
     "extrapolation_value keep_aspect_ratio_policy mode nearest_mode", resize_11, 0},
    {0},
};
// clang-format on
