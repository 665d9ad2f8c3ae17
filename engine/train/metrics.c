/* metrics.c - see metrics.h. */
#include "train/metrics.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

int ax_metrics_init(ax_metrics *m, ax_task task, int64_t width, ax_arena *a)
{
    *m = (ax_metrics){.task = task, .width = width};
    int64_t classes = task == AX_TASK_CLASSES ? width : 1;
    m->tp = AX_ARRAY(a, int64_t, 3 * classes);
    if (!m->tp)
        return -1;
    m->fp = m->tp + classes;
    m->fn = m->fp + classes;
    return 0;
}

void ax_metrics_reset(ax_metrics *m)
{
    int64_t classes = m->task == AX_TASK_CLASSES ? m->width : 1, *counts = m->tp;
    memset(counts, 0, (size_t)(3 * classes) * sizeof *counts);
    *m = (ax_metrics){.task = m->task,
                      .width = m->width,
                      .tp = counts,
                      .fp = counts + classes,
                      .fn = counts + 2 * classes};
}

static void add_class(ax_metrics *m, const float *y, int class_)
{
    int64_t best = 0, above = 0;
    for (int64_t i = 1; i < m->width; i++)
        if (y[i] > y[best])
            best = i;
    for (int64_t i = 0; i < m->width; i++)
        above += y[i] > y[class_] || (y[i] == y[class_] && i < class_);
    m->correct += best == class_;
    m->top5 += above < 5;
    m->decided++;
    if (best == class_) {
        m->tp[best]++;
    } else {
        m->fp[best]++;
        m->fn[class_]++;
    }
}

static int largest(const float *t, int64_t n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (t[i] > t[best])
            best = i;
    return best;
}

static void add_binary(ax_metrics *m, const float *y, const float *t, float threshold)
{
    for (int64_t i = 0; i < m->width; i++) {
        int said = y[i] > threshold, is = t[i] > 0.5f;
        m->correct += said == is;
        m->tp[0] += said && is;
        m->fp[0] += said && !is;
        m->fn[0] += !said && is;
        m->decided++;
    }
}

static void add_numbers(ax_metrics *m, const float *y, const float *t)
{
    for (int64_t i = 0; i < m->width; i++) {
        double e = (double)y[i] - t[i];
        m->abs_sum += fabs(e);
        m->sq_sum += e * e;
        m->y_sum += t[i];
        m->y_sq += (double)t[i] * t[i];
        m->decided++;
    }
}

void ax_metrics_add(ax_metrics *m, const float *y, int class_, const float *t, float threshold, double loss)
{
    m->n++;
    m->loss_sum += loss;
    if (m->task == AX_TASK_CLASSES)
        add_class(m, y, class_ >= 0 ? class_ : largest(t, m->width));
    else if (m->task == AX_TASK_BINARY)
        add_binary(m, y, t, threshold);
    else
        add_numbers(m, y, t);
}

double ax_metrics_loss(const ax_metrics *m)
{
    return m->n ? m->loss_sum / (double)m->n : NAN;
}

double ax_metrics_accuracy(const ax_metrics *m)
{
    return m->task == AX_TASK_NUMBERS || !m->decided ? NAN : (double)m->correct / (double)m->decided;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static int put(cJSON *o, const char *key, double v)
{
    return ax_json_put(o, key, cJSON_CreateNumber(v));
}

static int put_classes(const ax_metrics *m, cJSON *o)
{
    int64_t classes = m->task == AX_TASK_CLASSES ? m->width : 1;
    double p = 0, r = 0, f = 0;
    for (int64_t i = 0; i < classes; i++) {
        double tp = (double)m->tp[i], fp = (double)m->fp[i], fn = (double)m->fn[i];
        p += share(tp, tp + fp);
        r += share(tp, tp + fn);
        f += share(2 * tp, 2 * tp + fp + fn);
    }
    if (put(o, "accuracy", ax_metrics_accuracy(m)))
        return -1;
    if (m->task == AX_TASK_CLASSES && m->width > 5 && put(o, "top5", share((double)m->top5, (double)m->n)))
        return -1;
    return put(o, "precision", p / (double)classes) || put(o, "recall", r / (double)classes) ||
           put(o, "f1", f / (double)classes);
}

static int put_numbers(const ax_metrics *m, cJSON *o)
{
    double n = (double)m->decided, spread = m->y_sq - m->y_sum * m->y_sum / n;
    return put(o, "mae", m->abs_sum / n) || put(o, "rmse", sqrt(m->sq_sum / n)) ||
           (spread > 0 && put(o, "r2", 1 - m->sq_sum / spread));
}

cJSON *ax_metrics_json(const ax_metrics *m)
{
    cJSON *o = cJSON_CreateObject();
    int bad = put(o, "loss", ax_metrics_loss(m));
    if (!bad && !(m->task == AX_TASK_NUMBERS ? put_numbers : put_classes)(m, o))
        return o;
    cJSON_Delete(o);
    return NULL;
}
