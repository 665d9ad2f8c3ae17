/* torch.c - training compared with PyTorch: three networks, four optimizers, ten steps each.
 *
 * make_golden.py wrote the files; the losses of all steps, the gradients of the first and the
 * weights after the last must agree to a hundred-thousandth of the largest number of each tensor.
 * Once through the inside of the trainer, where every step's loss can be seen, and once through
 * ax_train, where the running statistics of batch-norm are moved as well. */
#include "unit/train_util.h"

static const char *const nets[] = {"mlp", "cnn", "residual"};
static const char *const optimizers[] = {"sgd", "momentum", "adam", "adamw"};
enum { STEPS = 10 };

/* one network's files and the training spec for one optimizer */
typedef struct golden {
    char model[160], path[160], spec[1024];
    ax_safetensors *file;
} golden;

static void golden_open(golden *g, const char *net, const char *optimizer)
{
    ax_err err;
    snprintf(g->model, sizeof g->model, "tests/golden/%s.model", net);
    snprintf(g->path, sizeof g->path, "tests/golden/%s.golden", net);
    g->file = ax_safetensors_open(g->path, &err);
    if (!g->file)
        fail_msg("%s: %s", g->path, err.msg);
    cJSON *all = cJSON_Parse(ax_safetensors_meta(g->file, "optimizers"));
    char *how = cJSON_PrintUnformatted(cJSON_GetObjectItem(all, optimizer));
    const char *loss = ax_safetensors_meta(g->file, "loss");
    snprintf(g->spec, sizeof g->spec,
             "{\"model\":\"it\",\"dataset\":{\"safetensors\":\"%s\"},\"optimizer\":%s,%s%s%"
             "s\"batch_size\":%s,\"epochs\":1,\"shuffle\":false}",
             g->path, how, loss ? "\"loss\":" : "", loss ? loss : "", loss ? "," : "",
             ax_safetensors_meta(g->file, "batch_size"));
    cJSON_free(how);
    cJSON_Delete(all);
}

static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    const golden *g = ctx;
    (void)name;
    return snprintf(path, size, "%s", g->model) < 0;
}

/* Within 1e-5 of the largest of the tensor "prefix/name". */
static void check_tensor(const golden *g, const char *prefix, const char *name, const float *got,
                         int64_t n)
{
    char key[128];
    snprintf(key, sizeof key, "%s/%s", prefix, name);
    const ax_st_entry *e = ax_safetensors_find(g->file, key);
    if (!e)
        fail_msg("%s has no tensor '%s'", g->path, key);
    assert_int_equal(e->bytes, (size_t)n * sizeof(float));
    float *want = malloc(e->bytes);
    double largest = 0;
    memcpy(want, e->data, e->bytes);
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= 1e-5 * largest))
            fail_msg("%s: %s [%lld] is %.9g, PyTorch has %.9g, the largest is %.3g", g->path, key,
                     (long long)i, got[i], want[i], largest);
    free(want);
}

static ax_train_options golden_options(golden *g, int threads)
{
    ax_train_options o = options_of(g->spec);
    o.find_model = find_model;
    o.ctx = g;
    o.threads = threads;
    return o;
}

static void step_by_step(golden *g, const char *optimizer)
{
    ax_train_options o = golden_options(g, 1);
    ax_trainer t;
    ax_err err;
    float losses[STEPS];
    if (ax_trainer_open(&t, &o, &err))
        fail_msg("%s: %s at %s", g->spec, err.msg, err.at);
    assert_int_equal(t.steps, STEPS);
    for (int step = 0; step < STEPS; step++) {
        ax_batch_plan *p = ax_trainer_plan(&t, 0, t.config.batch_size, &err);
        ax_batch_fill(&(ax_batch){.t = &t,
                                  .from = &t.data.train,
                                  .samples = t.split + step * t.config.batch_size,
                                  .n = t.config.batch_size,
                                  .x = ax_exec_input(p->exec, 1),
                                  .target = ax_exec_input(p->exec, 2)});
        ax_exec_run(p->exec);
        losses[step] = *(const float *)ax_exec_output(p->exec, 0);
        for (int i = 0, out = 2; i < t.net.n_inits; i++) {
            if (t.grads[i] == AX_NONE)
                continue;
            const float *grad = ax_exec_output(p->exec, out++);
            if (step == 0)
                check_tensor(g, "grad", t.net.graph.val[t.net.inits[i].param].name, grad,
                             ax_param_count(&t, i));
            float *slot[2] = {t.slots[0] ? t.slots[0][i] : NULL, t.slots[1] ? t.slots[1][i] : NULL};
            ax_optimizer_step(&t.config.optimizer, step, t.config.optimizer.lr,
                              ax_param_count(&t, i), ax_param_data(&t, i), grad, slot, NULL);
        }
    }
    check_tensor(g, optimizer, "losses", losses, STEPS);
    ax_trainer_close(&t);
}

static void as_a_whole(golden *g, const char *optimizer)
{
    ax_train_options o = golden_options(g, 2);
    o.out = in_folder("out.safetensors");
    ax_train_result r = must_train(&o);
    assert_int_equal(r.steps, STEPS);
    ax_model *m = must_open(o.out);
    double mean = 0;
    float losses[STEPS];
    for (int i = 0; i < m->net.n_inits; i++) {
        const ax_value *v = &m->net.graph.val[m->net.inits[i].param];
        check_tensor(g, optimizer, v->name, v->data, ax_shape_count(&v->desc.shape));
    }
    char key[64];
    snprintf(key, sizeof key, "%s/losses", optimizer);
    memcpy(losses, ax_safetensors_find(g->file, key)->data, sizeof losses);
    for (int i = 0; i < STEPS; i++)
        mean += losses[i] / STEPS;
    assert_true(fabs(r.loss - mean) <= 1e-5 * mean);
    ax_model_release(m);
}

typedef struct row {
    const char *net, *optimizer;
} row;

static void test_row(void **state)
{
    const row *r = *state;
    const char *before = ax_isa_name(ax_isa_active());
    for (int isa = 0; isa < AX_ISAS; isa++) {
        golden g;
        if (!ax_isa_supported((ax_isa)isa))
            continue;
        ax_isa_force(ax_isa_name((ax_isa)isa), NULL);
        golden_open(&g, r->net, r->optimizer);
        step_by_step(&g, r->optimizer);
        as_a_whole(&g, r->optimizer);
        ax_safetensors_close(g.file);
    }
    ax_isa_force(before, NULL);
}

int main(void)
{
    enum { N = sizeof nets / sizeof *nets, M = sizeof optimizers / sizeof *optimizers };
    struct CMUnitTest tests[N * M] = {0};
    static row rows[N * M];
    static char names[N * M][32];
    for (int i = 0; i < N * M; i++) {
        rows[i] = (row){nets[i / M], optimizers[i % M]};
        snprintf(names[i], sizeof names[i], "%s: %s", rows[i].net, rows[i].optimizer);
        tests[i].name = names[i];
        tests[i].test_func = test_row;
        tests[i].initial_state = &rows[i];
    }
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
