/* lower.c - see lower.h.
 *
 * A function that is not known everywhere has a text in the grammar of formulas that says the same
 * by simpler ones, and is read exactly as it is written. In none of them do terms cancel, none
 * overflows where its function does not, and no constant is fitted. Relative errors are about 2^-40
 * in doubles. */
#include "activation/formula/lower.h"

#include <math.h>
#include <string.h>

#include "activation/formula/impl.h"

enum { ROOM = 16384, ROOM_TEXT = 256 }; /* the largest formula of erf alone has some 13000 */

/* What is called the same everywhere. */
static const struct {
    const char *name;
    int truth, truths; /* the result is a truth; so are the first arguments */
} known[OP_COUNT] = {
    [OP_ADD] = {"Add", 0, 0},        [OP_SUB] = {"Sub", 0, 0},  [OP_MUL] = {"Mul", 0, 0},
    [OP_DIV] = {"Div", 0, 0},        [OP_NEG] = {"Neg", 0, 0},  [OP_LT] = {"Less", 1, 0},
    [OP_LE] = {"LessOrEqual", 1, 0}, [OP_EQ] = {"Equal", 1, 0}, [OP_AND] = {"And", 1, 2},
    [OP_OR] = {"Or", 1, 2},          [OP_NOT] = {"Not", 1, 1},  [OP_SELECT] = {"Where", 0, 1},
    [OP_EXP] = {"Exp", 0, 0},        [OP_LOG] = {"Log", 0, 0},  [OP_SQRT] = {"Sqrt", 0, 0},
    [OP_POW] = {"Pow", 0, 0},        [OP_ABS] = {"Abs", 0, 0},  [OP_SIGN] = {"Sign", 0, 0},
    [OP_FLOOR] = {"Floor", 0, 0},    [OP_MIN] = {"Min", 0, 0},  [OP_MAX] = {"Max", 0, 0},
    [OP_SIN] = {"Sin", 0, 0},        [OP_COS] = {"Cos", 0, 0},  [OP_TANH] = {"Tanh", 0, 0},
};

/* erfc z for z >= 0 by the trapezoidal rule with steps of h, pole and all: the sum of
 * 2hz/pi e^-(z^2 + t^2)/(z^2 + t^2) over t = h/2, 3h/2... plus 2/(1 + e^(2 pi z/h)), which belongs
 * there while z < pi/h. With h = 1/2 the rule is right to e^(-pi^2/h^2), and from t = 6 on nothing
 * is missing. */
/* clang-format off */
#define WAVE(t) " + exp(-" #t "^2)/(w + " #t "^2)"
#define ERFC                                                                                       \
    "z = min(abs(a), 30); w = z^2; s = exp(-w)*(z/pi)*(exp(-0.25^2)/(w + 0.25^2)"                  \
    WAVE(0.75) WAVE(1.25) WAVE(1.75) WAVE(2.25) WAVE(2.75) WAVE(3.25) WAVE(3.75) WAVE(4.25)        \
    WAVE(4.75) WAVE(5.25) WAVE(5.75) ") + (z < 6 ? 2/(1 + exp(4*pi*z)) : 0); a < 0 ? 2 - s : s"

/* atan z = z/(1 + z^2/(3 + 4z^2/(5 + 9z^2/(7 + ...)))), after the angle was halved three times */
#define HALVED(z) z "/(1 + sqrt(1 + " z "^2))"
#define ATAN                                                                                       \
    "s = " HALVED("min(max(a, -1e17), 1e17)") "; t = " HALVED("s") "; z = " HALVED("t") ";"        \
    "w = z^2; 8*z/(1 + w/(3 + 4*w/(5 + 9*w/(7 + 16*w/(9 + 25*w/(11 + 36*w/13))))))"

/* x - tanh x = x q/(1 + q), q = x^2/(3 + x^2/(5 + ...)), from tanh's continued fraction */
#define TANH_SHRINK                                                                                \
    "w = a^2; q = w/(3 + w/(5 + w/(7 + w/(9 + w/(11 + w/(13 + w/15))))));"                         \
    "abs(a) < 1 ? a*(q/(1 + q)) : a - tanh(a)"

