/* impl.h - what the files of this folder share: nodes, graphs, and who does what with them.
 *
 *     text --parse--> graph as written --rewrite--> stable graph --derive--> more of it
 *                          |                             |--text--> canonical text
 *                       exact (113 bits)                 |--compile--> programs --run--> numbers
 *
 * A graph is an array of nodes in topological order: arguments come before what uses them, equal
 * nodes exist once. Node numbers are ints. When a graph is full, nodes become node 0 and `full` is
 * set: only whoever started the work looks at it. Private to engine/activation/formula. */
#ifndef AX_ACTIVATION_FORMULA_IMPL_H
#define AX_ACTIVATION_FORMULA_IMPL_H

#include "activation/formula/formula.h"

/* X(op, how it is called in a formula, arguments, cost of one element in hundredths of ns, doc) */
/* clang-format off */
#define AX_FORMULA_SIGNS(X)                                                                        \
    X(CONST, "", 0, 0, "")                                                                         \
    X(VAR, "", 0, 0, "")                                                                           \
    X(PARAM, "", 0, 0, "")                                                                         \
    X(ADD, "", 2, 15, "")                                                                          \
    X(SUB, "", 2, 15, "")                                                                          \
    X(MUL, "", 2, 15, "")                                                                          \
    X(DIV, "", 2, 50, "")                                                                          \
    X(NEG, "", 1, 12, "")                                                                          \
    X(POWI, "", 1, 60, "")                                                                         \
    X(LT, "", 2, 20, "")                                                                           \
    X(LE, "", 2, 20, "")                                                                           \
    X(EQ, "", 2, 20, "")                                                                           \
    X(NE, "", 2, 20, "")                                                                           \
    X(AND, "", 2, 15, "")                                                                          \
    X(OR, "", 2, 20, "")                                                                           \
    X(NOT, "", 1, 12, "")                                                                          \
    X(SELECT, "", 3, 25, "")
#define AX_FORMULA_CALLS(X)                                                                        \
    X(EXP, "exp", 1, 90, "e to the x")                                                             \
    X(EXPM1, "expm1", 1, 220, "exp(x) - 1 without cancellation")                                   \
    X(LOG, "log", 1, 180, "natural logarithm")                                                     \
    X(LOG1P, "log1p", 1, 200, "log(1 + x) without cancellation")                                   \
    X(SQRT, "sqrt", 1, 100, "square root")                                                         \
    X(CBRT, "cbrt", 1, 250, "cube root, of negative numbers too")                                  \
    X(POW, "pow", 2, 900, "a^b with any exponent")                                                 \
    X(ABS, "abs", 1, 12, "x without its sign")                                                     \
    X(SIGN, "sign", 1, 20, "-1, 0 or 1; derivative 0")                                             \
    X(FLOOR, "floor", 1, 30, "largest integer not above x; derivative 0")                          \
    X(MIN, "min", 2, 20, "the smaller of two")                                                     \
    X(MAX, "max", 2, 20, "the larger of two")                                                      \
    X(SIN, "sin", 1, 400, "sine of radians; sin(x, omega) is sin(omega*x)")                        \
    X(COS, "cos", 1, 400, "cosine of radians; cos(x, omega) is cos(omega*x)")                      \
    X(TAN, "tan", 1, 500, "tangent of radians")                                                    \
    X(ATAN, "atan", 1, 200, "arctangent in radians")                                               \
    X(SINH, "sinh", 1, 300, "hyperbolic sine")                                                     \
    X(COSH, "cosh", 1, 250, "hyperbolic cosine")                                                   \
    X(TANH, "tanh", 1, 130, "hyperbolic tangent")                                                  \
    X(SECH, "sech", 1, 130, "1/cosh(x)")                                                           \
    X(LOGCOSH, "logcosh", 1, 350, "log(cosh(x))")                                                  \
    X(SIGMOID, "sigmoid", 1, 130, "1/(1 + exp(-x))")                                               \
    X(SOFTPLUS, "softplus", 1, 250, "log(1 + exp(x))")                                             \
    X(TANH_SHRINK, "tanh_shrink", 1, 250, "x - tanh(x) without cancellation")                      \
    X(ERF, "erf", 1, 350, "error function")                                                        \
    X(ERFC, "erfc", 1, 350, "1 - erf(x) without cancellation")                                     \
    X(NORMAL, "Phi", 1, 350, "distribution function of the normal distribution")                   \
    X(DENSITY, "phi", 1, 110, "density of the normal distribution")
