/* cli_program.c - tests of the program axond as a user meets it: exit codes, what it prints where,
 * a training from spec to prediction, a training that is stopped and goes on.
 *
 * The program is $BUILD/axond (build/axond), started through $RUNNER where there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "axon.h"
#include "io/safetensors.h"

enum { TEXT = 1 << 16 };

static char folder[] = "/tmp/axond-program-XXXXXX";
static char output[TEXT], errors[TEXT]; /* of the last run */

static const char xor_spec[] =
    "{\"model\":{\"name\":\"xor\",\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"labels\":[\"same\","
    "\"different\"],"
    "\"layers\":[{\"type\":\"dense\",\"units\":16,\"activation\":\"tanh\",\"name\":\"hidden\"},"
    "{\"type\":\"dropout\",\"rate\":0.01},"
    "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"name\":\"out\"}]},"
    "\"dataset\":{\"x\":[[0,0],[0,1],[1,0],[1,1]],\"y\":[0,1,1,0]},"
    "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05},\"batch_size\":2,\"checkpoint_"
    "every\":20,\"epochs\":%d,\"seed\":7}";

static const char *in(const char *name)
{
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void slurp(const char *path, char *to)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    to[fread(to, 1, TEXT - 1, f)] = 0;
    fclose(f);
}

static void write_text(const char *name, const char *text)
{
    FILE *f = fopen(in(name), "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void write_spec(const char *name, int epochs)
{
    char text[2048];
    snprintf(text, sizeof text, xor_spec, epochs);
    write_text(name, text);
}

/* `@` in the arguments is the test's folder. Gives the exit code. */
static int axond(const char *args)
{
    char command[4096];
    const char *runner = getenv("RUNNER"), *build = getenv("BUILD");
    int n = snprintf(command, sizeof command, "{ %s %s/axond ", runner ? runner : "",
                     build ? build : "build");
    for (const char *p = args; *p; p++)
        n += snprintf(command + n, sizeof command - (size_t)n, *p == '@' ? "%s" : "%.1s",
                      *p == '@' ? folder : p);
    snprintf(command + n, sizeof command - (size_t)n, "; } >%s 2>%s", in("out"), in("err"));
    int status = system(command);
    slurp(in("out"), output);
    slurp(in("err"), errors);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(const char *args, int code, const char *out, const char *err)
{
    int got = axond(args);
    if (got != code || !strstr(output, out) || !strstr(errors, err))
        fail_msg("axond %s: exit code %d, stdout '%s', stderr '%s'", args, got, output, errors);
    int lines = 0;
    for (const char *p = errors; *p; p++)
        lines += *p == '\n';
    if (code == 1)
        assert_int_equal(lines, 1);
}

static void usage(void **state)
{
    static const struct {
        const char *args;
        int code;
        const char *out, *err;
    } cases[] = {
        {"", 2, "", "usage: axond COMMAND"},
        {"help", 0, "usage: axond COMMAND", ""},
        {"--help", 0, "usage: axond COMMAND", ""},
        {"--version", 0, "axond " AX_VERSION, ""},
        {"version", 0, "axond " AX_VERSION, ""},
        {"help train", 0, "usage: axond train SPEC.json", ""},
        {"train --help", 0, "--checkpoint DIR", ""},
        {"serve --help", 0, "--listen", ""},
        {"health --help", 0, "usage: axond health", ""},
        {"predict -h", 0, "usage: axond predict", ""},
        {"run --help", 0, "--batch-repeat N", ""},
        {"inspect --help", 0, "--plan", ""},
        {"bench --help", 0, "--seconds S", ""},
        {"activation --help", 0, "--range FROM:TO:STEP", ""},
        {"help nonsense", 2, "", "no command 'nonsense'"},
        {"tran", 2, "", "did you mean 'train'?"},
        {"train", 2, "", "usage: axond train"},
        {"train x.json", 2, "", "--out is missing"},
        {"train x.json --out m --resume", 2, "", "--resume needs --checkpoint"},
        {"train x.json --ot m", 2, "", "did you mean --out?"},
        {"predict m.safetensors", 2, "", "usage: axond predict"},
        {"run", 2, "", "usage: axond run"},
        {"inspect a b", 2, "", "'b' is one argument too many"},
        {"inspect a --json --plan", 2, "", "exclude each other"},
        {"inspect a --data noise --plan", 2, "", "--plan and --data exclude each other"},
        {"inspect a --samples 3", 2, "", "--samples goes with --data"},
        {"inspect a --seed 0", 2, "", "--seed goes with --data"},
        {"bench m --batch 0", 2, "", "--batch: 0 is outside 1 to 1048576\n"},
        {"help inspect more", 2, "", "'more' is one argument too many"},
        {"help help", 0, "usage: axond help [COMMAND]", ""},
        {"version --long", 2, "", "there is no flag '--long'"},
        {"serve --listn x", 2, "",
         "axond serve: no setting is called 'listn', did you mean 'listen'?"},
        {"train /nowhere.json --out @/m", 1, "", "/nowhere.json"},
        {"predict /nowhere.safetensors x.png", 1, "",
         "axond predict: cannot open '/nowhere.safetensors'"},
        {"run /nowhere.safetensors", 1, "", "/nowhere.safetensors"},
        {"inspect @", 1, "", "axond inspect"},
        {"bench /dev/null", 1, "", "/dev/null"},
        {"health 127.0.0.1:1", 1, "", "127.0.0.1"},
        {"health https://127.0.0.1:1", 2, "", "https is not spoken here: expected http://HOST"},
        {"health ftp://127.0.0.1", 2, "", "ftp is not spoken here"},
        {"health HTTP://127.0.0.1:1/a://b", 1, "", "cannot connect to 127.0.0.1 port 1"},
        {"health 127.0.0.1:65536", 2, "", "'65536' is not a port"},
        {"health 127.0.0.1:", 2, "", "'' is not a port"},
        {"health '127.0.0.1:1/a b'", 2, "", "white space"},
        {"watch --help", 0, "--patience S", ""},
        {"watch", 2, "", "usage: axond watch ID"},
        {"watch seven", 2, "", "'seven' is not the number of a job; axond jobs lists them"},
        {"watch 1 --server 127.0.0.1:1", 1, "", "cannot connect to 127.0.0.1 port 1"},
        {"jobs --help", 0, "AXOND_API_KEY", ""},
        {"jobs --state done", 2, "", "--state: 'done' is not one of all|queued|running"},
        {"jobs --server ftp://x", 2, "", "--server: ftp is not spoken here"},
        {"jobs --server 127.0.0.1:1", 1, "",
         "cannot connect to 127.0.0.1 port 1: Connection refused; is axond serve running"},
        {"jobs canel 1", 2, "", "did you mean 'cancel'?"},
        {"jobs burn 1", 2, "", "there are cancel, resume and delete"},
        {"jobs cancel", 2, "", "cancel needs the number of a job: axond jobs cancel ID"},
        {"jobs cancel one", 2, "", "'one' is not the number of a job"},
        {"jobs cancel 1 2", 2, "", "'2' is one argument too many"},
        {"jobs cancel 1 --state failed", 2, "", "--state goes with the list alone"},
        {"convert --help", 0, "usage: axond convert IN OUT", ""},
        {"convert a.onnx", 2, "", "usage: axond convert"},
        {"convert a.onnx b.bin", 2, "", "'b.bin' must end in .onnx or in .safetensors"},
        {"convert /nowhere.onnx @/b.safetensors", 1, "", "cannot open '/nowhere.onnx'"},
        {"version >/dev/full", 1, "", "standard output"},
    };
    (void)state;
    unsetenv("AXOND_MODELS");
    unsetenv("AXOND_SERVER");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].args, cases[i].code, cases[i].out, cases[i].err);
}

static void bad_specs(void **state)
{
    static const struct {
        const char *spec, *err;
    } cases[] = {
        {"", "train"},
        {"{", "line 1"},
        {"{}", "model"},
        {"{\"model\":\"xor\",\"dataset\":{\"x\":[[0,0]],\"y\":[0]}}", "no model 'xor'"},
        {"{\"model\":\"../xor\",\"dataset\":{\"x\":[[0,0]],\"y\":[0]}}", "no model '../xor'"},
        {"{\"model\":{},\"dataset\":\"fashion-mnis\"}", "fashion-mnis"},
        {"{\"model\":{},\"epoch\":3}", "epochs"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("bad.json", cases[i].spec);
        expect("train @/bad.json --out @/bad.safetensors --models @", 1, "", cases[i].err);
        assert_int_equal(access(in("bad.safetensors"), F_OK), -1);
    }
    write_spec("xor.json", 1);
    expect("train @/xor.json --out @/no/such/folder/m.safetensors", 1, "", "--out");
    expect("train @/xor.json --out @/xor.json", 1, "",
           "is no model: it would be overwritten; give another name");
    expect("train @/xor.json --out /dev/null", 1, "", "expected a regular file");
}

static void train_and_ask(void **state)
{
    (void)state;
    write_spec("xor.json", 200);
    expect("train @/xor.json --out @/xor.safetensors --threads 2", 0, "epoch 200/200  loss 0.0",
           "");
    assert_non_null(strstr(output, "xor.safetensors ("));
    assert_null(strchr(output, '\r'));
    write_text("q.json", "{\"inputs\":[[0,0],[1,0]]}");
    write_text("q.csv", "0,1\n1,1\n");
    expect("predict @/xor.safetensors @/q.json @/q.csv --top 2", 0, "q.json[1]      1  different",
           "");
    assert_non_null(strstr(output, "q.csv[1]       0  same"));
    expect("predict @/xor.safetensors - --json --top 1 <@/q.json", 0,
           "\"class\":0,\"label\":\"same\"", "");
    cJSON *j = ax_json_parse(output, strlen(output), NULL);
    assert_non_null(j);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "predictions")), 2);
    cJSON_Delete(j);
    expect("predict @/xor.safetensors @/xor.json", 1, "", "xor.json");
    assert_string_equal(output, "");
    expect("predict @/xor.safetensors @/q.json", 0, "different", ""); /* of two classes all */
    expect("predict @/xor.safetensors @/q.json --top 3", 1, "",
           "--top: 3 is outside 1 to 2, the classes of the model 'xor'");
    write_text("q.csv", "0,1\n1,x\n");
    expect("predict @/xor.safetensors @/q.csv", 1, "", "q.csv: column 2 holds text in line 2");
    expect("inspect @/xor.safetensors", 0, "self-test  passed", "");
    expect("inspect @/xor.safetensors", 0, "hidden     dense    tanh        (16)            48",
           "");
    expect("inspect @/xor.safetensors --plan", 0, "working memory", "");
    expect("inspect @/xor.safetensors --json", 0, "\"self_test\":\t\"passed\"", "");
    assert_non_null(j = ax_json_parse(output, strlen(output), NULL));
    cJSON_Delete(j);
    expect("inspect @/xor.safetensors --data @/q.json", 0, "activations over ", "");
    expect("inspect @/xor.safetensors --data @/q.json", 0, "few_samples", "");
    expect("inspect @/xor.safetensors --data noise --samples 100 --seed 3", 0,
           "activations over 100 samples of noise from seed 3", "");
    expect("inspect @/xor.safetensors --data @/none.json", 1, "", "none.json");
    expect("inspect @/xor.safetensors --data noise --json", 0, "\"gain_expected\":", "");
    assert_non_null(j = ax_json_parse(output, strlen(output), NULL));
    assert_int_equal(
        cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "diagnostics"), "layers")),
        2);
    cJSON_Delete(j);
    expect("bench @/xor.safetensors --batch 4 --threads 1 --seconds 0.05 --json", 0, "\"gflops\"",
           "");
    assert_non_null(j = ax_json_parse(output, strlen(output), NULL));
    assert_true(cJSON_GetObjectItem(j, "median_ms")->valuedouble >=
                cJSON_GetObjectItem(j, "min_ms")->valuedouble);
    assert_true(cJSON_GetObjectItem(j, "samples_per_second")->valuedouble > 0);
    cJSON_Delete(j);
}

