/* targets.c - what the data say is right, in the form the loss wants: class numbers or rows of
 * floats. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "train/trainer.h"

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the targets");
}

static int bad_label(ax_trainer *t, int64_t i, double v, ax_err *err)
{
    ax_fail(err, AX_ERANGE,
            "the label of sample %lld is %s, but the model has %lld outputs: classes 0 to %lld",
            (long long)i, AX_NUMBER(v), (long long)t->width, (long long)t->width - 1);
    return ax_err_in(err, "dataset");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Where class numbers stand for strings and the model has no labels: the strings become them. */
static int labels_from_data(const ax_trainer *t, ax_err *err)
{
    const ax_dataset *d = &t->data;
    if (t->width == d->n_classes || (t->width == 1 && d->n_classes == 2))
        return 0;
    ax_fail(err, AX_ESHAPE,
            "the data set has %d labels ('%.40s' to '%.40s'), the model has %lld outputs",
            d->n_classes, d->labels[0], d->labels[d->n_classes - 1], (long long)t->width);
    ax_err_hint(err, "\"labels\" in the model says which output is which");
    return ax_err_in(err, "dataset");
}

/* Where it has labels, they say which class a string is. The data set's are sorted. */
static int match_labels(ax_trainer *t, ax_err *err)
{
    ax_dataset *d = &t->data;
    const ax_net *n = &t->net;
    int32_t *class = AX_ARRAY(&t->arena, int32_t, d->n_classes),
            *c = AX_ARRAY(&t->arena, int32_t, d->train.n);
    if (!class || !c)
        return no_memory(err);
    for (int k = n->n_labels; k > 0; k--) {
        const char **at =
            bsearch(&n->labels[k - 1], d->labels, (size_t)d->n_classes, sizeof *d->labels, by_text);
        if (at)
            class[at - d->labels] = k;
    }
    for (int i = 0; i < d->n_classes; i++)
        if (!class[i]) {
            const char *near = ax_nearest(d->labels[i], n->labels, n->n_labels);
            ax_fail(err, AX_ERANGE, "the label '%.100s' of the data set is none of the model's",
                    d->labels[i]);
            if (near)
                ax_err_hint(err, "the model has '%.100s'", near);
            return ax_err_in(err, "dataset");
        }
    for (int64_t i = 0; i < d->train.n; i++)
        c[i] = class[d->train.classes[i]] - 1;
    d->train.classes = c;
    return 0;
}

/* Floats that are whole numbers, one per sample, where classes are wanted. */
static int floats_to_classes(ax_trainer *t, ax_samples *s, ax_err *err)
{
    int32_t *c = AX_ARRAY(&t->arena, int32_t, s->n);
    if (!c)
        return no_memory(err);
    for (int64_t i = 0; i < s->n; i++) {
        if (s->y[i] != floorf(s->y[i]) || s->y[i] < 0 || s->y[i] >= (float)t->width)
            return bad_label(t, i, s->y[i], err);
        c[i] = (int32_t)s->y[i];
    }
    s->classes = c;
    return 0;
}

/* Class numbers where rows of floats are wanted: the number itself, or one-hot. */
static int classes_to_floats(ax_trainer *t, ax_samples *s, ax_err *err)
{
    float *y = AX_ARRAY(&t->arena, float, s->n * t->width);
    if (!y)
        return no_memory(err);
    for (int64_t i = 0; i < s->n; i++) {
        if (t->width == 1)
            y[i] = (float)s->classes[i];
        else if (s->classes[i] >= t->width)
            return bad_label(t, i, s->classes[i], err);
        else
            y[i * t->width + s->classes[i]] = 1;
    }
    s->y = y;
    s->classes = NULL;
    return 0;
}

static int check_targets(const ax_trainer *t, const ax_samples *s, ax_err *err)
{
    const ax_loss_row *l = t->loss;
    for (int64_t i = 0; i < s->n * t->width; i++)
        if (!(s->y[i] >= l->target_min && s->y[i] <= l->target_max)) {
            ax_fail(err, AX_ERANGE,
                    "a target of sample %lld is %g, %s expects numbers from %g to %g",
                    (long long)(i / t->width), s->y[i], l->name, l->target_min, l->target_max);
            return ax_err_in(err, "dataset");
        }
    return 0;
}

static int fit_targets(ax_trainer *t, ax_samples *s, ax_err *err)
{
    int64_t per_sample = s->classes ? 1 : ax_shape_count(&t->data.y_shape);
    if (s->n == 0)
        return 0;
    if (t->loss->takes_classes && per_sample == 1) {
        if (!s->classes)
            return floats_to_classes(t, s, err);
        for (int64_t i = 0; i < s->n; i++)
            if (s->classes[i] >= t->width)
                return bad_label(t, i, s->classes[i], err);
        return 0;
    }
    if (s->classes)
        return classes_to_floats(t, s, err) || check_targets(t, s, err) ? -1 : 0;
    if (per_sample == t->width)
        return check_targets(t, s, err);
    ax_fail(err, AX_ESHAPE, "a sample has %lld target numbers, the model gives %lld",
            (long long)per_sample, (long long)t->width);
    return ax_err_in(err, "dataset.y");
}

int ax_trainer_fit_targets(ax_trainer *t, ax_err *err)
{
    if (t->data.strings && (t->net.labels ? match_labels(t, err) : labels_from_data(t, err)))
        return -1;
    return fit_targets(t, &t->data.train, err) || fit_targets(t, &t->data.test, err) ? -1 : 0;
}
