/* onnx_attention.h - what the attention operators of ONNX and of ONNX Runtime share. Private to
 * engine/io. */
#ifndef AX_IO_ONNX_ATTENTION_H
#define AX_IO_ONNX_ATTENTION_H

#include "io/onnx_op.h"

/* Shapes: B samples, N heads of queries, L queries, S keys, heads of D; keys and values may have
 * fewer heads, of which N is a multiple. */
typedef struct onnx_attention {
    ax_onnx_value q, k, v;  /* (B,N,L,D), (B,heads,S,D), (B,heads,S,DV) */
    ax_onnx_value *bias[4]; /* added to the scores, each broadcast to (B,N,L,S); NULL: none */
    int n_bias;
    float scale, softcap;    /* softcap 0: none */
    ax_onnx_value y;         /* (B,N,L,DV) */
    ax_onnx_value scores[4]; /* (B,N,L,S): q k, capped, with bias, shares */
} onnx_attention;

int onnx_attend(onnx_site *s, onnx_attention *a);

/* (B,L,N*D) as (B,N,L,D), and back. */
int onnx_split_heads(onnx_site *s, ax_onnx_value *x, int64_t heads, ax_onnx_value *out);
int onnx_join_heads(onnx_site *s, ax_onnx_value *x, ax_onnx_value *out);
/* past before x along the keys; past NULL: x. */
int onnx_behind(onnx_site *s, ax_onnx_value *past, ax_onnx_value *x, ax_onnx_value *out);
/* 0 where query i may look at key j, j <= i + offset, else `otherwise`: (L,S) */
int onnx_causal(onnx_site *s, int64_t queries, int64_t keys, int64_t offset, float otherwise,
                ax_onnx_value *out);
/* Of bools: 0 where true, else `otherwise`. */
int onnx_mask(onnx_site *s, ax_onnx_value *yes, float otherwise, ax_onnx_value *out);

/* Small steps. */
int onnx_permuted(onnx_site *s, ax_onnx_value *x, const int *perm, ax_onnx_value *out);
int onnx_times(onnx_site *s, ax_onnx_value *x, float by, ax_onnx_value *out);
int onnx_activated(onnx_site *s, const char *row, ax_onnx_value *x, ax_onnx_value *out);
int onnx_cut(onnx_site *s, ax_onnx_value *x, int axis, int64_t from, int64_t count,
             ax_onnx_value *out);

#endif
