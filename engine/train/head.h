/* head.h - a new end for a model that is trained further: "head" of the training spec.
 *
 *     {"model": "resnet50", "head": {"after": "pool5", "layers": [{"type": "dense", "units": 5,
 *      "activation": "softmax"}]}, "freeze": true, ...}
 *
 * What stands behind the layer `after` goes; without it, the last layer that has weights and all
 * behind it. */
#ifndef AX_TRAIN_HEAD_H
#define AX_TRAIN_HEAD_H

#include "base/json.h"
#include "io/net.h"

/* Is it an object with these fields, and of these types? -1 with the place within "head". */
int ax_head_check(const cJSON *head, ax_err *err);

/* Put the head onto the spec of a model, and what belonged to the old end (outputs, labels) away.
 * *kept: how many layers stay. net is the model as it was. -1: AX_ENOTFOUND for an unknown layer,
 * AX_EINVAL where nothing would stay. */
int ax_head_put(cJSON *spec, const cJSON *head, const ax_net *net, int *kept, ax_err *err);

#endif
