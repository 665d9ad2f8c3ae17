/* train.c - `axond train`: from a training spec to a model file.
 *
 * SIGINT, SIGTERM and SIGHUP stop through the progress callback, after a checkpoint; a second
 * signal ends the process at once. With --progress json every line on stdout is one JSON object,
 * first what there is of {"event":"warning"}, the last one is {"event":"done"} or {"event":"error"}: that is how the job server runs this
 * command, and when its end of the pipe is gone the training stops as if by a signal. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "progress.h"

enum { HEALTH_SAMPLES = 512 };
static const size_t spec_limit = (size_t)1 << 30;

typedef struct training {
    const char *spec_path, *models;
    ax_train_options options;
    progress progress;
    int told;    /* the first progress came                       */
    int unheard; /* nobody reads the JSON lines any more          */
    int health;  /* tell the share of dead units                  */
} training;

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction old, sa = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) /* nohup's wish is respected */
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &sa, NULL);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

/* "model":"name" is a file of the models folder; names do not lead out of it. */
static int find_model(void *ctx, const char *name, char *path, size_t size)
{
    const training *t = ctx;
    if (!*name || *name == '.' || strchr(name, '/'))
        return -1;
    static const char *const endings[] = {"safetensors", "onnx"};
    for (int i = 0; i < 2; i++) {
        int n = snprintf(path, size, "%s/%s.%s", t->models, name, endings[i]);
        if (n > 0 && (size_t)n < size && !access(path, R_OK))
            return 0;
    }
    return -1;
}

static void tell_resumed(training *t, const ax_train_progress *p)
{
    int fresh = p->step <= 1;
    if (!t->options.resume || t->progress.style == PROGRESS_JSON)
        return;
    if (fresh)
        fprintf(t->progress.out, "no checkpoint in %s: starting from the beginning\n",
                t->options.checkpoint_dir);
    else
        fprintf(t->progress.out, "resumed after step %lld of %lld\n", (long long)p->step - 1,
                (long long)p->steps);
    t->progress.epoch_started = t->progress.last_line = p->seconds;
}

static int on_progress(void *ctx, const ax_train_progress *p)
{
    training *t = ctx;
    if (!t->told++)
        tell_resumed(t, p);
    if (progress_tell(&t->progress, p) && t->progress.style == PROGRESS_JSON)
        t->unheard = 1;
    return stop_signal || t->unheard;
}

static void add_texts(cJSON *o, const ax_err *e)
{
    cJSON_AddStringToObject(o, "message", e->msg);
    cJSON_AddStringToObject(o, "at", e->at);
    cJSON_AddStringToObject(o, "hint", e->hint);
}

static void on_warning(void *ctx, const ax_err *warning)
{
    const training *t = ctx;
    if (t->progress.style != PROGRESS_JSON) {
        cli_error("train: warning", warning);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "event", "warning");
    add_texts(o, warning);
    cli_print_json(o, 0, stdout);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The share of units whose slope all but vanishes on each of some samples of the data, over all
 * element-wise activations but the output's; NaN where that cannot be told. */
static double dead_share(const training *t)
{
    ax_err err;
    ax_arena mem;
    ax_health h;
    float *x;
    int64_t n, units = 0, dead = 0;
    ax_model *m = ax_model_open(t->options.out, &err);
    if (!m)
        return NAN;
    ax_arena_init(&mem, 0);
    ax_diagnose_options o = {0};
    if (!ax_spec_samples(&t->options, ax_model_get_info(m)->inputs, HEALTH_SAMPLES, &mem, &x, &n, &err)) {
        o.inputs = (const float *const[]){x};
        o.samples = n;
        if (!ax_diagnose(m, &o, &h, &err)) {
            for (int i = 0; i < h.n_layers; i++)
                if (h.layers[i].has_slope && !h.layers[i].is_output) {
                    units += h.layers[i].units;
                    dead += h.layers[i].dead;
                }
            ax_health_free(&h);
        }
    }
    ax_arena_fini(&mem);
    ax_model_release(m);
    return units ? (double)dead / (double)units : NAN;
}

static void json_done(const training *t, const ax_train_result *r, int64_t bytes)
{
    const struct {
        const char *name;
        double value;
    } fields[] = {
        {"epochs", r->epochs},
        {"steps", (double)r->steps},
        {"samples", (double)r->samples},
        {"seconds", r->seconds},
        {"loss", r->loss},
        {"accuracy", r->accuracy},
        {"val_loss", r->val_loss},
        {"val_accuracy", r->val_accuracy},
        {"test_loss", r->test_loss},
        {"test_accuracy", r->test_accuracy},
        {"bytes", (double)bytes},
        {"dead_share", t->health ? dead_share(t) : NAN},
    };
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "event", "done");
    cJSON_AddStringToObject(o, "model", t->options.out);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cJSON_AddNumberToObject(o, fields[i].name, fields[i].value);
    cli_print_json(o, 0, stdout);
}

