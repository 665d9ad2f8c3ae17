/* head.c - see head.h. */
#include "train/head.h"

#include <string.h>

int ax_head_check(const cJSON *head, ax_err *err)
{
    static const char *const known[] = {"after", "layers"};
    const char *after;
    if (!cJSON_IsObject(head))
        return ax_fail(err, AX_ETYPE,
                       "expected an object like {\"layers\":[{\"type\":\"dense\",\"units\":5}]}");
    if (ax_json_known(head, known, 2, err) || ax_json_str(head, "after", NULL, &after, err))
        return -1;
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(head, "layers");
    if (cJSON_IsArray(layers) && cJSON_GetArraySize(layers) > 0)
        return 0;
    ax_fail(err, AX_EINVAL, "a head needs \"layers\": the new end of the model");
    return ax_err_in(err, "layers");
}

static int unknown_layer(const ax_net *n, const char *name, ax_err *err)
{
    const char *names[256];
    int count = n->n_layers < 256 ? n->n_layers : 256;
    for (int i = 0; i < count; i++)
        names[i] = n->layers[n->n_layers - 1 - i].name;
    ax_fail(err, AX_ENOTFOUND, "the model has no layer '%.100s'", name);
    const char *near = ax_nearest(name, names, count);
    if (near)
        ax_err_hint(err, "did you mean '%s'?", near);
    return ax_err_in(err, "after");
}

/* How many layers stay. */
static int layers_before(const ax_net *n, const cJSON *head, ax_err *err)
{
    const cJSON *after = cJSON_GetObjectItemCaseSensitive(head, "after");
    int i = n->n_layers - 1;
    if (after) {
        while (i >= 0 && strcmp(n->layers[i].name, after->valuestring))
            i--;
        return i < 0 ? unknown_layer(n, after->valuestring, err) : i + 1;
    }
    while (i >= 0 && !n->layers[i].params)
        i--;
    if (i > 0)
        return i;
    return ax_fail(err, AX_EINVAL,
                   "before the last layer with weights there is nothing that could stay");
}

int ax_head_put(cJSON *spec, const cJSON *head, const ax_net *net, int *kept, ax_err *err)
{
    cJSON *layers = cJSON_GetObjectItemCaseSensitive(spec, "layers");
    const cJSON *l;
    if ((*kept = layers_before(net, head, err)) < 0)
        return -1;
    while (cJSON_GetArraySize(layers) > *kept)
        cJSON_DeleteItemFromArray(layers, *kept);
    cJSON_ArrayForEach(l, cJSON_GetObjectItemCaseSensitive(head, "layers"))
    {
        if (!cJSON_AddItemToArray(layers, cJSON_Duplicate(l, 1)))
            return ax_fail(err, AX_ENOMEM, "no memory for the head");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "outputs");
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "labels");
    return 0;
}
