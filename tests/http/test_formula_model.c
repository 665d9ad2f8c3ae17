/* A formula from training to serving: the sample MLP with x*sigmoid(beta*x), beta learned, one
 * epoch of Fashion-MNIST. The network gets better than it was, beta moves and is told, and the
 * numbers that are served have the bits of the trainer's own network, in memory and from its file.
 */
#include "harness.h"
#include "io/npy.h"
#include "math/cpu.h"
#include "train/trainer.h"

enum { SHOWN = 200, CLASSES = 10, PIXELS = 784 };

static const char activation[] = "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":{"
                                 "\"default\":1,\"min\":0.01,\"max\":10,"
                                 "\"learnable\":true}}}";
static const char *const hidden[] = {"hidden1", "hidden2"};

static char *spec, model_path[256], checkpoints[96];
static ax_trainer untrained, trained;
static cJSON *report; /* the last line of the training's output */
static float pictures[SHOWN * PIXELS], by_trainer[SHOWN * CLASSES];

/* The spec of models/fashion-mlp with the formula in the place of relu, for one epoch. */
static void write_spec(const char *path)
{
    size_t n;
    ax_err err;
    char *text = ax_file_read("models/fashion-mlp.train.json", 1 << 16, &n, &err);
    assert_non_null(text);
    cJSON *o = cJSON_Parse(text), *layer;
    int replaced = 0;
    cJSON_ArrayForEach(layer, cJSON_GetObjectItem(cJSON_GetObjectItem(o, "model"), "layers"))
    {
        const cJSON *name = cJSON_GetObjectItem(layer, "name");
        for (int i = 0; name && i < 2; i++)
            if (!strcmp(name->valuestring, hidden[i]))
                replaced += cJSON_ReplaceItemInObject(layer, "activation", cJSON_Parse(activation));
    }
    assert_int_equal(replaced, 2);
    cJSON_DeleteItemFromObject(o, "publish");
    cJSON_SetNumberValue(cJSON_GetObjectItem(o, "epochs"), 1);
    spec = cJSON_Print(o);
    FILE *f = fopen(path, "w");
    assert_true(f && fputs(spec, f) >= 0 && fclose(f) == 0);
    cJSON_Delete(o);
    free(text);
}

static void axond(const char *args)
{
    char path[512], command[1400];
    binary(path, sizeof path);
    snprintf(command, sizeof command, "'%s' %s", path, args);
    if (system(command))
        fail_msg("axond %s", args);
}

static void train(void)
{
    char path[256], args[800], line[2048];
    snprintf(path, sizeof path, "%s/spec.json", the.folder);
    snprintf(model_path, sizeof model_path, "%s/swish.safetensors", the.models);
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", the.folder);
    write_spec(path);
    snprintf(args, sizeof args,
             "train '%s' --out '%s' --checkpoint '%s' --progress json --threads 2 >'%s/report'",
             path, model_path, checkpoints, the.folder);
    axond(args);
    snprintf(path, sizeof path, "%s/report", the.folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strstr(line, "\"done\""))
            report = cJSON_Parse(line);
    fclose(f);
    assert_non_null(report);
}

static double figure(const char *name)
{
    const cJSON *v = cJSON_GetObjectItem(report, name);
    if (!cJSON_IsNumber(v))
        fail_msg("the training reports no %s", name);
    return v->valuedouble;
}

/* Of a trainer's network in memory: its outputs for the first test pictures. */
static void run_trainer(ax_trainer *t, float *y)
{
    uint32_t index[SHOWN];
    for (uint32_t i = 0; i < SHOWN; i++)
        index[i] = i;
    ax_batch_plan *p = ax_trainer_plan(t, 1, SHOWN, NULL);
    assert_non_null(p);
    ax_batch_fill(&(ax_batch){.t = t,
                              .from = &t->data.test,
                              .samples = index,
                              .n = SHOWN,
                              .x = ax_exec_input(p->exec, 0)});
    memcpy(pictures, ax_exec_input(p->exec, 0), sizeof pictures);
    ax_exec_run(p->exec);
    memcpy(y, ax_exec_output(p->exec, 1), SHOWN * CLASSES * sizeof *y);
}

static int setup(void **state)
{
    static ax_train_options o;
    ax_err err;
    (void)state;
    folder_new();
    train();
    o = (ax_train_options){
        .spec = spec, .spec_len = strlen(spec), .checkpoint_dir = checkpoints, .threads = 1};
    if (ax_trainer_open(&untrained, &o, &err) || ax_trainer_open(&trained, &o, &err) ||
        ax_checkpoint_read(&trained, &err) != 1)
        fail_msg("%s", err.msg);
    run_trainer(&trained, by_trainer);
    start(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = stop();
    ax_trainer_close(&untrained);
    ax_trainer_close(&trained);
    cJSON_Delete(report);
    cJSON_free(spec);
    folder_remove();
    return code;
}

/* ---- it learns ---- */

static void validation(ax_trainer *t, double *loss, double *accuracy)
{
    ax_metrics m;
    ax_arena a;
    ax_arena_init(&a, 0);
    assert_int_equal(ax_metrics_init(&m, t->task, t->width, &a), 0);
    assert_int_equal(
        ax_trainer_evaluate(t, &t->data.train, t->split + t->n_train, t->n_val, &m, NULL), 0);
    *loss = ax_metrics_loss(&m);
    *accuracy = ax_metrics_accuracy(&m);
    ax_arena_fini(&a);
}

static void learns(void **state)
{
    (void)state;
    double loss, accuracy, end_loss, end_accuracy;
    validation(&untrained, &loss, &accuracy);
    validation(&trained, &end_loss, &end_accuracy);
    printf("validation loss %.4f -> %.4f, accuracy %.4f -> %.4f; test accuracy %.4f\n", loss,
           figure("val_loss"), accuracy, figure("val_accuracy"), figure("test_accuracy"));
    assert_true(fabs(figure("val_loss") - end_loss) < 1e-12);
    assert_true(fabs(figure("val_accuracy") - end_accuracy) < 1e-12);
    assert_true(loss > 2 && accuracy < 0.3); /* ten classes, nothing known: ln 10, 0.1 */
    assert_true(end_loss < 0.6 && end_accuracy > 0.75);
    assert_true(figure("test_loss") < 0.65 && figure("test_accuracy") > 0.75);
}

/* ---- beta is told ---- */

static float beta_of(const ax_model *m, const char *layer)
{
    char name[64];
    snprintf(name, sizeof name, "%s/beta", layer);
    ax_val v = ax_graph_find(&m->net.graph, name);
    assert_true(v >= 0);
    return *(const float *)m->net.graph.val[v].data;
}

/* The layer of this name in a card or, where the key is "layer", in diagnostics. */
static const cJSON *layer_of(const cJSON *card, const char *key, const char *name)
{
    const cJSON *l;
    cJSON_ArrayForEach(l, cJSON_GetObjectItem(card, "layers"))
    {
        if (!strcmp(cJSON_GetObjectItem(l, key)->valuestring, name))
            return l;
    }
    fail_msg("no layer %s", name);
    return NULL;
}

/* The diagnostics of layer i are those of the function with this beta, and say so. */
static void diagnosed(int i, double beta)
{
    reply r = get("/models/swish/diagnostics?n=16");
    cJSON *j = cJSON_Parse(r.body), *act;
    assert_int_equal(r.status, 200);
    act = cJSON_Parse(
        cJSON_GetObjectItem(layer_of(j, "layer", hidden[i]), "activation")->valuestring);
    const cJSON *p = cJSON_GetObjectItem(cJSON_GetObjectItem(act, "params"), "beta");
    assert_true((float)cJSON_GetObjectItem(p, "default")->valuedouble == (float)beta);
    cJSON_Delete(act);
    cJSON_Delete(j);
    reply_free(&r);
}

static void tells_beta(void **state)
{
    (void)state;
    ax_err err;
    ax_model *m = ax_model_open(model_path, &err);
    reply r = get("/models/swish");
    cJSON *card = cJSON_Parse(r.body);
    assert_non_null(m);
    assert_int_equal(r.status, 200);
    assert_string_equal(cJSON_GetObjectItem(card, "self_test")->valuestring, "passed");
    for (int i = 0; i < 2; i++) {
        const cJSON *l = layer_of(card, "name", hidden[i]),
                    *learned = cJSON_GetObjectItem(l, "learned");
        double beta =
            cJSON_GetObjectItem(cJSON_GetObjectItem(l, "activation_params"), "beta")->valuedouble;
        printf("%s: beta %.6f\n", hidden[i], beta);
        assert_true(beta == (double)beta_of(m, hidden[i]));
        assert_true(fabs(beta - 1) > 0.01 && beta >= 0.01 && beta <= 10);
        assert_string_equal(cJSON_GetObjectItem(l, "formula")->valuestring, "x*sigmoid(beta*x)");
        assert_int_equal(cJSON_GetArraySize(learned), 1);
        assert_string_equal(cJSON_GetArrayItem(learned, 0)->valuestring, "beta");
        diagnosed(i, beta);
    }
    assert_null(cJSON_GetObjectItem(layer_of(card, "name", "dropout_1"), "activation"));
    cJSON_Delete(card);
    reply_free(&r);
    ax_model_release(m);
}

/* ---- the same bits ---- */

/* POST /predict in pieces of unequal size. */
static void predict(float *y)
{
    static char body[SHOWN * PIXELS * 12];
    for (int from = 0, n = 1; from < SHOWN; from += n, n = 2 * n + 1) {
        int to = from + n < SHOWN ? from + n : SHOWN, at = from * CLASSES;
        char *p = body + sprintf(body, "{\"model\":\"swish\",\"inputs\":[");
        for (int i = from; i < to; i++)
            for (int k = 0; k < PIXELS; k++)
                p += sprintf(p, "%s%.9g%s",
                             k          ? ","
                             : i > from ? ",["
                                        : "[",
                             (double)pictures[i * PIXELS + k], k == PIXELS - 1 ? "]" : "");
        strcpy(p, "]}");
        reply r = post("/predict", body);
        if (r.status != 200)
            fail_msg("%ld %.300s", r.status, r.body);
        cJSON *j = cJSON_Parse(r.body), *row, *v;
        cJSON_ArrayForEach(row, cJSON_GetObjectItem(j, "outputs"))
        {
            cJSON_ArrayForEach(v, row)
            {
                assert_true(at < to * CLASSES);
                y[at++] = (float)v->valuedouble;
            }
        }
        assert_int_equal(at, to * CLASSES);
        cJSON_Delete(j);
        reply_free(&r);
    }
}

/* The file through the library. */
static void run_file(float *y)
{
    ax_err err;
    ax_model *m = ax_model_open(model_path, &err);
    assert_non_null(m);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, &err);
    assert_int_equal(ax_session_resize(s, SHOWN, &err), 0);
    memcpy(ax_session_input(s, 0), pictures, sizeof pictures);
    ax_session_run(s, NULL);
    memcpy(y, ax_session_output(s, 0), SHOWN * CLASSES * sizeof *y);
    ax_session_close(s);
    ax_model_release(m);
}

/* The file through the program, by way of npy files. */
static void run_program(float *y)
{
    char path[160], args[800];
    ax_err err;
    ax_tensor x = {AX_F32, AX_SHAPE(SHOWN, 1, 28, 28), pictures}, out;
    snprintf(path, sizeof path, "%s/x.npy", the.folder);
    assert_int_equal(ax_npy_save(path, &x, &err), 0);
    snprintf(args, sizeof args, "run '%s' --input '%s' --output-dir '%s' >/dev/null", model_path,
             path, the.folder);
    axond(args);
    snprintf(path, sizeof path, "%s/classes.npy", the.folder);
    assert_int_equal(ax_npy_load(path, &out, &err), 0);
    assert_int_equal(ax_shape_count(&out.shape), SHOWN * CLASSES);
    memcpy(y, out.data, SHOWN * CLASSES * sizeof *y);
    free(out.data);
}

static void serves_the_trainers_bits(void **state)
{
    (void)state;
    static float y[SHOWN * CLASSES], before[SHOWN * CLASSES];
    static void (*const ways[])(float *) = {predict, run_file, run_program};
    for (size_t i = 0; i < 3; i++) {
        memset(y, 0, sizeof y);
        ways[i](y);
        assert_memory_equal(y, by_trainer, sizeof y);
    }
    run_trainer(&untrained, before);
    assert_true(memcmp(before, by_trainer, sizeof before) != 0);
}

/* On each instruction set: served as the library computes there; the activation by itself has the
 * same bits on all (products of matrices need not). */
static void on_every_instruction_set(void **state)
{
    (void)state;
    static float served[SHOWN * CLASSES], here[SHOWN * CLASSES], x[SHOWN], act[2][SHOWN];
    ax_err err;
    const char *home = ax_isa_name(ax_isa_active());
    ax_model *m = ax_model_open(model_path, &err);
    const ax_act *beta = &ax_model_get_info(m)->layers[1].act;
    for (int i = 0; i < SHOWN; i++)
        x[i] = (float)(i - SHOWN / 2) * 0.13f;
    ax_act_forward(beta, x, act[0], SHOWN);
    for (int i = 0; i < AX_ISAS; i++) {
        if (!ax_isa_supported((ax_isa)i))
            continue;
        const char *isa = ax_isa_name((ax_isa)i);
        assert_int_equal(stop(), 0);
        setenv("AXON_ISA", isa, 1);
        start(NULL);
        predict(served);
        assert_int_equal(ax_isa_force(isa, &err), 0);
        run_file(here);
        assert_memory_equal(served, here, sizeof here);
        ax_act_forward(beta, x, act[1], SHOWN);
        assert_memory_equal(act[1], act[0], sizeof act[0]);
        printf("%s: served as computed%s\n", isa,
               memcmp(here, by_trainer, sizeof here) ? ", other bits than the trainer's" : "");
    }
    unsetenv("AXON_ISA");
    assert_int_equal(ax_isa_force(home, &err), 0);
    ax_model_release(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(tells_beta),
        cmocka_unit_test(serves_the_trainers_bits),
        cmocka_unit_test(on_every_instruction_set),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
