/* config.c - see config.h. */
#include "train/config.h"

#include <string.h>

#include "base/hash.h"
#include "base/name.h"
#include "train/head.h"

static int read_loss(ax_train_config *c, const cJSON *j, ax_err *err)
{
    const char *name = NULL, *names[16];
    int n;
    const ax_loss_row *rows = ax_loss_list(&n);
    if (!j)
        return 0;
    if (cJSON_IsString(j))
        name = j->valuestring;
    else if (!cJSON_IsObject(j))
        return ax_fail(err, AX_ETYPE, "a loss is a name or an object with \"name\"");
    else if (ax_json_str(j, "name", "", &name, err))
        return -1;
    c->loss = ax_loss_find(name);
    if (!c->loss) {
        for (int i = 0; i < n; i++)
            names[i] = rows[i].name;
        const char *near = ax_nearest(name, names, n);
        ax_fail(err, AX_ENOTFOUND, "there is no loss '%.60s'", name);
        return near ? ax_err_hint(err, "did you mean '%s'?", near)
                    : ax_err_hint(err, "there are cross_entropy, binary_cross_entropy, mse, mae, huber, hinge, kl_divergence");
    }
    const ax_loss_row *r = c->loss;
    const char *const known[] = {"name", r->param};
    c->loss_param = r->param_default;
    if (!cJSON_IsObject(j))
        return 0;
    return ax_json_known(j, known, r->param ? 2 : 1, err) ||
                   (r->param && ax_json_num(j, r->param, r->param_default, r->param_min, r->param_max, &c->loss_param, err))
               ? -1
               : 0;
}

static int read_early(ax_train_config *c, const cJSON *j, ax_err *err)
{
    static const char *const known[] = {"metric", "patience", "restore_best"};
    static const char *const metrics[] = {"loss", "accuracy", "val_loss", "val_accuracy"};
    const char *metric;
    if (!j)
        return 0;
    if (!cJSON_IsObject(j))
        return ax_fail(err, AX_ETYPE, "expected an object like {\"metric\":\"val_loss\",\"patience\":3}");
    if (ax_json_known(j, known, 3, err) ||
        ax_json_str(j, "metric", c->validation_split > 0 ? "val_loss" : "loss", &metric, err) ||
        ax_json_int(j, "patience", 3, 1, 1000000, &c->patience, err) ||
        ax_json_bool(j, "restore_best", 1, &c->restore_best, err))
        return -1;
    int at = -1;
    for (int i = 0; i < 4; i++)
        if (!strcmp(metrics[i], metric))
            at = i;
    if (at < 0) {
        ax_fail(err, AX_ENOTFOUND, "'%.60s' is not watched: expected loss, accuracy, val_loss or val_accuracy", metric);
        return ax_err_in(err, "metric");
    }
    c->early_accuracy = at & 1;
    c->early_validation = at >> 1;
    if (c->early_validation && c->validation_split <= 0) {
        ax_fail(err, AX_EINVAL, "%s needs validation data: set validation_split", metric);
        return ax_err_in(err, "metric");
    }
    return 0;
}

static int read_augment(ax_train_config *c, const cJSON *j, ax_err *err)
{
    static const char *const known[] = {"flip", "shift"};
    int64_t shift;
    if (!j)
        return 0;
    if (!cJSON_IsObject(j))
        return ax_fail(err, AX_ETYPE, "expected an object like {\"flip\":true,\"shift\":2}");
    if (ax_json_known(j, known, 2, err) || ax_json_bool(j, "flip", 0, &c->augment.flip, err) ||
        ax_json_int(j, "shift", 0, 0, 1024, &shift, err))
        return -1;
    c->augment.shift = (int)shift;
    return 0;
}

static const cJSON *item(const ax_train_config *c, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(c->json, key);
}

static int in_part(const char *key, int bad, ax_err *err)
{
    return bad ? ax_err_in(err, "%s", key) : 0;
}