/* "model" may be the name of a model that is there: its training goes on, frozen layers apart. */
static void train_further(void **state)
{
    (void)state;
    write_text("more.json",
               "{\"model\":\"xor\",\"dataset\":{\"x\":[[0,0],[0,1],[1,0],[1,1]],"
               "\"y\":[1,0,0,1]},\"freeze\":[\"hidden\"],\"optimizer\":{\"name\":\"adam\","
               "\"learning_rate\":0.05},\"batch_size\":2,\"epochs\":200}");
    expect("train @/more.json --out @/not-xor.safetensors --models @", 0, "model           ", "");
    write_text("q.json", "[[0,0],[1,0]]");
    expect("predict @/not-xor.safetensors @/q.json", 0, "q.json[0]      1  different", "");
    expect("predict @/xor.safetensors @/q.json", 0, "q.json[0]      0  same", "");
}

/* The model again with these keys of its metadata alone. */
static void write_other(const char *const *keys, int n)
{
    ax_safetensors *f = ax_safetensors_open(in("xor.safetensors"), NULL);
    assert_non_null(f);
    ax_st_item items[8];
    ax_st_meta meta[4];
    for (int i = 0; i < ax_safetensors_count(f); i++) {
        items[i].name = ax_safetensors_at(f, i)->name;
        assert_int_equal(ax_safetensors_get(f, items[i].name, &items[i].tensor, NULL), 0);
    }
    for (int i = 0; i < n; i++)
        meta[i] = (ax_st_meta){keys[i], ax_safetensors_meta(f, keys[i])};
    assert_int_equal(ax_safetensors_write(in("other.safetensors"), items, ax_safetensors_count(f),
                                          meta, n, NULL),
                     0);
    ax_safetensors_close(f);
}

