/* list.c - every operator there is: one line each. */
#include <string.h>

#include "ops/ops.h"

static const ax_op *const list[] = {
    &ax_op_dense,
    &ax_op_dense_dx,
    &ax_op_dense_dw,
    &ax_op_conv2d,
    &ax_op_conv2d_dx,
    &ax_op_conv2d_dw,
    &ax_op_bias_grad,
    &ax_op_pool2d,
    &ax_op_pool2d_grad,
    &ax_op_reshape,
    &ax_op_like,
    &ax_op_permute,
    &ax_op_concat,
    &ax_op_slice,
    &ax_op_pad2d,
    &ax_op_upsample2d,
    &ax_op_upsample2d_grad,
    &ax_op_add,
    &ax_op_mul,
    &ax_op_affine,
    &ax_op_activation,
    &ax_op_activation_grad,
    &ax_op_prelu,
    &ax_op_prelu_grad,
    &ax_op_batch_norm,
    &ax_op_batch_norm_train,
    &ax_op_batch_norm_grad,
    &ax_op_layer_norm,
    &ax_op_layer_norm_grad,
    &ax_op_dropout,
    &ax_op_loss,
    &ax_op_loss_grad,
    &ax_op_nll,
    &ax_op_nll_grad,
    &ax_op_penalty,
    &ax_op_penalty_grad,
    &ax_op_gumbel,
    &ax_op_kl_sparsity,
    &ax_op_kl_sparsity_grad,
    &ax_op_hoyer,
    &ax_op_hoyer_grad,
    &ax_op_binary,
    &ax_op_unary,
    &ax_op_lrn,
    &ax_op_unary_dx,
    &ax_op_strided,
    &ax_op_gather,
    &ax_op_gather_dx,
    &ax_op_gather_elements,
    &ax_op_gather_nd,
    &ax_op_scatter,
    &ax_op_scatter_nd,
    &ax_op_topk,
    &ax_op_quantize,
    &ax_op_conv_whole,
    &ax_op_cast,
    &ax_op_where,
    &ax_op_cumsum,
    &ax_op_pad,
    &ax_op_reverse,
    &ax_op_reduce,
    &ax_op_reduce_dx,
    &ax_op_expand_like,
    &ax_op_sum_like,
    &ax_op_matmul,
    &ax_op_pool,
    &ax_op_pool_grad,
    &ax_op_max_places,
    &ax_op_put,
    &ax_op_strided_sum,
    &ax_op_pad_grad,
    &ax_op_lrn_grad,
    &ax_op_resample,
    &ax_op_resample_grad,
    &ax_op_group_norm,
    &ax_op_group_norm_grad,
    &ax_op_row_stats,
    &ax_op_grid_sample,
    &ax_op_grid_sample_grad,
    &ax_op_rnn,
    &ax_op_gru,
    &ax_op_lstm,
    &ax_op_recurrent_grad,
    &ax_op_activation_learned,
    &ax_op_learned_dx,
    &ax_op_learned_dp,
};

const ax_op *const *ax_op_list(int *count)
{
    *count = (int)(sizeof list / sizeof *list);
    return list;
}

const ax_op *ax_op_find(const char *name)
{
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!strcmp(list[i]->name, name))
            return list[i];
    return NULL;
}
