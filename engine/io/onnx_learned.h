/* onnx_learned.h - which numbers of a file of ONNX are weights: those that a training may change.
 */
#ifndef AX_IO_ONNX_LEARNED_H
#define AX_IO_ONNX_LEARNED_H

#include "io/onnx_file.h"

/* learned[i] of each of f->graph.n_init initializers: float32, more than one number, and used by
 * nothing but operators in a place where they take weights; a table in onnx_learned.c names those.
 */
void ax_onnx_learned(const ax_onnx_file *f, unsigned char *learned);

/* May input i of the node be a weight? */
int ax_onnx_takes_weight(const ax_onnx_node *n, int i);

/* The last node that multiplies by weights and the value that goes into it: where a new end is put
 * when nobody says where. NULL: there is none. */
const char *ax_onnx_last_input(const ax_onnx_file *f, const unsigned char *learned);

#endif