/* erf x = 2x/sqrt(pi) e^-x^2 (1 + w/3 (1 + w/5 (...))), w = 2x^2 */
#define ERF                                                                                        \
    "w = min(2*a^2, 1); s = 1 + w/3*(1 + w/5*(1 + w/7*(1 + w/9*(1 + w/11*(1 + w/13*(1 + "          \
    "w/15*(1 + w/17*(1 + w/19*(1 + w/21)))))))));"                                                 \
    "abs(a) < 0.5 ? 2/sqrt(pi)*a*exp(-a^2)*s : sign(a)*(1 - erfc(abs(a)))"

static const struct {
    uint8_t op;
    const char *text;
} spelled[] = {
    {OP_NE, "!(a == b)"},
    {OP_EXPM1, "tanh(0.5*a)*(exp(a) + 1)"},
    /* what 1 + a rounds off is in the quotient */
    {OP_LOG1P, "u = 1 + a; d = u - 1; d == 0 ? a : d == a ? log(u) : log(u)*(a/d)"},
    {OP_CBRT, "sign(a)*pow(abs(a), 1/3)"},
    {OP_TAN, "sin(a)/cos(a)"},
    {OP_ATAN, ATAN},
    {OP_SINH, "tanh(a)*cosh(a)"},
    {OP_COSH, "0.5*(exp(a) + exp(-a))"},
    {OP_SECH, "u = exp(-abs(a)); 2*u/(1 + u^2)"},
    {OP_LOGCOSH, "t = abs(a); t < 1 ? -0.5*log1p(-tanh(a)^2) : t - ln2 + log1p(exp(-2*t))"},
    {OP_SIGMOID, "1/(1 + exp(-a))"},
    {OP_SOFTPLUS, "max(a, 0) + log1p(exp(-abs(a)))"},
    {OP_TANH_SHRINK, TANH_SHRINK},
    {OP_ERF, ERF},
    {OP_ERFC, ERFC},
    {OP_NORMAL, "0.5*erfc(-a/sqrt2)"},
    {OP_DENSITY, "exp(-0.5*a^2)/sqrt(2*pi)"},
    {OP_GATE, "u = exp(min(a, 40)); n = u*(u + 2); n/(n + 2)"},
    {OP_ROOT_SUM, "t = abs(a); r = sqrt(t^2 + b); a < 0 ? b/(r + t) : a + r"},
    {OP_ROOT_LESS, "a/(sqrt(a + b^2) + b)"},
};
/* clang-format on */

static const char *spelling(int op)
{
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++)
        if (spelled[i].op == op)
            return spelled[i].text;
    return NULL;
}

/* ---- functions to known ones ---- */

/* Parameters are numbers that know whose value they are: n is 1 + which. */
static int parameter(fgraph *g, int which, double v)
{
    return formula_intern(g, (fnode){.op = OP_CONST, .v = v, .n = 1 + which});
}

static int lower(fgraph *g, int op, const int arg[3], int n);

static int numbers(const fgraph *g, const fnode *n)
{
    for (int k = 0; k < formula_op[n->op].args; k++)
        if (!is_op(g, n->arg[k], OP_CONST))
            return 0;
    return 1;
}

/* `from` below root with its parameters being the nodes bound[] */
static int copy(fgraph *g, const fgraph *from, int root, const int *bound)
{
    ax_arena scratch;
    ax_arena_init(&scratch, 0);
    int *map = AX_ARRAY(&scratch, int, root + 1);
    uint8_t *marks = ax_arena_alloc(&scratch, (size_t)from->n);
    if (map && marks)
        formula_reach(from, root, marks);
    else
        g->full = 1;
    for (int i = 0; i <= root && !g->full; i++) {
        const fnode *n = node_of(from, i);
        if (!marks[i])
            continue;
        if (formula_op[n->op].args) {
            const int arg[3] = {map[n->arg[0]], map[n->arg[1]], map[n->arg[2]]};
            map[i] = lower(g, n->op, arg, n->n);
        } else {
            map[i] = n->op == OP_PARAM   ? bound[n->n]
                     : n->op == OP_CONST ? formula_const(g, n->v)
                                         : formula_intern(g, *n);
        }
    }
    int r = g->full ? 0 : map[root];
    ax_arena_fini(&scratch);
    return r;
}