static void figure(const char *name, double v)
{
    if (isfinite(v))
        printf("%s %.4f\n", name, v);
}

static int done(training *t, const ax_train_result *r)
{
    struct stat st = {0};
    char time[32], size[32], samples[32];
    int64_t bytes = stat(t->options.out, &st) ? 0 : (int64_t)st.st_size;
    if (t->progress.style == PROGRESS_JSON) {
        json_done(t, r, bytes);
        return EXIT_DONE;
    }
    printf("\n");
    figure("test accuracy  ", r->test_accuracy);
    figure("test loss      ", r->test_loss);
    figure("val accuracy   ", r->val_accuracy);
    figure("val loss       ", r->val_loss);
    printf("time            %s for %d epoch%s, %s samples\n",
           text_seconds(r->seconds, time, sizeof time), r->epochs, r->epochs == 1 ? "" : "s",
           text_count(r->samples, samples, sizeof samples));
    printf("model           %s (%s)\n", t->options.out, text_bytes(bytes, size, sizeof size));
    return EXIT_DONE;
}

/* A stop on request says whose it was and how to go on. */
static void explain_stop(const training *t, ax_err *err)
{
    const ax_train_options *o = &t->options;
    size_t n = strlen(err->msg);
    if (t->unheard)
        snprintf(err->msg + n, sizeof err->msg - n, " because nobody reads its progress");
    else
        snprintf(err->msg + n, sizeof err->msg - n, " by SIG%s", sigabbrev_np(stop_signal));
    if (!o->checkpoint_dir)
        ax_err_hint(err, "nothing was kept; with --checkpoint DIR it can be resumed");
    else if (!strcmp(t->spec_path, "-"))
        ax_err_hint(err, "the same command with --resume goes on from the checkpoint in %s",
                    o->checkpoint_dir);
    else
        ax_err_hint(err, "go on with: axond train %s --out %s --checkpoint %s --resume",
                    t->spec_path, o->out, o->checkpoint_dir);
}

static int failed(training *t, ax_err *err)
{
    progress_clear(&t->progress);
    fflush(stdout);
    if (err->code == AX_ECANCELED)
        explain_stop(t, err);
    if (t->progress.style == PROGRESS_JSON && !t->unheard) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "event", "error");
        cJSON_AddStringToObject(o, "code", ax_code_name(err->code));
        add_texts(o, err);
        cli_print_json(o, 0, stdout);
    }
    cli_error("train", err);
    return EXIT_FAILED;
}

/* ---- the beginning --------------------------------------------------------------------------- */

/* A folder that cannot be written is found out before the hours of training, not behind them. */
static int check_out(const char *path, ax_err *err)
{
    ax_outfile f;
    if (ax_outfile_open(&f, path, err)) {
        ax_err_in(err, "--out");
        return -1;
    }
    ax_outfile_abort(&f);
    return 0;
}

