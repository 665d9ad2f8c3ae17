/* onnx_op.h - one row per operator of ONNX, and what the functions that build them work with.
 *
 * Where the meaning of an operator changed between opsets it has several rows; that with the
 * largest `since` not above the file's opset counts. Source of all meanings: github.com/onnx/onnx,
 * docs/Operators.md and docs/Changelog.md. Private to engine/io. */
#ifndef AX_IO_ONNX_OP_H
#define AX_IO_ONNX_OP_H

#include "io/onnx_import.h"
#include "ops/ops.h"

typedef struct onnx_importer onnx_importer;
typedef struct onnx_scope onnx_scope;

/* A sequence is known while importing alone: a value of this rank, whose data is its list. */
enum { ONNX_SEQUENCE = -2 };
typedef struct onnx_sequence {
    ax_onnx_value *item; /* tensors, known or planned */
    int n;
} onnx_sequence;
const onnx_sequence *onnx_sequence_of(const ax_onnx_value *v); /* NULL: it is a tensor */

/* A node on its way into the graph. */
typedef struct onnx_site {
    onnx_importer *m;
    const ax_onnx_node *n;
    onnx_scope *scope;  /* the names it sees */
    ax_onnx_value **in; /* NULL: absent */
    ax_onnx_value *out; /* to be filled, in order */
    int n_in, n_out;
    int64_t opset;
    const char *mistyped; /* an attribute that had another type than it was asked for */
    ax_err *err;          /* never NULL */
} onnx_site;

typedef int onnx_build(onnx_site *s);

typedef struct onnx_row {
    const char *op;
    int since;
    int min_in, max_in;
    const char *attrs; /* the names it takes, with spaces between */
    onnx_build *build;
    int types; /* ONNX_F32, ONNX_SEQUENCES; 0: the builder, or the op, judges about tensors */
} onnx_row;

enum {
    ONNX_F32 = 1 /* float32 alone is taken */,
    ONNX_SEQUENCES = 2 /* sequences are taken, too */
};

/* As max_in: any number; those behind min_in may be left out. With INT32_MAX none may. */
enum { ONNX_ANY_LEFT_OUT = INT32_MAX - 1 };

/* end with op NULL */
extern const onnx_row onnx_rows_shape[], onnx_rows_grid[], onnx_rows_nn[], onnx_rows_window[],
    onnx_rows_pool[], onnx_rows_norm[], onnx_rows_resize[], onnx_rows_math[], onnx_rows_index[],
    onnx_rows_type[], onnx_rows_product[], onnx_rows_quant[], onnx_rows_control[], onnx_rows_rnn[],
    onnx_rows_loss[], onnx_rows_attention[], onnx_rows_contrib[], onnx_rows_sequence[],
    onnx_rows_scan[];

/* Attributes, or what stands for them. */
int64_t onnx_int_or(onnx_site *s, const char *name, int64_t otherwise);
float onnx_float_or(onnx_site *s, const char *name, float otherwise);
const char *onnx_text_or(onnx_site *s, const char *name, const char *otherwise);
const ax_onnx_attr *onnx_attr(const onnx_site *s, const char *name); /* NULL: absent */

/* Input i is computed by the run, and has to be known: -1 with AX_EUNKNOWN. */
int onnx_unknown(onnx_site *s, int i);
/* Input i as whole numbers, which have to be known: an arena array of *n. An absent one: *n = -1.
 */
int onnx_known_ints(onnx_site *s, int i, const int64_t **v, int64_t *n);
/* The list as an attribute (before some opset) or as input i (since then); absent: *n = -1. */
int onnx_list(onnx_site *s, const char *attr, int i, const int64_t **v, int64_t *n);
/* An axis of input 0, counted from the end where it is negative. -1 with err. */
int onnx_axis(onnx_site *s, int64_t axis, int rank);

/* Numbers may lie in a file's bytes and be away: these are there from hold to drop. Builders find
 * those of their inputs there, but for the operators that onnx_scope.c names. */
int onnx_hold(onnx_site *s, ax_onnx_value *const *v, int n);
void onnx_drop(onnx_site *s, ax_onnx_value *const *v, int n);

/* Apply an op: at once where all inputs are known, else as a node of the graph. in[i] NULL: absent.
 */
int onnx_apply(onnx_site *s, const ax_op *op, const void *attr, ax_onnx_value *const *in, int n_in,
               ax_onnx_value *out);
/* A known value made by the builder; data is copied into the arena. */
int onnx_constant(onnx_site *s, ax_dtype t, const ax_shape *shape, const void *data,
                  ax_onnx_value *out);
/* The parts along an axis, as many as there are. */
int onnx_joined(onnx_site *s, int axis, ax_onnx_value **part, int n, ax_onnx_value *out);
/* Element t of an axis, without the axis. */
int onnx_element(onnx_site *s, ax_onnx_value *x, int axis, int64_t t, ax_onnx_value *out);
/* x with an axis of one element more; `axis` counts those of the result, maybe from the end. */
int onnx_with_axis(onnx_site *s, ax_onnx_value *x, int axis, ax_onnx_value *out);
/* n values that are not made yet; NULL with err. */
ax_onnx_value *onnx_values(onnx_site *s, int64_t n);
/* The value seen in another shape of as many elements. */
int onnx_reshaped(onnx_site *s, ax_onnx_value *x, const ax_shape *shape, ax_onnx_value *out);
/* Room in the graph's arena; NULL with err. */
void *onnx_alloc(onnx_site *s, int64_t n, size_t size);

/* x repeated to the shape that numpy's rule gives. */
int onnx_expanded(onnx_site *s, ax_onnx_value *x, const ax_shape *to, ax_onnx_value *out);
/* a where cond, else b, each repeated as needed. */
int onnx_where(onnx_site *s, ax_onnx_value *cond, ax_onnx_value *a, ax_onnx_value *b,
               ax_onnx_value *out);
/* Two tensors by an op of binary.c, or one that fuses. */
int onnx_pair(onnx_site *s, ax_binary_kind kind, ax_onnx_value *a, ax_onnx_value *b,
              ax_onnx_value *out);
/* A float32 number as a known value. */
int onnx_number(onnx_site *s, float v, ax_onnx_value *out);
/* A number of any type, as near as it comes to v. */
int onnx_scalar(onnx_site *s, ax_dtype t, double v, ax_onnx_value *out);
/* x in another type; the value itself where it has it. */
int onnx_cast(onnx_site *s, ax_onnx_value *x, ax_dtype to, ax_onnx_value *out);
/* The product of matrices, or vectors, of one type, as MatMul has it: a dense layer where b is a
 * known matrix. */
int onnx_matmul(onnx_site *s, ax_onnx_value *a, ax_onnx_value *b, ax_onnx_value *out);
/* The type that the file gives to input i where it is an input of the graph or an initializer, as
 * ONNX counts types; else 0. */
int onnx_declared_type(const onnx_site *s, int i);

/* The arena of what is made here: the graph's. */
ax_arena *onnx_arena(onnx_site *s);

#endif
