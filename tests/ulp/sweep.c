/* sweep.c - every float32 input of every element-wise activation: make ulp, make ulp-exhaustive.
 *
 *     sweep STRIDE STATE_DIR [NAME]        the table on stdout
 *     sweep table STATE_DIR ACCURACY.md ACCURACY.inc
 *
 * STRIDE 1 takes all 2^32 inputs, with the default parameters; a larger stride also visits all
 * neighbours of the hard places and every parameter of the test grid. A unit of work is one function
 * and one order (f, f', f''); what is done lies in STATE_DIR, a line each, so a stopped run goes on.
 * Exit 1 when a result is more than 1 ULP off, a NaN is lost or f falls where it must not. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/ulp/ulp.h"

enum { WINDOW = 4096, THREADS = 64, PATIENCE = 500000 /* questions to MPFR */ };

#define CLOSE  0x1p-20 /* a rounding this near to a tie is for MPFR to decide */
#define TIE    0x1p-40 /* ... but x*Phi(x), say, is half a subnormal x millions of times */
#define MANY   50000  /* ... and 1.5*x*sigmoid(x) is near a tie as often: from here on each 1024th */
#define INF_AT 0x7f800000

typedef struct job {
    const ulp_case *c;
    ax_act act;
    int order;
    int64_t stride;
    ulp_result r;
    float last; /* f of the largest input so far where f must not fall */
    uint64_t ties, close;
    int tie_side; /* on which side of the last tie MPFR was asked about the exact value lies: -1, 0, 1 */
} job;

static const char *const order_name[3] = {"f", "f'", "f''"};