/* A file of another tool has nothing that shows damage, and inspect says so; one that was written
 * here must have it. */
static void other_tools(void **state)
{
    static const char *const keys[] = {"axond.spec", "axond.version", "axond.selftest"};
    (void)state;
    write_other(keys, 1);
    expect("inspect @/other.safetensors", 0,
           "self-test  none: WARNING: damage to this file would go unnoticed", "");
    expect("inspect @/other.safetensors --json", 0, "\"self_test\":\t\"none\"", "");
    write_other(keys, 3);
    expect("inspect @/other.safetensors", 1, "",
           "other.safetensors: the file is damaged: axond wrote it, but axond.hash is not");
}

/* Repetitions in one batch must have the bits of the sample alone. */
static void run_arrays(void **state)
{
    double x[] = {0, 1, 1, 1, 0.5, -3}, cube[8] = {0};
    ax_tensor t = {AX_F64, AX_SHAPE(3, 2), x}, one, many;
    ax_err err;
    (void)state;
    assert_int_equal(ax_npy_save(in("x.npy"), &t, &err), 0);
    expect("run @/xor.safetensors --input @/x.npy --output-dir @/a", 0, "out.npy: float32 (3, 2)",
           "");
    expect("run @/xor.safetensors --input x=@/x.npy --output-dir @/b --batch-repeat 7 --threads 2",
           0, "(21, 2)", "");
    assert_int_equal(ax_npy_load(in("a/out.npy"), &one, &err), 0);
    assert_int_equal(ax_npy_load(in("b/out.npy"), &many, &err), 0);
    assert_int_equal(many.shape.dim[0], 21);
    for (int i = 0; i < 7; i++)
        assert_memory_equal((char *)many.data + i * 6 * 4, one.data, 6 * 4);
    free(one.data);
    free(many.data);
    t.shape = AX_SHAPE(2);
    assert_int_equal(ax_npy_save(in("one.npy"), &t, &err), 0);
    expect("run @/xor.safetensors --input=@/one.npy --output-dir @/a", 0, "out.npy: float32 (2)",
           "");
    t.shape = AX_SHAPE(2, 2, 2), t.data = cube;
    assert_int_equal(ax_npy_save(in("cube.npy"), &t, &err), 0);
    expect("run @/xor.safetensors --input @/cube.npy", 1, "", "(2, 2, 2)");
    expect("run @/xor.safetensors --input @/xor.json", 1, "", "xor.json: not an npy file");
    expect("run @/xor.safetensors", 1, "", "input 'x' has no file");
    expect("run @/xor.safetensors --input y=@/x.npy", 1, "", "no input 'y'");
    expect("run @/xor.safetensors --input x=@/x.npy --input @/x.npy", 1, "", "one input too many");
    expect("run @/xor.safetensors --input x=@/x.npy --input x=@/x.npy", 1, "", "given twice");
    expect("run @/xor.safetensors --input @/x.npy --output-dir @/x.npy", 1, "", "x.npy");
}

