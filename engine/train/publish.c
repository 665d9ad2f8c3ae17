/* publish.c - what was learned becomes a model file, with a summary of how. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/onnx.h"
#include "train/trainer.h"

static int put(cJSON *o, const char *key, double v)
{
    return isfinite(v) ? ax_json_put(o, key, cJSON_CreateNumber(v)) : 0;
}

/* The training spec without the model and the data themselves. */
static cJSON *spec_of(const ax_trainer *t)
{
    cJSON *spec = cJSON_Duplicate(t->config.json, 1);
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(spec, "dataset")))
        cJSON_DeleteItemFromObjectCaseSensitive(spec, "dataset");
    cJSON_DeleteItemFromObjectCaseSensitive(spec, "model");
    return spec;
}

/* Which number of a sample is what, for who wants to ask the model. */
static int put_table(cJSON *o, const ax_dataset *d)
{
    int failed = 0;
    cJSON *features = ax_dataset_features(d, &failed), *imputed = ax_dataset_imputed(d, &failed);
    if (features)
        failed |= ax_json_put(o, "features", features);
    if (imputed)
        failed |= ax_json_put(o, "imputed", imputed);
    return failed;
}

/* As text; test may be NULL. NULL: no memory. */
static char *summary(const ax_trainer *t, const ax_train_result *r, const ax_metrics *test)
{
    cJSON *o = cJSON_CreateObject();
    int bad =
        ax_json_put(o, "spec", spec_of(t)) ||
        ax_json_put(o, "loss", cJSON_CreateString(t->loss->name)) ||
        ax_json_put(o, "optimizer", cJSON_CreateString(ax_optimizer_name(&t->config.optimizer))) ||
        put_table(o, &t->data) || put(o, "epochs", r->epochs) || put(o, "samples", (double)t->n_train) ||
        put(o, "train_loss", r->loss) || put(o, "train_accuracy", r->accuracy) ||
        put(o, "val_loss", r->val_loss) || put(o, "val_accuracy", r->val_accuracy) ||
        (test && ax_json_put(o, "test", ax_metrics_json(test)));
    char *text = bad ? NULL : ax_json_text(o, 0);
    cJSON_Delete(o);
    return text;
}

static int write_model(const ax_trainer *t, const ax_train_result *r, const ax_metrics *test,
                       ax_err *err)
{
    char *text = summary(t, r, test);
    int bad = text ? (t->onnx ? ax_train_onnx_write(t, text, err)
                              : ax_model_write(t->options->out, &t->eval, text, err))
                   : ax_fail(err, AX_ENOMEM, "no memory for the summary of the training");
    cJSON_free(text);
    return bad;
}

/* What is there already is replaced only if it is a model, or nothing yet. */
int ax_trainer_check_out(const char *path, ax_err *err)
{
    struct stat st;
    unsigned char head[9] = {0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return ax_fail(err, AX_EIO, "'%s' cannot be looked at: %s", path, strerror(errno));
    int regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = regular ? read(fd, head, sizeof head) : 0;
    close(fd);
    if (regular && (n == 0 || (n == sizeof head && head[8] == '{' && !head[7])))
        return 0; /* a safetensors file: the length of its header, and that */
    if (regular && n == sizeof head && ax_model_is_onnx(path))
        return 0;
    ax_fail(err, AX_EINVAL, "'%s' is there and is no model: it would be overwritten", path);
    return ax_err_hint(err, "give another name, or remove it");
}

int ax_trainer_publish(ax_trainer *t, ax_train_result *r, ax_err *err)
{
    ax_metrics test;
    if (write_model(t, r, NULL, err))
        return -1;
    if (t->data.test.n == 0)
        return 0;
    if (ax_metrics_init(&test, t->task, t->width, &t->arena))
        return ax_fail(err, AX_ENOMEM, "no memory for the metrics");
    ax_model *m = ax_model_open(t->options->out, err);
    int bad = !m || ax_trainer_test(t, m, &t->data.test, &test, err);
    ax_model_release(m);
    if (bad)
        return -1;
    r->test_loss = ax_metrics_loss(&test);
    r->test_accuracy = ax_metrics_accuracy(&test);
    return write_model(t, r, &test, err);
}