/* 0 is +0, 0x7f800000 is inf, -1 is -0, -1 - 0x7f800000 is -inf; NaNs lie outside */
static float float_at(int64_t order)
{
    uint32_t bits = order >= 0 ? (uint32_t)order : 0x80000000u | (uint32_t)(-1 - order);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static int64_t order_of(float f)
{
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits >= 0 ? bits : -1 - (int64_t)(bits & 0x7fffffff);
}

/* 2^(23 - max(e, -126)), e the exponent of the exact value: errors times this are ULPs */
static inline double per_ulp(double exact)
{
    uint64_t bits;
    memcpy(&bits, &exact, sizeof bits);
    int64_t e = (int64_t)(bits >> 52 & 2047) - 1023;
    e = e < -126 ? -126 : e > 127 ? 127 : e;
    bits = (uint64_t)(23 - e + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale;
}

/* |got - exact| in ULP; what rounds past the largest float32 must be infinite */
static double ulps(float got, double exact)
{
    const double over = 0x1.ffffffp127;
    if (isinf(got))
        return (exact >= over && got > 0) || (exact <= -over && got < 0) ? 0 : INFINITY;
    if (isnan(got) || isnan(exact))
        return INFINITY;
    return fabs((double)got - exact) * per_ulp(exact);
}

static int is_edge(const ulp_case *c, float x)
{
    int hit = x == 0;
    for (int i = 0; i < ULP_EDGES && c->edges[i] != 0; i++)
        hit |= c->edges[i] == x;
    return hit;
}

/* The exact value at a place where the reference is not sure enough. At kinks a difference has no
 * meaning, and the reference, which holds the convention, stands. */
static double ask(job *j, float x, double reference)
{
    const char *why;
    if (++j->r.asked > PATIENCE) {
        if (!*j->r.fault)
            snprintf(j->r.fault, sizeof j->r.fault, "too far off in too many places, the last at %a", (double)x);
        return reference;
    }
    double exact = ulp_judge(&j->act, j->order, x, &why);
    if (why && !*j->r.fault)
        snprintf(j->r.fault, sizeof j->r.fault, "not judged: %s", why);
    if (why || (is_edge(j->c, x) && ulps((float)exact, reference) > 2))
        return reference;
    if (fabs(exact - reference) * per_ulp(exact) > 4 && !*j->r.fault)
        snprintf(j->r.fault, sizeof j->r.fault, "at %a the reference says %a and MPFR %a", (double)x,
                 reference, exact);
    return exact;
}

/* Of ties in double each 64th is put to MPFR, and the exact values of the next ones are taken to lie on
 * the same side; of very many, each 4096th. */
static void judge_tie(job *j, float x, float y, double reference)
{
    uint64_t n = j->ties++;
    if (n % (n > MANY * 64 ? 4096 : 64) == 0) {
        double exact = ask(j, x, reference);
        j->tie_side = (exact > reference) - (exact < reference);
    }
    int right = j->tie_side ? (y > reference) == (j->tie_side > 0) : y == (float)reference;
    j->r.rounded += (uint64_t)right;
}

static void judge(job *j, float x, float y, double reference)
{
    double u = ulps(y, reference);
    if (fabs(u - 0.5) < TIE && j->r.max >= 0.5) {
        judge_tie(j, x, y, reference);
        return;
    }
    int close = fabs(u - 0.5) < CLOSE;
    if (close ? ++j->close < MANY || j->close % 1024 == 0 : u > 0.5) {
        reference = ask(j, x, reference);
        u = ulps(y, reference);
    }
    j->r.rounded += y == (float)reference;
    if (u > j->r.max)
        j->r.max = u, j->r.at = x;
    if (fabs(reference) < 0x1p-126 && u > j->r.max_subnormal)
        j->r.max_subnormal = u;
}

static void check_rising(job *j, const float *x, const float *y, int n)
{
    for (int i = 0; i < n; i++) {
        if (!(x[i] >= j->c->rises))
            continue;
        if (y[i] < j->last && !*j->r.fault)
            snprintf(j->r.fault, sizeof j->r.fault, "f falls at %a", (double)x[i]);
        j->last = y[i];
    }
}

typedef void evaluate(const ax_act *a, const float *x, float *y, size_t n);
static evaluate *const evaluators[3] = {ax_act_forward, ax_act_derivative, ax_act_second};

static void check_block(job *j, const float *x, int n)
{
    float y[ULP_BLOCK];
    double r[ULP_BLOCK], worst = 0;
    evaluators[j->order](&j->act, x, y, (size_t)n);
    j->c->fn[j->order](j->c->p, x, r, (size_t)n);
    /* most blocks hold nothing to look at closely: one pass that the compiler makes vectors of */
    int64_t rounded = 0, unsure = 0;
    for (int i = 0; i < n; i++) {
        double u = fabs((double)y[i] - r[i]) * per_ulp(r[i]);
        rounded += u < 0.5 - CLOSE;
        unsure += !(u < 0.5 - CLOSE);
        worst = u > worst ? u : worst;
    }
    if (unsure == 0 && worst <= j->r.max && fabs(r[0]) >= 0x1p-126 && fabs(r[n - 1]) >= 0x1p-126)
        j->r.rounded += (uint64_t)rounded;
    else
        for (int i = 0; i < n; i++)
            if (!isinf(x[i]))
                judge(j, x[i], y[i], r[i]);
    j->r.inputs += (uint64_t)n;
    if (j->order == 0)
        check_rising(j, x, y, n);
}

static void check_range(job *j, int64_t from, int64_t to, int64_t step)
{
    float x[ULP_BLOCK];
    int n = 0;
    j->last = -INFINITY;
    from = from < -INF_AT ? -INF_AT : from; /* infinities have a table of their own in act_ulp.c */
    to = to >= INF_AT ? INF_AT - 1 : to;
    for (int64_t o = from; o <= to; o += step) {
        x[n++] = float_at(o);
        if (n == ULP_BLOCK || o + step > to) {
            check_block(j, x, n);
            n = 0;
        }
    }
}

static void check_nans(job *j)
{
    float x[ULP_BLOCK], y[ULP_BLOCK];
    for (uint64_t at = INF_AT + 1; at < (uint64_t)1 << 31; at += (uint64_t)ULP_BLOCK * (uint64_t)j->stride) {
        int n = 0;
        for (; n < ULP_BLOCK && at + (uint64_t)n < (uint64_t)1 << 31; n++) {
            uint32_t bits = (uint32_t)(at + (uint64_t)n) | (n & 1 ? 0x80000000u : 0);
            memcpy(&x[n], &bits, sizeof bits);
        }
        evaluators[j->order](&j->act, x, y, (size_t)n);
        for (int i = 0; i < n; i++)
            if (!isnan(y[i]) && !*j->r.fault)
                snprintf(j->r.fault, sizeof j->r.fault, "loses a NaN");
    }
}

static void run(job *j)
{
    check_range(j, -INF_AT, INF_AT - 1, j->stride);
    if (j->stride > 1) {
        static const float everywhere[] = {0, 0x1p-126f, -0x1p-126f, 1e-10f, -1e-10f, 1e-4f, -1e-4f, 1, -1};
        for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++)
            check_range(j, order_of(everywhere[i]) - WINDOW, order_of(everywhere[i]) + WINDOW, 1);
        for (int i = 0; i < ULP_EDGES && j->c->edges[i] != 0; i++)
            check_range(j, order_of(j->c->edges[i]) - WINDOW, order_of(j->c->edges[i]) + WINDOW, 1);
    }
    check_nans(j);
}

/* ---- units of work and where they are kept ---- */

typedef struct unit {
    const ulp_case *c;
    ax_act act;
    int order, done;
    ulp_result r;
} unit;

typedef struct sweep {
    unit *unit;
    int n, next, failed;
    int64_t stride;
    const char *dir;
    pthread_mutex_t lock; /* next, failed, stdout */
} sweep;

static int is_default(const ax_act *a)
{
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++)
        if (a->param[i] != a->row->params[i].def)
            return 0;
    return 1;
}