static int same_bytes(const char *a, const char *b)
{
    size_t n, m;
    char *x = ax_file_read(in(a), TEXT, &n, NULL), *y = ax_file_read(in(b), TEXT, &m, NULL);
    int same = x && y && n == m && !memcmp(x, y, n);
    free(x);
    free(y);
    return same;
}

/* To ONNX and back is the very file that it was; what is there already is replaced whole or not. */
static void converts(void **state)
{
    static const struct {
        const char *args;
        int code;
        const char *err;
    } cases[] = {
        {"convert @/c.safetensors @/c.onnx", 0, ""},
        {"convert @/c.safetensors @/c.onnx --exact", 0, ""},
        {"convert @/c.safetensors @/d.safetensors", 2, "c.safetensors is a model in safetensors already; a copy"},
        {"convert @/c.onnx @/d.onnx", 2, "c.onnx is a model in onnx already; a copy is made by cp; the other "
                                         "format ends in .safetensors"},
        {"convert @/c.onnx @/c.onnx", 2, "c.onnx' is both what is to be read and written"},
        {"convert @/link.onnx @/c.safetensors", 2, "c.safetensors' is both what is to be read and written"},
        {"convert @/c.onnx @/d.safetensors --exact", 2, "--exact says how a file of ONNX is written"},
        {"convert @/c.safetensors @/nowhere/c.onnx", 1, "nowhere"},
        {"convert @/c.safetensors @/folder.onnx", 1, "folder.onnx"},
        {"convert @/garbage.onnx @/d.safetensors", 1, "axond convert: "},
        {"activation glu --onnx @/open.onnx", 0, ""},
        {"convert @/open.onnx @/d.safetensors", 1, "its inputs are taken whole"},
        {"convert @/c.onnx @/d.safetensors", 0, ""},
    };
    (void)state;
    write_spec("c.json", 1);
    write_text("garbage.onnx", "garbage");
    write_text("c.onnx", "not a model");
    expect("train @/c.json --out @/c.safetensors", 0, "", "");
    assert_int_equal(mkdir(in("folder.onnx"), 0700), 0);
    assert_int_equal(symlink("c.safetensors", in("link.onnx")), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].args, cases[i].code, "", cases[i].err);
    assert_true(same_bytes("c.safetensors", "d.safetensors"));
    write_text("x.json", "[[0,0],[1,0]]");
    expect("predict @/c.onnx @/x.json --json", 0, "\"label\"", "");
    assert_non_null(strstr(output, "different"));
}