static int read_fields(ax_train_config *c, ax_err *err)
{
    static const char *const known[] = {
        "model", "dataset", "validation_split", "loss", "optimizer", "schedule", "batch_size", "epochs", "seed",
        "shuffle", "augment", "early_stopping", "gradient_clip", "freeze", "checkpoint_every", "publish", "normalize",
        "head"};
    int64_t seed;
    if (!cJSON_IsObject(c->json))
        return ax_fail(err, AX_ETYPE, "a training spec is a JSON object");
    if (ax_json_known(c->json, known, sizeof known / sizeof *known, err))
        return -1;
    c->model = item(c, "model");
    c->dataset = item(c, "dataset");
    c->freeze = item(c, "freeze");
    c->head = item(c, "head");
    c->freeze_all = cJSON_IsTrue(c->freeze);
    if (cJSON_IsBool(c->freeze))
        c->freeze = NULL;
    if (!cJSON_IsObject(c->model) && !cJSON_IsString(c->model)) {
        ax_fail(err, AX_EINVAL, "\"model\" must be a model spec or the name of a model to train further");
        return ax_err_in(err, "model");
    }
    if (!c->dataset) {
        ax_fail(err, AX_EINVAL, "\"dataset\" is missing: a name, or {\"x\":[...],\"y\":[...]}");
        return ax_err_in(err, "dataset");
    }
    if (c->freeze && !cJSON_IsArray(c->freeze)) {
        ax_fail(err, AX_ETYPE, "\"freeze\" must be an array of layer names, or true: all that stay "
                               "before a new head");
        return ax_err_in(err, "freeze");
    }
    if (c->head && !cJSON_IsString(c->model)) {
        ax_fail(err, AX_EINVAL, "a \"head\" goes with the name of a model to train further");
        return ax_err_in(err, "head");
    }
    if (c->head && ax_head_check(c->head, err))
        return ax_err_in(err, "head");
    if (c->freeze_all && !c->head) {
        ax_fail(err, AX_EINVAL, "without a new \"head\" nothing would be left to train");
        return ax_err_in(err, "freeze");
    }
    if (ax_json_num(c->json, "validation_split", 0, 0, 0.9, &c->validation_split, err) ||
        ax_json_int(c->json, "batch_size", 32, 1, 1 << 20, &c->batch_size, err) ||
        ax_json_int(c->json, "epochs", 10, 1, 1000000, &c->epochs, err) ||
        ax_json_int(c->json, "seed", 1, 0, ((int64_t)1 << 53) - 1, &seed, err) ||
        ax_json_bool(c->json, "shuffle", 1, &c->shuffle, err) ||
        ax_json_bool(c->json, "normalize", 0, &c->normalize, err) ||
        ax_json_num(c->json, "gradient_clip", 0, 0, 1e9, &c->gradient_clip, err) ||
        ax_json_int(c->json, "checkpoint_every", 1, 1, 1000000, &c->checkpoint_every, err) ||
        ax_json_str(c->json, "publish", NULL, &c->publish, err))
        return -1;
    if (c->publish && !ax_name_ok(c->publish)) {
        ax_fail(err, AX_EINVAL, "'%.100s' cannot be the name of a model, expected " AX_NAME_RULE, c->publish);
        return ax_err_in(err, "publish");
    }
    if (c->normalize && cJSON_IsString(c->model)) {
        ax_fail(err, AX_EINVAL, "a model that is trained further keeps the mean and std of its input: no \"normalize\"");
        return ax_err_in(err, "normalize");
    }
    c->seed = (uint64_t)seed;
    return in_part("loss", read_loss(c, item(c, "loss"), err), err) ||
                   in_part("optimizer", ax_optimizer_read(item(c, "optimizer"), &c->optimizer, err), err) ||
                   in_part("schedule", ax_schedule_read(item(c, "schedule"), &c->schedule, err), err) ||
                   in_part("augment", read_augment(c, item(c, "augment"), err), err) ||
                   in_part("early_stopping", read_early(c, item(c, "early_stopping"), err), err)
               ? -1
               : 0;
}

int ax_train_config_read(ax_train_config *c, const char *text, size_t len, ax_err *err)
{
    *c = (ax_train_config){0};
    if (!(c->json = ax_json_parse(text, len, err)))
        return -1;
    if (read_fields(c, err)) {
        ax_train_config_fini(c);
        return -1;
    }
    char *canonical = ax_json_text(c->json, 0);
    if (!canonical) {
        ax_train_config_fini(c);
        return ax_fail(err, AX_ENOMEM, "no memory for the training spec");
    }
    c->hash = ax_hash64(canonical, strlen(canonical));
    cJSON_free(canonical);
    return 0;
}

void ax_train_config_fini(ax_train_config *c)
{
    cJSON_Delete(c->json);
    *c = (ax_train_config){0};
}