static int spell_out(fgraph *g, int op, const int arg[3])
{
    static const ax_act_param letters[] = {{.name = "a"}, {.name = "b"}, {0}};
    const fnames names = {letters, 2, 1};
    const char *text = spelling(op);
    ax_arena scratch;
    fgraph written;
    int r = 0, root = -1;
    ax_arena_init(&scratch, 0);
    if (text && formula_graph_init(&written, &scratch, ROOM_TEXT) == 0)
        root = formula_parse(&written, text, &names, NULL);
    if (root >= 0 && !written.full)
        r = copy(g, &written, root, arg);
    else
        g->full = 1;
    ax_arena_fini(&scratch);
    return r;
}

/* a^n by squares, from the highest bit of n >= 1 on */
static int power(fgraph *g, int a, int n)
{
    if (n == 1)
        return a;
    int r = power(g, a, n / 2);
    r = formula_intern(g, (fnode){.op = OP_MUL, .arg = {r, r}});
    return n % 2 ? formula_intern(g, (fnode){.op = OP_MUL, .arg = {r, a}}) : r;
}

/* a for a + 0, a - 0, 1*a and a/1, which values of parameters make; else -1. ONNX Runtime 1.30
 * refuses some models whose products by 1 it removes itself. */
static int needless(const fgraph *g, const fnode *n)
{
    int product = n->op == OP_MUL || n->op == OP_DIV;
    if (!product && n->op != OP_ADD && n->op != OP_SUB)
        return -1;
    if (is_const(g, n->arg[1], product))
        return n->arg[0];
    int commutes = n->op == OP_MUL || n->op == OP_ADD;
    return commutes && is_const(g, n->arg[0], product) ? n->arg[1] : -1;
}

static int lower(fgraph *g, int op, const int arg[3], int n)
{
    fnode node = {.op = (uint8_t)op, .n = n, .arg = {arg[0], arg[1], arg[2]}};
    for (int k = formula_op[op].args; k < 3; k++)
        node.arg[k] = 0;
    if (numbers(g, &node)) {
        const fnode *v = g->node;
        double y = formula_apply(op, v[arg[0]].v, v[node.arg[1]].v, v[node.arg[2]].v, n);
        if (isfinite(y))
            return formula_const(g, y);
    }
    if (op == OP_POWI)
        return power(g, arg[0], n);
    int same = needless(g, &node);
    if (same >= 0)
        return same;
    return known[op].name ? formula_intern(g, node) : spell_out(g, op, arg);
}

/* ---- at the ends ---- */

/* What the steps give for x; Min and Max of a NaN are NaN, as in ONNX. */
static double evaluate(const fgraph *g, int root, double x, double *v)
{
    for (int i = 0; i <= root; i++) {
        const fnode *n = node_of(g, i);
        double a = v[n->arg[0]], b = v[n->arg[1]];
        if (n->op == OP_CONST || n->op == OP_VAR)
            v[i] = n->op == OP_CONST ? n->v : x;
        else if ((n->op == OP_MIN || n->op == OP_MAX) && (isnan(a) || isnan(b)))
            v[i] = NAN;
        else
            v[i] = formula_apply(n->op, a, b, v[n->arg[2]], n->n);
    }
    return v[root];
}

static int select_where_equal(fgraph *g, int a, int b, int yes, int no)
{
    int same = formula_intern(g, (fnode){.op = OP_EQ, .arg = {a, b}});
    return formula_intern(g, (fnode){.op = OP_SELECT, .arg = {same, yes, no}});
}

/* A NaN does not get through a comparison, and in Min and Max runtimes differ. */
static int loses_nan(const fgraph *g, int root)
{
    for (int i = 0; i <= root; i++) {
        int op = g->node[i].op;
        if (known[op].truth || op == OP_MIN || op == OP_MAX || op == OP_SIGN)
            return 1;
    }
    return !g->node[root].has_x;
}

static int mend(fgraph *g, int root, const ax_formula *f, const double *p, double *v)
{
    static const float ends[2] = {-INFINITY, INFINITY};
    float want[2];
    ax_formula_run(f, AX_FORMULA_F, p, ends, want, 2);
    int x = formula_intern(g, (fnode){.op = OP_VAR}), r = root;
    for (int k = 0; k < 2; k++) {
        double end = (double)ends[k], y = evaluate(g, root, end, v);
        if ((float)y == want[k] || (isnan(y) && isnan(want[k])))
            continue;
        r = select_where_equal(g, x, formula_const(g, end), formula_const(g, (double)want[k]), r);
    }
    return loses_nan(g, root) ? select_where_equal(g, x, x, r, x) : r;
}

