/* onnx_edit.h - a file of ONNX written again with other weights and, maybe, another end.
 *
 * What is not named here stays byte for byte: names, attributes, functions, metadata, fields that
 * this program does not know. Tensors in files of their own become part of the file. */
#ifndef AX_IO_ONNX_EDIT_H
#define AX_IO_ONNX_EDIT_H

#include "io/onnx_write.h"

typedef struct ax_onnx_edit {
    /* The float32 numbers that take the place of an initializer's; NULL: those of the file stay. */
    const float *(*numbers)(void *ctx, const char *initializer);
    /* The value behind which the graph is cut; NULL: it stays whole. What nothing needs any more
     * goes, initializers too, and all outputs of the graph. */
    const char *cut;
    /* With a cut: write what comes behind it, outputs included, into the open graph. */
    int (*end)(void *ctx, ax_onnx *m, ax_err *err);
    /* Notes of this program in the file's metadata take the place of all it had; those with a value. */
    const ax_onnx_note *notes;
    int n_notes;
    void *ctx;
} ax_onnx_edit;

/* bytes[0..n) are those that f was read from, as they were then (not after ax_onnx_align()). The
 * new file's bytes go into the empty *to, which the caller frees, and which borrows the new numbers. -1: AX_ENOTFOUND (the cut),
 * AX_ENOMEM. */
int ax_onnx_rewrite(const uint8_t *bytes, size_t n, const ax_onnx_file *f, const ax_onnx_edit *e,
                    ax_pb *to, ax_err *err);

#endif
