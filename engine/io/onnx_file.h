/* onnx_file.h - an ONNX file as structs: what it says, checked for form, not yet for sense.
 *
 * Names are copies that end in 0; the numbers of tensors stay where they are in the file's bytes
 * where it has them as `raw_data`, MAYBE UNALIGNED, and are laid out the same way in the arena
 * where it has them one by one. Counts fit the bytes that are there, products of dimensions are
 * checked, graphs within graphs end. What operators mean is the importer's matter (onnx_import.h).
 * Thread rule: a file that is read may be shared.
 * Source: github.com/onnx/onnx, onnx.proto and docs/IR.md. */
#ifndef AX_IO_ONNX_FILE_H
#define AX_IO_ONNX_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/backed.h"
#include "base/err.h"

/* TensorProto.DataType */
typedef enum ax_onnx_type {
    AX_ONNX_FLOAT = 1,
    AX_ONNX_UINT8 = 2,
    AX_ONNX_INT8 = 3,
    AX_ONNX_UINT16 = 4,
    AX_ONNX_INT16 = 5,
    AX_ONNX_INT32 = 6,
    AX_ONNX_INT64 = 7,
    AX_ONNX_STRING = 8,
    AX_ONNX_BOOL = 9,
    AX_ONNX_FLOAT16 = 10,
    AX_ONNX_DOUBLE = 11,
    AX_ONNX_UINT32 = 12,
    AX_ONNX_UINT64 = 13,
    AX_ONNX_BFLOAT16 = 16
} ax_onnx_type;

const char *ax_onnx_type_name(int type); /* "float32"...; "type 17" is "an unknown type" */
size_t ax_onnx_type_size(int type); /* bytes of an element; 0: not a type of numbers known here */

enum { AX_ONNX_MAX_DEPTH = 16 /* graphs within graphs */ };

typedef struct ax_onnx_tensor {
    const char *name; /* "" where it has none */
    int type;         /* ax_onnx_type; others have no data */
    int rank;
    const int64_t *dim;
    int64_t count;       /* elements */
    const uint8_t *data; /* count * ax_onnx_type_size(type) bytes, little-endian, maybe unaligned */
    size_t bytes;
} ax_onnx_tensor;

typedef struct ax_onnx_dim {
    int64_t value;    /* -1: open */
    const char *name; /* of an open one: "batch"; "" where it has none */
} ax_onnx_dim;

/* An input or output of a graph. */
typedef struct ax_onnx_port {
    const char *name;
    int type; /* of its elements; 0: the file does not say, or it is no tensor (see kind) */
    int rank; /* -1: open */
    const ax_onnx_dim *dim;
    const char *kind; /* "tensor", "sequence", "optional", "map", "sparse tensor" */
} ax_onnx_port;

typedef enum ax_onnx_attr_type {
    AX_ONNX_A_FLOAT = 1,
    AX_ONNX_A_INT = 2,
    AX_ONNX_A_STRING = 3,
    AX_ONNX_A_TENSOR = 4,
    AX_ONNX_A_GRAPH = 5,
    AX_ONNX_A_FLOATS = 6,
    AX_ONNX_A_INTS = 7,
    AX_ONNX_A_STRINGS = 8
} ax_onnx_attr_type;

typedef struct ax_onnx_graph ax_onnx_graph;

/* One member has a value, the one its type says; of the lists n is the length. */
typedef struct ax_onnx_attr {
    const char *name;
    const char *of; /* within a function: the attribute of the call that stands for it; "" */
    int type;
    float f;
    int64_t i;
    const char *s;
    const ax_onnx_tensor *t;
    const ax_onnx_graph *g;
    int64_t n;
    const float *floats;
    const int64_t *ints;
    const char *const *strings;
} ax_onnx_attr;

typedef struct ax_onnx_node {
    const char *op, *domain, *name; /* domain: "" for ONNX's own ("ai.onnx" is made "") */
    const char *overload;           /* which of the functions of one name; "" */
    const char *const *in;          /* "": absent */
    const char *const *out;
    const ax_onnx_attr *attr;
    int n_in, n_out, n_attr;
} ax_onnx_node;

struct ax_onnx_graph {
    const char *name;
    const ax_onnx_node *node;
    const ax_onnx_tensor *init;
    const ax_onnx_port *in, *out;
    int n_node, n_init, n_in, n_out;
};

typedef struct ax_onnx_opset {
    const char *domain; /* "" for ONNX's own */
    int64_t version;
} ax_onnx_opset;

typedef struct ax_onnx_function {
    const char *name, *domain, *overload;
    const char *const *in, *const *out;
    const ax_onnx_attr *attr; /* with their defaults; those without have type 0 */
    const ax_onnx_node *node;
    const ax_onnx_opset *opset;
    int n_in, n_out, n_attr, n_node, n_opset;
} ax_onnx_function;

/* What axond itself has left in a file's metadata_props, under a key that begins with "axond.". */
typedef struct ax_onnx_note {
    const char *key, *value;
} ax_onnx_note;

/* The keys that are written, and read again. */
#define AX_ONNX_NAME     "axond.name"
#define AX_ONNX_LABELS   "axond.labels"   /* a JSON array of strings                */
#define AX_ONNX_TRAINING "axond.training" /* as in a model file, likewise the others */
#define AX_ONNX_SPEC     "axond.spec"
#define AX_ONNX_VERSION  "axond.version"

typedef struct ax_onnx_file {
    int64_t ir_version;
    const char *producer; /* "pytorch 1.13.1" */
    const ax_onnx_note *note;
    int n_note;
    const ax_onnx_opset *opset;
    const ax_onnx_function *function;
    int n_opset, n_function;
    ax_onnx_graph graph;
    ax_arena arena;    /* of all of the above */
    ax_backed *backed; /* what the bytes lie in where their numbers come and go, else NULL */
} ax_onnx_file;

/* Read bytes[0..n), which must outlive the file. folder: where files with tensors of their own may
 * lie (external data), NULL where there is none. -1: AX_EPARSE (no protobuf, or none of ONNX),
 * AX_ECORRUPT (it contradicts itself), AX_ELIMIT, AX_EUNSUPPORTED; err->at names the place
 * ("graph.node[7].attribute[0]"), and nothing is left to free. */
int ax_onnx_read(const uint8_t *bytes, size_t n, const char *folder, ax_onnx_file *f, ax_err *err);
void ax_onnx_free(ax_onnx_file *f);

/* Move the numbers of large initializers of the graph to where they are aligned to their size, over
 * the bytes of the file's form in front of them, which nobody reads again: a copy would need their
 * memory twice. bytes, n: those that were read, which can be written now. */
void ax_onnx_align(ax_onnx_file *f, uint8_t *bytes, size_t n);

/* A file that holds one TensorProto, as ONNX's test data does: in the arena, or pointing into the
 * bytes. */
int ax_onnx_read_tensor(const uint8_t *bytes, size_t n, ax_arena *a, ax_onnx_tensor *t,
                        ax_err *err);

/* The value under this key; NULL: there is none. */
const char *ax_onnx_note_of(const ax_onnx_file *f, const char *key);

/* The version of a domain that the file imports; 0: it does not. */
int64_t ax_onnx_opset_of(const ax_onnx_opset *o, int n, const char *domain);

#endif