static void json_progress(void **state)
{
    int epochs = 0, last_done = 0;
    (void)state;
    write_spec("xor.json", 5);
    expect("train @/xor.json --out @/p.safetensors --progress json", 0, "\"event\":\"done\"", "");
    for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *j = ax_json_parse(line, strlen(line), NULL);
        assert_non_null(j);
        const char *event = cJSON_GetObjectItem(j, "event")->valuestring;
        epochs += !strcmp(event, "epoch");
        last_done = !strcmp(event, "done");
        cJSON_Delete(j);
    }
    assert_int_equal(epochs, 5);
    assert_int_equal(last_done, 1);
    write_text("odd.json", "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":[{"
                           "\"type\":\"dense\",\"units\":1,"
                           "\"activation\":{\"name\":\"threshold\",\"theta\":50}}]},\"dataset\":{"
                           "\"x\":[[1]],\"y\":[1]},\"epochs\":1}");
    expect("train @/odd.json --out @/p.safetensors --progress json", 0,
           "{\"event\":\"warning\",\"message\":\"layer 'dense_1': 'threshold' has no gain", "");
    expect("train @/odd.json --out @/p.safetensors", 0, "",
           "axond train: warning: model.layers[0].activation: layer 'dense_1': 'threshold' has no "
           "gain");
    write_text("bad.json", "{\"model\":{}}");
    expect("train @/bad.json --out @/p.safetensors --progress json", 1,
           "\"event\":\"error\",\"code\":", "dataset");
}

/* Start a training in the background, wait until it has its checkpoint folder, send it a signal. */
static int interrupted(int number)
{
    char spec[128], out[128], checkpoint[128], lock[160];
    const char *runner = getenv("RUNNER"), *build = getenv("BUILD");
    char program[256];
    snprintf(program, sizeof program, "exec %s %s/axond train \"$@\" >%s 2>%s",
             runner ? runner : "", build ? build : "build", in("out"), in("err"));
    snprintf(spec, sizeof spec, "%s/long.json", folder);
    snprintf(out, sizeof out, "%s/stopped.safetensors", folder);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", folder);
    snprintf(lock, sizeof lock, "%s/lock", checkpoint);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", program, "sh", spec, "--out", out, "--checkpoint", checkpoint,
              (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 2000 && access(lock, R_OK); i++)
        usleep(10000);
    kill(pid, number);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    slurp(in("out"), output);
    slurp(in("err"), errors);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A training that was stopped by a signal and went on gives the bytes of one that was not. */
static void stop_and_resume(void **state)
{
    static char one[TEXT], two[TEXT];
    (void)state;
    write_spec("long.json", 60000);
    assert_int_equal(interrupted(SIGTERM), 1);
    assert_non_null(strstr(errors, "by SIGTERM; go on with: axond train"));
    assert_int_equal(access(in("stopped.safetensors"), F_OK), -1);
    expect("train @/long.json --out @/stopped.safetensors --checkpoint @/checkpoint --resume", 0,
           "resumed after step ", "");
    expect("train @/long.json --out @/whole.safetensors --threads 1", 0, "", "");
    slurp(in("stopped.safetensors"), one);
    slurp(in("whole.safetensors"), two);
    assert_memory_equal(one, two, TEXT);
    write_spec("long.json", 3001);
    expect("train @/long.json --out @/other.safetensors --checkpoint @/checkpoint --resume", 1, "",
           "another training spec");
}

/* Who waits for a checkpoint folder says so at once. */
static void waits_for_folder(void **state)
{
    (void)state;
    write_spec("xor.json", 5);
    mkdir(in("busy"), 0777);
    int lock = open(in("busy/lock"), O_RDWR | O_CREAT, 0600), status;
    assert_int_equal(flock(lock, LOCK_EX), 0);
    unlink(in("err"));
    pid_t pid = fork();
    if (pid == 0) {
        close(lock);
        _exit(axond("train @/xor.json --out @/w.safetensors --checkpoint @/busy"));
    }
    for (int i = 0; i < 3000; i++, usleep(10000)) {
        FILE *f = fopen(in("err"), "rb");
        errors[f ? fread(errors, 1, TEXT - 1, f) : 0] = 0;
        if (f)
            fclose(f);
        if (strstr(errors, "waiting up to 60 seconds"))
            break;
    }
    assert_non_null(
        strstr(errors, "axond train: warning: another training uses the checkpoint folder"));
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it waits still */
    close(lock);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(access(in("w.safetensors"), R_OK), 0);
}

/* When nobody reads the JSON lines any more, the training ends, with a checkpoint. */
static void reader_goes_away(void **state)
{
    (void)state;
    write_spec("long.json", 1000000);
    int code = axond(
        "train @/long.json --out @/x.safetensors --checkpoint @/gone --progress json | head -n 1");
    assert_int_equal(code, 0);
    assert_int_equal(access(in("gone/checkpoint.safetensors"), R_OK), 0);
}

static void activations(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        int code;
        const char *out, *err;
    } cases[] = {
        {"activation", 0, "shrinker\n  hard_shrink      soft_shrink      tanh_shrink\n\ngated\n",
         ""},
        {"activation --json", 0, "{\n\t\"activations\":\t[{\n\t\t\t\"name\":\t\"identity\"", ""},
        {"activation --markdown", 0, "\n### gelu_tanh\n", ""},
        {"activation gelu", 0, "f'       Phi(x) + x*phi(x)\n", ""},
        {"activation LeakyReLU --dialect keras", 0, "alpha    0.3, from 0 to 1000", ""},
        {"activation 'log(x)'", 0, "training     refused: no finite value and slope at -20\n", ""},
        {"activation 'x*relu(x)'", 0, "monotone     rising\n", ""},
        {"activation 'floor(x)'", 0, "f' is 0      everywhere but at jumps, which have no slope\n",
         ""},
        {"activation '0*x'", 0, "f' is 0      everywhere\n", ""},
        {"activation 'tan(x)/(x - 1)'", 0,
         "poles        at -23.5619, -20.4204, -17.2788, -14.1372, ", ""},
        {"activation 'log(1 + exp(x))'", 0, "rewritten    log(1 + exp(x)) -> softplus(x)\n", ""},
        {"activation relu --x=-2,0,2", 0,
         " x  f  f'  f''\n-2  0   0    0\n 0  0   0    0\n 2  2   1    0\n", ""},
        {"activation elu --param alpha=0.5 --x=-1,inf,nan --derivatives 0", 0,
         "  x            f\n -1  -0.31606027\ninf          inf\nnan          nan\n", ""},
        {"activation identity --range=-0.3:0.3:0.1 --derivatives 0", 0,
         "   x     f\n-0.3  -0.3\n-0.2  -0.2\n-0.1  -0.1\n   0     0\n 0.1   0.1\n 0.2   0.2\n 0.3 "
         "  0.3\n",
         ""},
        {"activation 'x*b' --param b=3 --x 2 --derivatives 1", 0, "x  f  f'\n2  6   3\n", ""},
        {"activation glu --x=3,0", 0, "x    f\n3  1.5\n", ""},
        {"activation elu --x=-1 --json --derivatives 1", 0,
         "\"x\":\t[-1],\n\t\"y\":\t[-0.63212055],\n\t\"dy\":\t[0.36787945]\n}", ""},
        {"activation exponential --x=inf,100,nan,-inf --json", 0,
         "[\"Infinity\", \"Infinity\", \"NaN\", 0]", ""},
        {"activation gelu --plot @/gelu.svg", 0, "name     gelu", ""},
        {"activation tanh --plot -", 0, "\n          tanh\n", ""},
        {"activation gelu --onnx @/gelu.onnx", 0, "", ""},
        {"activation gelu --onnx -", 0, "axond", ""},
        {"activation 'x*sigmoid(beta*x)' --param beta=2 --onnx @/swish.onnx --exact", 0, "", ""},
        {"activation gelu --onnx @/no/such.onnx", 1, "", "no/such.onnx"},
        {"activation gelu --onnx @/gelu.onnx --x=1", 2, "",
         "--onnx writes a model and nothing else"},
        {"activation gelu --exact", 2, "", "--exact says how --onnx writes"},
        {"activation --onnx @/all.onnx", 2, "", "which activation?"},
        {"activation relux", 2, "", "unknown activation 'relux'; did you mean 'relu'?"},
        {"activation elu --param alhpa=1", 2, "", "did you mean 'alpha'?"},
        {"activation elu --param alpha", 2, "", "'alpha' is not NAME=NUMBER"},
        {"activation elu --param alpha=1x", 2, "", "'alpha=1x' is not NAME=NUMBER"},
        {"activation elu --param alpha=1 --param alpha=2", 2, "", "given twice"},
        {"activation elu --dialect kears", 2, "", "did you mean 'keras'?"},
        {"activation elu --x=1,", 2, "", "does not begin with a number"},
        {"activation elu --range=1:0", 2, "", "is not FROM:TO:STEP"},
        {"activation elu --range=0:1:0", 2, "", "is not FROM:TO:STEP"},
        {"activation elu --range=0:1e9:1", 2, "", "more than 100000 steps"},
        {"activation elu --x 1 --range 0:1", 2, "", "exclude each other"},
        {"activation softmax --x 1,2 --derivatives 1", 2, "", "whole rows"},
        {"activation glu --x 1,2,3", 2, "", "multiple of 2"},
        {"activation softmax --plot -", 1, "", "has no curve"},
        {"activation gelu --plot @/no/such.svg", 1, "", "no/such.svg"},
        {"activation --x 1", 2, "", "which activation?"},
        {"activation 'x*sigmoid(beta*x)'", 2, "", "column 11: unknown name 'beta'\n"},
        {"activation 'x*sigmoid(beta*x)'", 2, "",
         "must be declared: --param beta=1\nx*sigmoid(beta*x)\n          ^\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].args, cases[i].code, cases[i].out, cases[i].err);
    slurp(in("gelu.svg"), output);
    assert_int_equal(strncmp(output, "<svg xmlns=", 11), 0);
    slurp(in("gelu.onnx"), output);
    assert_int_equal(strncmp(output,
                             "\x08\x09\x12\x05"
                             "axond",
                             9),
                     0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage),
        cmocka_unit_test(bad_specs),
        cmocka_unit_test(train_and_ask),
        cmocka_unit_test(train_further),
        cmocka_unit_test(other_tools),
        cmocka_unit_test(run_arrays),
        cmocka_unit_test(converts),
        cmocka_unit_test(json_progress),
        cmocka_unit_test(stop_and_resume),
        cmocka_unit_test(waits_for_folder),
        cmocka_unit_test(reader_goes_away),
        cmocka_unit_test(activations),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
