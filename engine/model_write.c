/* model_write.c - a net with its numbers, as a model file.
 *
 * The self-test is computed before anything is written, by a model made of the same numbers, so
 * what a reader would refuse (a number that is not finite) never reaches the disk. */
#include <stdlib.h>

#include "model.h"

int ax_model_write(const char *path, const ax_net *net, const char *training, ax_err *err)
{
    ax_st_item *items = NULL;
    char *test = NULL;
    int bad = -1;
    ax_model *m = ax_model_of_net(net, err);
    if (!m || !(test = ax_selftest_make(m, err)))
        goto done;
    if (!(items = calloc((size_t)net->n_inits + 1, sizeof *items))) {
        ax_fail(err, AX_ENOMEM, "no memory to write the model");
        goto done;
    }
    for (int i = 0; i < net->n_inits; i++) {
        const ax_value *v = &net->graph.val[net->inits[i].param];
        items[i] = (ax_st_item){v->name, {AX_F32, v->desc.shape, v->data}};
    }
    const ax_st_meta meta[] = {{"axond.spec", net->spec},
                               {"axond.version", AX_VERSION},
                               {"axond.selftest", test},
                               {AX_ST_HASH, NULL},
                               {"axond.training", training}};
    bad = ax_safetensors_write(path, items, net->n_inits, meta, training ? 5 : 4, err);
done:
    free(items);
    cJSON_free(test);
    ax_model_release(m);
    return bad;
}