/* ---- steps ---- */

typedef struct writer {
    const fgraph *g;
    ax_formula_step *step;
    int n, *at, *cast; /* the step of a node, and that of its other form */
} writer;

static int add(writer *w, ax_formula_step s)
{
    w->step[w->n] = s;
    return w->n++;
}

/* a node as what is wanted of it */
static int as(writer *w, int node, int truth)
{
    int at = w->at[node];
    if (w->step[at].truth == truth)
        return at;
    if (w->cast[node])
        return w->cast[node];
    if (!truth) {
        w->cast[node] = add(w, (ax_formula_step){AX_STEP_OP, "Cast", 1, {at}, 0, 0, 0});
        return w->cast[node];
    }
    int zero = add(w, (ax_formula_step){.kind = AX_STEP_NUMBER});
    int none = add(w, (ax_formula_step){AX_STEP_OP, "Equal", 2, {at, zero}, 0, 1, 0});
    w->cast[node] = add(w, (ax_formula_step){AX_STEP_OP, "Not", 1, {none}, 0, 1, 0});
    return w->cast[node];
}

static void write_step(writer *w, int i)
{
    const fnode *n = node_of(w->g, i);
    ax_formula_step s = {.kind = AX_STEP_OP, .op = known[n->op].name, .truth = known[n->op].truth};
    if (n->op == OP_VAR)
        s.kind = AX_STEP_X;
    if (n->op == OP_CONST) {
        s.kind = n->n ? AX_STEP_PARAM : AX_STEP_NUMBER;
        s.param = n->n - 1;
        s.v = n->v;
    }
    s.args = formula_op[n->op].args;
    for (int k = 0; k < s.args; k++)
        s.arg[k] = as(w, n->arg[k], k < known[n->op].truths);
    w->at[i] = add(w, s);
}

/* four steps for a node: itself, and three that make a truth of a number */
static int write_steps(const fgraph *g, int root, ax_arena *scratch, ax_arena *arena,
                       const ax_formula_step **steps)
{
    uint8_t *marks = ax_arena_alloc(scratch, (size_t)g->n);
    writer w = {g, AX_ARRAY(scratch, ax_formula_step, 4 * g->n), 0, AX_ARRAY(scratch, int, g->n),
                AX_ARRAY(scratch, int, g->n)};
    if (!marks || !w.step || !w.at || !w.cast)
        return -1;
    formula_reach(g, root, marks);
    for (int i = 0; i <= root; i++)
        if (marks[i])
            write_step(&w, i);
    as(&w, root, 0);
    *steps = (void *)ax_arena_memdup(arena, (void *)w.step, (size_t)w.n * sizeof *w.step);
    return *steps ? w.n : -1;
}

int ax_formula_lower(const ax_formula *f, const double *p, ax_arena *arena,
                     const ax_formula_step **steps, ax_err *err)
{
    ax_arena scratch;
    fgraph g;
    int n = -1;
    ax_arena_init(&scratch, 0);
    double *v = AX_ARRAY(&scratch, double, ROOM);
    if (v && formula_graph_init(&g, &scratch, ROOM) == 0) {
        int bound[AX_ACT_PARAMS];
        for (int i = 0; i < f->params; i++)
            bound[i] = parameter(&g, i, p[i]);
        int root = copy(&g, f->stable, f->root[AX_FORMULA_F], bound);
        root = g.full ? root : mend(&g, root, f, p, v);
        if (g.full) {
            ax_fail(err, AX_ELIMIT, "the formula has more than %d parts when it is spelled out",
                    ROOM);
            ax_err_hint(err, "each erf and Phi becomes some ninety; call them less often");
        } else if ((n = write_steps(&g, root, &scratch, arena, steps)) < 0)
            ax_fail(err, AX_ENOMEM, "no memory to spell out a formula");
    } else {
        ax_fail(err, AX_ENOMEM, "no memory to spell out a formula");
    }
    ax_arena_fini(&scratch);
    return n;
}
