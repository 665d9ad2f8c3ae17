/* onnx_spec_impl.h - shared by onnx_spec.c (names, layers, the whole), onnx_spec_rows.c (a row per
 * op) and onnx_spec_math.c (arithmetic as activations and normalisation). */
#ifndef AX_IO_ONNX_SPEC_IMPL_H
#define AX_IO_ONNX_SPEC_IMPL_H

#include "io/onnx_spec.h"
#include "ops/ops.h"

/* How a value of the graph is said. */
typedef enum said_kind {
    SAID_NOT,
    SAID_LAYER,  /* what a layer, or an input, gives                     */
    SAID_EXPR,   /* a function of each of its numbers: not yet a layer   */
    SAID_AFFINE, /* its numbers scaled and shifted per channel: likewise */
    SAID_BROKEN  /* a node before it is no layer                         */
} said_kind;

typedef struct said {
    said_kind kind;
    int layer;        /* index; -1 - i: input i */
    ax_shape shape;   /* of a sample as the layer gives it; the graph may have reshaped it */
    ax_val base;      /* the value that the layer itself gives */
    const char *text; /* EXPR: the formula of x, and the activation where it is but one */
    ax_act act;
    double *scale, *shift; /* AFFINE: n numbers, 1 or one per channel */
    int64_t n;
    int alone; /* AFFINE: nobody else looks at the base or at what lies between */
} said;

typedef struct spec_layer {
    cJSON *json;
    const char *name; /* wanted, and final when it is `named` */
    int named;
    int output;      /* it is one, by this name              */
    int between;     /* no node of the file asked for it     */
    int *in, n_in;   /* as said.layer       */
    int open;        /* takes an activation, and has none yet */
    int64_t no_bias; /* of a dense layer or a convolution without: how long it would be; 0 */
    int bias_axis;   /* where it would lie  */
} spec_layer;

typedef struct speller {
    const ax_onnx_spec_source *from;
    const ax_graph *g;
    ax_onnx_spec *to;
    ax_arena *mem;
    said *val;
    int *uses;                /* of each value, by nodes that are wanted and as an output */
    uint8_t *wanted;          /* of each node */
    int *seen, *inner, round; /* of each value: see onnx_say_inside() */
    cJSON **input;
    spec_layer *layer;
    int n_layer, cap_layer, cap_tensor;
    const ax_onnx_node *at, *told; /* the node of the file under way, and the last one in trouble */
    char trouble[400];
    int troubles, failed;
    ax_err *err;
} speller;

/* A layer of this type; the index, for fields and tensors. */
int onnx_say_layer(speller *s, const char *type, const int *in, int n_in);
/* One that no node asks for by itself: a change of shape. */
int onnx_say_between(speller *s, const char *type, int in);
void onnx_say_int(speller *s, int layer, const char *key, int64_t v);
void onnx_say_number(speller *s, int layer, const char *key, double v);
void onnx_say_ints(speller *s, int layer, const char *key, const int64_t *v, int n);
void onnx_say_item(speller *s, int layer, const char *key, cJSON *item);
void onnx_say_tensor(speller *s, int layer, const char *suffix, const ax_shape *shape,
                     const float *data);
/* v is what the layer gives, in this shape of a sample. */
int onnx_say_value(speller *s, ax_val v, int layer, const ax_shape *shape);
/* The node is no layer, for this reason. -1 */
int onnx_say_trouble(speller *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *onnx_say_room(speller *s, int64_t n, size_t size); /* NULL: s->failed */

/* v as what a layer gives: in whatever shape, or in the graph's own (batch first), or in one that
 * ends in this tail. NULL: what is before it is no layer. */
said *onnx_say_settled(speller *s, ax_val v);
said *onnx_say_whole(speller *s, ax_val v);
said *onnx_say_rows(speller *s, ax_val v, const ax_shape *tail);

const ax_shape *onnx_say_shape(const speller *s, ax_val v); /* in the graph */
/* The numbers of a value that does not depend on inputs; NULL: it does, or is not float32. */
const float *onnx_say_known(const speller *s, ax_val v);
/* Does nobody look at base, or at what lies between it and v, but on the way to v? */
int onnx_say_inside(speller *s, ax_val base, ax_val v);

/* onnx_spec_rows.c */
int onnx_say_node(speller *s, const ax_node *n);
/* Operators that the importer takes apart are said as a whole. 1: this is none of them. */
int onnx_say_operator(speller *s, const ax_onnx_node *n);

/* onnx_spec_math.c */
int onnx_say_act(speller *s, ax_val x, const ax_act *act, ax_val y); /* element-wise */
int onnx_say_unary(speller *s, const ax_node *n);
int onnx_say_binary(speller *s, const ax_node *n, ax_binary_kind kind);
/* EXPR and AFFINE become layers. */
int onnx_say_settle(speller *s, ax_val v);

#endif
