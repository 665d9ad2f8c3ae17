/* gzip.h - a packed file becomes a plain one, by the piece. Thread-safe. */
#ifndef AX_IO_GZIP_H
#define AX_IO_GZIP_H

#include <stdint.h>

#include "base/err.h"

/* Unpack what is read from `from` until its end into `to`, descriptors both; a gzip file may have
 * several members. How many bytes came out; -1: AX_ECORRUPT (damaged, cut short, something behind
 * it), AX_ELIMIT when there would be more than `limit`, AX_EIO what the system said, with errno. */
int64_t ax_gunzip(int from, int to, int64_t limit, ax_err *err);

#endif