static void unit_file(const sweep *s, const unit *u, char path[512])
{
    int n = snprintf(path, 512, "%s/%s-%d-%lld", s->dir, u->c->name, u->order, (long long)s->stride);
    for (int i = 0; i < AX_ACT_PARAMS && u->act.row->params[i].name && n < 480; i++)
        n += snprintf(path + n, 512 - (size_t)n, "-%.9g", u->act.param[i]);
}

static int unit_read(const sweep *s, unit *u)
{
    char path[512];
    unit_file(s, u, path);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    ulp_result *r = &u->r;
    u->done = fscanf(f, "%lf %lf %f %" SCNu64 " %" SCNu64 " %" SCNu64 "%*1[ ]", &r->max, &r->max_subnormal,
                     &r->at, &r->inputs, &r->rounded, &r->asked) == 6;
    if (!u->done || !fgets(r->fault, sizeof r->fault, f))
        r->fault[0] = 0;
    r->fault[strcspn(r->fault, "\n")] = 0;
    fclose(f);
    return u->done;
}

static void unit_write(const sweep *s, const unit *u)
{
    char path[512], temp[520];
    unit_file(s, u, path);
    snprintf(temp, sizeof temp, "%s.new", path);
    FILE *f = fopen(temp, "w");
    if (!f) {
        fprintf(stderr, "%s: %s\n", temp, strerror(errno));
        return;
    }
    fprintf(f, "%.9f %.9f %a %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", u->r.max, u->r.max_subnormal,
            (double)u->r.at, u->r.inputs, u->r.rounded, u->r.asked, u->r.fault);
    if (fclose(f) == 0)
        rename(temp, path);
}

static void say(sweep *s, const unit *u, double seconds)
{
    char name[160];
    int n = snprintf(name, sizeof name, "%s", u->c->name);
    for (int i = 0; i < AX_ACT_PARAMS && u->act.row->params[i].name && !is_default(&u->act); i++)
        n += snprintf(name + n, sizeof name - (size_t)n, " %s=%.9g", u->act.row->params[i].name, u->act.param[i]);
    int bad = !(u->r.max <= 1) || *u->r.fault;
    s->failed += bad;
    printf("%-28s %-3s %.7f ULP at %-16.9g %8.5f %% right  %" PRIu64 " inputs, MPFR %" PRIu64 ", %.1f s%s%s%s\n",
           name, order_name[u->order], u->r.max, (double)u->r.at,
           100.0 * (double)u->r.rounded / (double)(u->r.inputs ? u->r.inputs : 1), u->r.inputs, u->r.asked, seconds,
           bad ? "  FAULT " : "", u->r.fault, "");
    fflush(stdout);
}