static int train(training *t)
{
    ax_err err = {0};
    ax_train_result result;
    size_t len;
    char *text = ax_file_read(t->spec_path, spec_limit, &len, &err);
    if (!text)
        return failed(t, &err);
    t->options.spec = text;
    t->options.spec_len = len;
    catch_signals();
    int bad = check_out(t->options.out, &err) || ax_train(&t->options, &result, &err);
    int code = bad ? failed(t, &err) : done(t, &result);
    free(text);
    return code;
}

/* Before any thread is started, which would keep what this one had. What the system does not grant is
 * only less polite. */
static void step_back(int64_t niceness, int64_t memory)
{
    if (niceness)
        setpriority(PRIO_PROCESS, 0, (int)niceness);
    if (memory)
        setrlimit(RLIMIT_DATA, &(struct rlimit){(rlim_t)memory, (rlim_t)memory});
}

int cmd_train(int argc, char **argv)
{
    int n, code, style = PROGRESS_AUTO;
    int64_t threads = 0, niceness = 0, memory = 0;
    training t = {.models = "models"};
    ax_train_options *o = &t.options;
    // clang-format off
    const option rows[] = {
        {"out",        OPTION_TEXT,    &o->out,            "MODEL", .help = "the model file to write: safetensors, or ONNX where a file of ONNX is trained further"},
        {"checkpoint", OPTION_TEXT,    &o->checkpoint_dir, "DIR", .help = "keep what is needed to go on after a stop here"},
        {"resume",     OPTION_SWITCH,  &o->resume,         .help = "go on from the checkpoint, if there is one"},
        {"threads",    OPTION_INTEGER, &threads,           "N", .hi = 1024, .env = 1, .help = "threads to use; 0: one per core"},
        {"data",       OPTION_TEXT,    &o->data_dir,       "DIR", .env = 1, .help = "where named data sets are looked for first"},
        {"models",     OPTION_TEXT,    &t.models,          "DIR", .env = 1, .help = "where \"model\":\"NAME\" finds NAME.safetensors or NAME.onnx (models)"},
        {"checkpoint-s", OPTION_INTEGER, &o->checkpoint_seconds, "N", .hi = 86400, .help = "also a checkpoint when the last is this old; 0: by epochs alone"},
        {"nice",       OPTION_INTEGER, &niceness,          "N", .hi = 19, .help = "how much other processes go first"},
        {"max-memory", OPTION_INTEGER, &memory,            "BYTES", .hi = (int64_t)1 << 50, .help = "memory it may take; 0: what there is"},
        {"health",     OPTION_SWITCH,  &t.health,          .help = "with --progress json: the share of dead units at the end"},
        {"progress",   OPTION_CHOICE,  &style,             "auto|plain|json", .help = "auto: a bar on a terminal, else plain lines"},
    };
    // clang-format on
    const command_line line = {"train",
                               "SPEC.json --out MODEL [options]",
                               "Train a model as the spec says (docs/model-format.md) and write "
                               "it. \"-\" reads the spec from\n"
                               "standard input. The same spec gives the same bits on any number of "
                               "threads, resumed or not.\n",
                               rows,
                               sizeof rows / sizeof *rows,
                               1,
                               1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    ax_err err = {0};
    if (!o->out)
        ax_fail(&err, AX_EINVAL, "--out is missing: the model file to write");
    else if (o->resume && !o->checkpoint_dir)
        ax_fail(&err, AX_EINVAL, "--resume needs --checkpoint DIR");
    if (err.code) {
        cli_error("train", &err);
        return EXIT_USAGE;
    }
    step_back(niceness, memory);
    t.spec_path = argv[0];
    o->threads = (int)threads;
    o->gives_way = niceness > 0;
    o->allow_paths = 1;
    o->find_model = find_model;
    o->progress = on_progress;
    o->warn = on_warning;
    o->ctx = &t;
    progress_init(&t.progress, stdout, (progress_style)style);
    return train(&t);
}
