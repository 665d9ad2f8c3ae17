/* session.h - what session.c asks of session_onnx.c: sessions of files of ONNX. Functions as those
 * of axon.h without "onnx"; the same thread rule. */
#ifndef AX_SESSION_H
#define AX_SESSION_H

#include "model.h"

/* The plans that a session keeps beside the current one: the most recent ones of so many, with so
 * many bytes of working memory. */
enum { AX_KEEP_PLANS = 64, AX_KEEP_BYTES = 64 << 20 };

typedef struct ax_onnx_session ax_onnx_session;

/* ports[0..n): of the outputs; their names, those of outputs of the file, of layers or of any value
 * in its graph, live as long as the session. */
ax_onnx_session *ax_onnx_session_open(ax_model *m, ax_pool *pool, const ax_port *ports, int n,
                                      ax_err *err);
void ax_onnx_session_close(ax_onnx_session *s); /* NULL is fine */
int ax_onnx_session_resize(ax_onnx_session *s, int64_t batch, ax_err *err);
int ax_onnx_session_shape(ax_onnx_session *s, int i, const ax_shape *shape, ax_err *err);
int ax_onnx_session_ready(ax_onnx_session *s, ax_err *err);
void *ax_onnx_session_input(ax_onnx_session *s, int i);
const void *ax_onnx_session_output(const ax_onnx_session *s, int i);
const ax_shape *ax_onnx_session_input_shape(const ax_onnx_session *s, int i);
const ax_shape *ax_onnx_session_output_shape(const ax_onnx_session *s, int i);
int ax_onnx_session_run(ax_onnx_session *s, ax_err *err);
int64_t ax_onnx_session_bytes(const ax_onnx_session *s);
int64_t ax_onnx_session_alive(const ax_onnx_session *s); /* ax_memory_use.alive */
const char *ax_onnx_session_plan_text(const ax_onnx_session *s, ax_arena *a);

#endif
