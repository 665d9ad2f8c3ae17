/* onnx_read_impl.h - what onnx_file.c (messages) and onnx_tensor.c (tensors) share. */
#ifndef AX_IO_ONNX_READ_IMPL_H
#define AX_IO_ONNX_READ_IMPL_H

#include "io/onnx_file.h"
#include "io/protobuf_read.h"

enum { ONNX_MANY = 1 << 20 /* nodes of a graph, names of a list... */ };

typedef struct onnx_reader {
    ax_arena *arena; /* its limit bounds what a file can make of itself */
    const char *folder;
    int depth;
    ax_err *err; /* never NULL */
} onnx_reader;

/* Room for n structs, zeroed. NULL with AX_ELIMIT. */
void *onnx_room(onnx_reader *r, int64_t n, size_t size);
/* A field as text, message, whole number; errors name the field. */
const char *onnx_text(onnx_reader *r, const ax_pb_field *f);
int onnx_message(onnx_reader *r, const ax_pb_field *f, ax_pb_in *in);
int onnx_int(onnx_reader *r, const ax_pb_field *f, int64_t *out);

int onnx_read_tensor(onnx_reader *r, ax_pb_in in, ax_onnx_tensor *t);

#endif