/* for rules (rewrite.c); text.c writes them as the doc column has it */
#define AX_FORMULA_HIDDEN(X)                                                                       \
    X(GATE, "_gate", 1, 170, "tanh(softplus(a))")                                                  \
    X(ROOT_SUM, "_root_sum", 2, 200, "a + sqrt(a^2 + b)")                                          \
    X(ROOT_LESS, "_root_less", 2, 200, "sqrt(a^2 + b^2) - b")
#define AX_FORMULA_OPS(X) AX_FORMULA_SIGNS(X) AX_FORMULA_CALLS(X) AX_FORMULA_HIDDEN(X)

enum {
#define AX_FORMULA_OP(op, name, args, cost, doc) OP_##op,
    AX_FORMULA_OPS(AX_FORMULA_OP)
#undef AX_FORMULA_OP
    OP_COUNT
};
/* clang-format on */

enum {
    POWER_MOST = 64,   /* largest exponent of POWI */
    NAME_BYTES = 31,   /* of a parameter or a let */
    LITERAL_BYTES = 32 /* of a number */
};

typedef struct op_info {
    const char *name;
    int args, cost;
    const char *doc;
} op_info;
extern const op_info formula_op[OP_COUNT];
/* op called like this with that many arguments (-1: any); 0 when there is none */
int formula_op_find(const char *name, size_t len, int args);

typedef struct fnode {
    uint8_t op, has_x;
    uint16_t params; /* bit i: depends on parameter i */
    int n;           /* POWI: exponent; PARAM: which */
    int arg[3];      /* node numbers; 0 where there is none */
    double v, lo;    /* CONST: v + lo, lo being what a double has no room for (as written only) */
} fnode;

typedef struct rewrite_log rewrite_log;

typedef struct fgraph {
    fnode *node;
    int n, room, full;
    int *slot, slots;
    const ax_act_param *param; /* their bounds tell signs; or NULL */
    rewrite_log *log;          /* where formula_make() notes what it rewrote, or NULL */
    int plain; /* formula_make() normalises but does not rewrite (the rules themselves) */
    int nested, rebuilt; /* choices within choices under way, nodes built for them (conditions.c) */
} fgraph;

/* -1 when memory is short */
int formula_graph_init(fgraph *g, ax_arena *arena, int room);
/* The node as it is, new or found. */
int formula_intern(fgraph *g, fnode n);
int formula_const(fgraph *g, double v);
/* The node simplified: constants folded, signs pulled out, rules applied. n: exponent of POWI. */
int formula_make(fgraph *g, int op, int a, int b, int c, int n);
/* Simpler nodes for OP_AND, OP_OR, OP_NOT and for c ? a : b, or -1 (conditions.c). */
int formula_truth(fgraph *g, int op, int a, int b);
int formula_select(fgraph *g, int c, int a, int b);
/* reachable nodes below and with root: marks[i] = 1; returns how many */
int formula_reach(const fgraph *g, int root, uint8_t *marks);

static inline int make(fgraph *g, int op, int a, int b)
{
    return formula_make(g, op, a, b, 0, 0);
}
static inline int negative(fgraph *g, int a)
{
    return formula_make(g, OP_NEG, a, 0, 0, 0);
}
static inline const fnode *node_of(const fgraph *g, int i)
{
    return &g->node[i];
}
static inline int is_op(const fgraph *g, int i, int op)
{
    return g->node[i].op == op;
}
static inline int is_const(const fgraph *g, int i, double v)
{
    return g->node[i].op == OP_CONST && g->node[i].v == v;
}

/* ---- parse.c: text to a graph as written ---- */

typedef struct fnames {
    const ax_act_param *param; /* declared */
    int params;
    int rules; /* reading a rule: _names are functions */
} fnames;
/* The root, or -1 with err. */
int formula_parse(fgraph *g, const char *text, const fnames *names, ax_err *err);
/* err with the column (from 0) in front and the text with a caret as hint, after an own hint. */
int formula_error_at(ax_err *err, const char *text, int column, const char *hint);

