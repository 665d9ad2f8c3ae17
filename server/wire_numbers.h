/* wire_numbers.h - arrays of float32 of whatever shape: read as they come, written the same way.
 *
 * For requests that are about numbers, not about a model's inputs: one number, a list, or lists
 * nested to AX_MAX_RANK, all of one length at each level. Infinities and NaN are the strings
 * "Infinity", "-Infinity" and "NaN". Thread rule: none shared. */
#ifndef SERVER_WIRE_NUMBERS_H
#define SERVER_WIRE_NUMBERS_H

#include "wire_cursor.h"

/* The value at c->p. *x has ax_shape_count(shape) numbers in c->mem, at most `most`; a bare number
 * has rank 0. 0, or -1 with c->why. */
int wire_numbers(cursor *c, int64_t most, float **x, ax_shape *shape);

/* x, of this shape, as JSON. With NON_FINITE_NULL what JSON cannot say is null, else a string. */
void wire_put_numbers(buf *b, const float *x, const ax_shape *shape, wire_non_finite policy);

#endif