static void *worker(void *ctx)
{
    sweep *s = ctx;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        int i = s->next < s->n ? s->next++ : -1;
        pthread_mutex_unlock(&s->lock);
        if (i < 0)
            return NULL;
        unit *u = &s->unit[i];
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        if (!unit_read(s, u)) {
            job j = {.c = u->c, .act = u->act, .order = u->order, .stride = s->stride};
            run(&j);
            u->r = j.r;
            unit_write(s, u);
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        pthread_mutex_lock(&s->lock);
        say(s, u, (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9);
        pthread_mutex_unlock(&s->lock);
    }
}

static int bind(const ulp_case *c, ax_act *a)
{
    ax_err err;
    if (ax_act_by_name(c->name, a, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    memcpy(a->param, c->p, sizeof a->param);
    return 0;
}

/* f and f' of all functions come before f'' of any; NULL name: all */
static int list_units(sweep *s, const char *name)
{
    int n;
    const ulp_case *c = ulp_cases(&n);
    s->unit = calloc((size_t)n * 3, sizeof *s->unit);
    if (!s->unit)
        return -1;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n; i++)
            for (int order = pass ? 2 : 0; order < (pass ? 3 : 2); order++) {
                unit *u = &s->unit[s->n];
                *u = (unit){.c = &c[i], .order = order};
                if (bind(&c[i], &u->act) < 0)
                    return -1;
                if ((s->stride > 1 || is_default(&u->act)) && (!name || strcmp(name, c[i].name) == 0))
                    s->n++;
            }
    return 0;
}

/* ---- the published table ---- */

static const unit *find_unit(const sweep *s, const ax_act_row *row, int order)
{
    for (int i = 0; i < s->n; i++)
        if (s->unit[i].act.row == row && s->unit[i].order == order && s->unit[i].done)
            return &s->unit[i];
    return NULL;
}

static void table_row(FILE *md, FILE *inc, const sweep *s, const ax_act_row *row)
{
    double max[3];
    fprintf(md, "| %s |", row->name);
    for (int order = 0; order < 3; order++) {
        const unit *u = find_unit(s, row, order);
        max[order] = u ? u->r.max : -1;
        if (u)
            fprintf(md, " %.6f at %.9g; %.5f %% |", u->r.max, (double)u->r.at,
                    100.0 * (double)u->r.rounded / (double)u->r.inputs);
        else
            fprintf(md, " not yet |");
    }
    fprintf(md, "\n");
    fprintf(inc, "{\"%s\", {%.6f, %.6f, %.6f}},\n", row->name, max[0], max[1], max[2]);
}

static int table(const char *dir, const char *md_path, const char *inc_path)
{
    sweep s = {.stride = 1, .dir = dir};
    FILE *md = fopen(md_path, "w"), *inc = fopen(inc_path, "w");
    if (!md || !inc || list_units(&s, NULL) < 0) {
        fprintf(stderr, "%s, %s: %s\n", md_path, inc_path, strerror(errno));
        return 2;
    }
    for (int i = 0; i < s.n; i++)
        unit_read(&s, &s.unit[i]);
    fprintf(md,
            "# How exact the activations are\n\n"
            "Made by `make ulp-exhaustive`: every element-wise activation of the catalogue, with its default\n"
            "parameters, at all 2^32 float32 inputs. A cell says the largest error in ULP (the distance to the\n"
            "exact value over 2^(max(e,-126)-23), e its exponent; results below the smallest normal number\n"
            "included), at which input, and the share of correctly rounded results. 0.5 is the best there can\n"
            "be. The judge is a formula in double, and MPFR where that is not sure enough. Where a result is a tie\n"
            "to all bits of a double (half of a subnormal x), MPFR says of each 64th (each 4096th where there are\n"
            "hundreds of millions) on which side the exact value lies; of more than 50,000 results of a function\n"
            "within 2^-20 ULP of a tie, it is asked about each 1024th.\n"
            "NaN gives NaN everywhere. `make ulp` looks at a part of the inputs and at more parameters.\n\n"
            "| activation | f | f' | f'' |\n|---|---|---|---|\n");
    fprintf(inc, "/* accuracy.inc - largest errors in ULP of f, f' and f'', made by make ulp-exhaustive;\n"
                 " * -1: not measured. */\n");
    int n;
    const ax_act_row *rows = ax_act_catalog(&n);
    for (int i = 0; i < n; i++)
        if (rows[i].kind == AX_ACT_ELEMENT)
            table_row(md, inc, &s, &rows[i]);
    free(s.unit);
    return fclose(md) | fclose(inc) ? 2 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "table") == 0)
        return table(argv[2], argv[3], argv[4]);
    sweep s = {.stride = argc > 2 ? atoll(argv[1]) : 0, .dir = argc > 2 ? argv[2] : "", .lock = PTHREAD_MUTEX_INITIALIZER};
    if (s.stride < 1) {
        fprintf(stderr, "usage: sweep STRIDE STATE_DIR [NAME] | sweep table STATE_DIR FILE.md FILE.inc\n");
        return 2;
    }
    if ((mkdir(s.dir, 0777) && errno != EEXIST) || list_units(&s, argc > 3 ? argv[3] : NULL) < 0) {
        fprintf(stderr, "%s: %s\n", s.dir, strerror(errno));
        return 2;
    }
    pthread_t thread[THREADS];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int n = 0;
    while (n < cores && n < THREADS && pthread_create(&thread[n], NULL, worker, &s) == 0)
        n++;
    while (n)
        pthread_join(thread[--n], NULL);
    printf("%d functions, %d at fault\n", s.n, s.failed);
    free(s.unit);
    return s.failed > 0;
}