typedef enum token_kind {
    T_END,
    T_NUMBER,
    T_NAME,
    T_SIGN /* operators and punctuation; two-character ones as first * 256 + second */
} token_kind;
typedef struct token {
    token_kind kind;
    int sign;
    const char *at;
    int len;
    double v, lo;
} token;
/* The token at *at, which is moved behind it; -1 with err. */
int formula_lex(const char *text, const char **at, token *t, ax_err *err);

/* ---- rewrite.c ---- */

typedef struct rule {
    const char *from, *to,
        *says; /* says: what stands for `to` where that is no function, or NULL */
} rule;
const rule *formula_rules(int *count);
/* op(a, b, c) by the first rule that fits, or -1 */
int formula_rewrite(fgraph *g, int op, int a, int b, int c, int n);
/* The stable form in g of what was written; notes what was done in log. -1 when memory is short or
 * g full. */
int formula_stabilise(fgraph *g, const fgraph *written, int root, rewrite_log *log);
struct rewrite_log {
    ax_arena *arena;
    const ax_act_param *param;
    const char *line[32];
    int n;
};

/* ---- product.c, sum.c: products and sums of derivatives, simplified ---- */

enum { FACTORS = 16 };
typedef struct term {
    double c; /* times factor[i]^power[i] */
    int n, factor[FACTORS], power[FACTORS];
} term;
/* t times node^power, the node as it is; 0 when t has no room */
int formula_factor(term *t, int node, int power);
/* t times node^power, taken apart; 0 when t has no room: t is then spoilt */
int formula_multiply(const fgraph *g, term *t, int node, int power);
int formula_product(fgraph *g, term t);
/* a + b, and a - b if minus */
int formula_sum(fgraph *g, int a, int b, int minus);
/* 1, -1, or 0 for what is not known */
int formula_sign(const fgraph *g, int node);

/* ---- derive.c ---- */

enum { BY_X = -1 };
/* d root / d x or d parameter; -1 when memory is short */
int formula_derive(fgraph *g, int root, int by);

/* ---- text.c ---- */

typedef struct ftext {
    const fgraph *g;
    const ax_act_param *param;
} ftext;
/* The whole with lets, in arena. */
const char *formula_write(const fgraph *g, const ax_act_param *param, int root, ax_arena *arena);
/* 3: what is written needs no parentheses anywhere; 2: none in a product; 1: none in a sum */
int formula_binding(const fgraph *g, int node);
/* One expression without lets, cut to size. */
void formula_write_short(const fgraph *g, const ax_act_param *param, int root, char *to,
                         size_t size);

/* ---- compile.c, run.c ---- */

typedef struct instr {
    uint16_t op, dst, arg[3]; /* register, or SCALAR + number of a scalar; dst likewise */
    int16_t n;
} instr;
enum {
    SCALAR = 0x8000,
    FRAME = 8192,     /* doubles for all registers together: 64 KB */
    BLOCK_MOST = 256, /* elements at a time */
    REGISTERS_MOST = FRAME / 16,
    SCALARS_MOST = 512
};

/* Scalars: first the parameters, then constants, then what depends on those alone. Register 0
 * holds x at the start. */
typedef struct program {
    const instr *uniform, *code;
    int uniforms, codes;
    const double *constant;
    int params, constants, scalars, registers;
    uint16_t out; /* register or scalar */
} program;
/* -1 with err: too large, or memory is short */
int formula_compile(const fgraph *g, int root, int params, program *out, ax_arena *arena,
                    ax_err *err);

/* The value at x 2^exponent with numbers of unlimited exponents; scalar: as computed. */
double formula_wide(const program *p, const double *scalar, double x, int exponent);

struct ax_formula {
    const char *source;
    int params, outputs;
    const fgraph *written; /* compacted: exactly what is reachable */
    int written_root;
    const fgraph *stable;
    int root[AX_FORMULA_DP + AX_ACT_PARAMS];
    program program[AX_FORMULA_DP + AX_ACT_PARAMS];
    const char *text[AX_FORMULA_DP + AX_ACT_PARAMS];
    const char *const *rewrites;
    int rewrites_n;
};

/* op of three numbers: what programs compute, for folding and for slopes */
double formula_apply(int op, double a, double b, double c, int n);

#endif
