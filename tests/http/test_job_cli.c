/* The command line of trainings against the real server: the table, what can be done with a job, the
 * watching of one that succeeds, fails, is cancelled, outlives its server; and servers that are none. */
#include "jobs.h"

#include <pty.h>

enum { TEXT = 1 << 22 };

static char output[TEXT], errors[TEXT]; /* of the last command */

static const char diverges[] = "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":["
                               "{\"type\":\"dense\",\"units\":64},{\"type\":\"dense\",\"units\":64},"
                               "{\"type\":\"dense\",\"units\":1}]},\"dataset\":{\"x\":[[1],[2],[3]],\"y\":[5,6,7]},"
                               "\"publish\":\"wild\",\"epochs\":50,\"optimizer\":{\"name\":\"sgd\","
                               "\"learning_rate\":1000}}";

/* ---- commands -------------------------------------------------------------------------------------- */

typedef struct command {
    pid_t pid;
    char out[96], err[96];
} command;

static void slurp(const char *path, char *to)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    to[fread(to, 1, TEXT - 1, f)] = 0;
    fclose(f);
}

/* `words` behind "axond", split at blanks. */
static void words_of(const char *words, char text[256], char *argv[16])
{
    char path[512];
    static char program[512];
    int n = 0;
    binary(path, sizeof path);
    snprintf(program, sizeof program, "%s", path);
    argv[n++] = program;
    snprintf(text, 256, "%s", words);
    for (char *w = strtok(text, " "); w && n < 15; w = strtok(NULL, " "))
        argv[n++] = w;
    argv[n] = NULL;
}

/* Begin a command that talks to the test's server. */
static command begin(const char *words)
{
    static int turn;
    char text[256], place[64], *argv[16];
    command c;
    turn++;
    snprintf(c.out, sizeof c.out, "%s/out%d", the.folder, turn);
    snprintf(c.err, sizeof c.err, "%s/err%d", the.folder, turn);
    words_of(words, text, argv);
    snprintf(place, sizeof place, "127.0.0.1:%d", the.port);
    c.pid = fork();
    if (!c.pid) {
        setenv("AXOND_SERVER", place, 1);
        dup2(open(c.out, O_CREAT | O_TRUNC | O_WRONLY, 0666), 1);
        dup2(open(c.err, O_CREAT | O_TRUNC | O_WRONLY, 0666), 2);
        execv(argv[0], argv);
        _exit(127);
    }
    return c;
}

static int end(const command *c)
{
    int status;
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    slurp(c->out, output);
    slurp(c->err, errors);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Until the command has said `text` on stdout. */
static void await_said(const command *c, const char *text, double most)
{
    for (double stop_at = seconds() + most; seconds() < stop_at; nap(0.02)) {
        if (access(c->out, R_OK))
            continue;
        slurp(c->out, output);
        if (strstr(output, text))
            return;
    }
    fail_msg("'%s' is not said: %s", text, output);
}

static void said(int got, const char *words, int code, const char *out, const char *err)
{
    if (got != code || !strstr(output, out) || !strstr(errors, err))
        fail_msg("axond %s: exit code %d, stdout '%s', stderr '%s'", words, got, output, errors);
    assert_int_equal(count(errors, "\n"), code == 1); /* one line says why */
}

static void expect(int code, const char *out, const char *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void expect(int code, const char *out, const char *err, const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    command c = begin(words);
    said(end(&c), words, code, out, err);
}

static command begin_watch(int id, const char *more)
{
    char words[128];
    snprintf(words, sizeof words, "watch %d%s", id, more);
    return begin(words);
}

static int post_spec(const char *name, int epochs)
{
    char *spec = job_spec(name, 300, epochs, "");
    int id = post_job(spec, NULL);
    free(spec);
    return id;
}

/* ---- tests ----------------------------------------------------------------------------------------- */

static void test_succeeds(void **state)
{
    (void)state;
    expect(0, "no jobs\n", "", "jobs");
    int id = post_spec("watched", 5);
    expect(0, "job 1 is queued\njob 1 is running\n", "", "watch %d", id);
    assert_non_null(strstr(output, "epoch 1/5  loss 0."));
    assert_non_null(strstr(output, "epoch 5/5  loss 0."));
    assert_non_null(strstr(output, "\nval accuracy    "));
    assert_non_null(strstr(output, " for 5 epochs\nmodel           watched, version 1\n"));
    assert_null(strchr(output, '\r'));
    assert_null(strchr(output, '\033'));
    expect(0, " 1  watched  succeeded      100%    5/5  0.", "", "jobs");
    assert_non_null(strstr(output, "  took "));
    expect(0, "\"state\":\t\"succeeded\"", "", "jobs --json");
    cJSON *o = ax_json_parse(output, strlen(output), NULL);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "jobs")), 1);
    cJSON_Delete(o);
}

static void test_fails(void **state)
{
    (void)state;
    int id = post_job(diverges, NULL);
    expect(1, "job 2 is running\n", "axond watch: job 2 failed: ", "watch %d", id);
    assert_non_null(strstr(errors, "epoch"));
    expect(0, "failed", "", "jobs --state failed");
    assert_null(strstr(output, "watched"));
    expect(0, "no running jobs\n", "", "jobs --state running");
}

/* A sweep: how its runs end, and which one is best. */
static void test_sweep(void **state)
{
    (void)state;
    char *spec = job_spec("swept", 100, 2, ",\"sweep\":{\"seed\":[1,2]}");
    int id = post_job(spec, NULL);
    free(spec);
    await(id, "succeeded", 60);
    expect(0, "\nbest            run ", "", "watch %d", id);
    assert_int_equal(count(output, " succeeded {\"seed\":"), 2);
    char text[32];
    snprintf(text, sizeof text, "run of %d  succeeded", id);
    expect(0, text, "", "jobs");
}

/* On a terminal: a line that is redrawn, and at last the chart. */
static void test_terminal(void **state)
{
    (void)state;
    char text[256], place[64], *argv[16];
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int tty, status;
    size_t have = 0;
    words_of("watch 1", text, argv);
    snprintf(place, sizeof place, "127.0.0.1:%d", the.port);
    pid_t pid = forkpty(&tty, NULL, NULL, &size);
    if (!pid) {
        setenv("AXOND_SERVER", place, 1);
        setenv("TERM", "xterm", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        execv(argv[0], argv);
        _exit(127);
    }
    for (ssize_t n; have < TEXT - 1 && (n = read(tty, output + have, TEXT - 1 - have)) > 0;)
        have += (size_t)n;
    output[have] = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(tty);
    assert_int_equal(status, 0);
    assert_non_null(strstr(output, "epoch 5/5  loss 0."));
    assert_non_null(strstr(output, "loss (line)"));
    assert_non_null(strstr(output, "val_loss (dashes)"));
    assert_non_null(strstr(output, "\xe2\xa0")); /* braille */
}

static void test_acts(void **state)
{
    (void)state;
    int runs = post_spec("long", 20000), waits = post_spec("waits", 5);
    await(runs, "running", 30);
    expect(0, "number 1 in the queue", "", "jobs");
    const char *one = strstr(output, "long  "), *two = strstr(output, "waits  ");
    assert_true(two && one && two < one); /* the newest first */
    expect(0, "1 more: --limit\n", "", "jobs --limit %d", waits - 1);
    expect(0, "job 4 is cancelled\n", "", "jobs cancel %d", waits);
    command watching = begin_watch(runs, "");
    await_said(&watching, "is running", 30);
    expect(0, "job 3 writes a checkpoint and ends\n", "", "jobs cancel %d", runs);
    said(end(&watching), "watch", 1, "job 3 is told to end\n",
         "axond watch: job 3 was cancelled; axond jobs resume 3 lets it go on from its checkpoint\n");
    expect(1, "", "job 3 is cancelled, expected queued or running", "jobs cancel %d", runs);
    expect(0, "job 4 is number 1 in the queue; axond watch 4 follows it\n", "", "jobs resume %d", waits);
    expect(0, "job 4 is queued: resumed\n", "", "watch %d", waits);
    expect(0, "job 4 and its files are gone", "", "jobs delete %d", waits);
    expect(1, "", "axond jobs: there is no job '4'", "jobs delete %d", waits);
    expect(1, "", "axond watch: there is no job '4'", "watch %d", waits);
    expect(0, "\"state\":\t\"queued\"", "", "jobs resume %d --json", runs);
    assert_int_equal(act(runs, "POST", "/cancel") / 100, 2);
    await(runs, "cancelled", 30);
}

/* Ctrl-C ends the watching alone. */
static void test_interrupted(void **state)
{
    (void)state;
    char now[128], text[64], more[64];
    int id = post_spec("goes-on", 20000);
    snprintf(more, sizeof more, " --server localhost:%d", the.port);
    command c = begin_watch(id, more);
    await_said(&c, "is running", 30);
    kill(c.pid, SIGINT);
    snprintf(text, sizeof text, "goes on; axond watch %d --server localhost:%d comes back to it\n", id, the.port);
    said(end(&c), "watch", 1, "", text);
    assert_string_equal(job_state(id, now), "running");
    assert_int_equal(act(id, "POST", "/cancel"), 202);
    await(id, "cancelled", 30);
}

/* The server stops, or dies, and comes back at the same address. */
static void test_restart(void **state)
{
    (void)state;
    char listen[32], number[32];
    int port = the.port, id = post_spec("outlives", 6000);
    snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
    command c = begin_watch(id, "");
    await_said(&c, "is running", 30);
    assert_int_equal(stop(), 0);
    await_said(&c, "trying again", 30);
    start((const char *[]){"--listen", listen, NULL});
    await_said(&c, "connected again", 30);
    await(id, "running", 30);
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
    start((const char *[]){"--listen", listen, NULL});
    said(end(&c), "watch", 0, "model           outlives, version 1\n", "");
    assert_int_equal(count(output, "trying again"), 2);
    assert_int_equal(count(output, "connected again"), 2);
    snprintf(number, sizeof number, "job %d is queued\n", id);
    assert_int_equal(count(output, number), 1); /* nothing is told twice */
    assert_int_equal(count(output, "epoch 6000/6000  loss"), 1);
}

static void test_patience(void **state)
{
    (void)state;
    char listen[32];
    int port = the.port, id = post_spec("alone", 20000);
    command c = begin_watch(id, " --patience 1");
    await_said(&c, "is running", 30);
    assert_int_equal(stop(), 0);
    said(end(&c), "watch", 1, "trying again", "cannot connect to 127.0.0.1 port");
    assert_non_null(strstr(errors, "; after 1 s without a connection: axond watch "));
    snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
    start((const char *[]){"--listen", listen, NULL});
    assert_int_equal(act(id, "POST", "/cancel") / 100, 2);
    await(id, "cancelled", 30);
}

static void test_keys(void **state)
{
    (void)state;
    char path[160];
    assert_int_equal(stop(), 0);
    snprintf(path, sizeof path, "%s/keys", the.folder);
    FILE *f = fopen(path, "w");
    fputs("the-key\n", f);
    fclose(f);
    start((const char *[]){"--api-key-file", path, NULL});
    expect(1, "", "; the API key is taken from AXOND_API_KEY\n", "jobs");
    expect(1, "", "; the API key is taken from AXOND_API_KEY\n", "watch 1");
    setenv("AXOND_API_KEY", "the-key", 1);
    expect(0, "watched", "", "jobs");
    expect(0, "watched, version 1", "", "watch 1");
    setenv("AXOND_API_KEY", "another", 1);
    expect(1, "", "; the API key is taken from AXOND_API_KEY\n", "jobs");
    unsetenv("AXOND_API_KEY");
}

/* ---- servers that are none ------------------------------------------------------------------------- */

typedef struct fake {
    int fd;
    const char *_Atomic says;
} fake;

static void *answer(void *arg)
{
    fake *f = arg;
    char text[4096];
    for (int fd; (fd = accept(f->fd, NULL, NULL)) >= 0; close(fd)) {
        hear(fd, text, sizeof text, "\r\n\r\n");
        say(fd, f->says);
    }
    return NULL;
}

#define OK     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define EVENT(kind, data) "event: " kind "\ndata: " data "\n\n"

static void test_others(void **state)
{
    static const struct {
        const char *says, *command, *err;
    } rows[] = {
        {"220 mail.example ESMTP\r\n", "jobs", "sends no HTTP: it begins with '220 mail.example ESMTP'"},
        {"HTTP/1.1 200 OK\r\n\r\n<html>", "jobs", "answers with something else than JSON"},
        {"HTTP/1.1 200 OK\r\n\r\n[1]", "jobs", "answers with JSON that is no object"},
        {"HTTP/1.1 200 OK\r\n\r\n{\"jobs\":3}", "jobs", "has no list of jobs"},
        {"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "jobs", "answers 502, which is no answer of axond"},
        {"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", "jobs cancel 1", "answers 301, which is no answer of axond"},
        {"HTTP/1.1 404 x\r\n\r\n{\"error\":\"\\u001b[2J\\nwiped\"}", "watch 1", "[2J"},
        {OK EVENT("state", "nonsense"), "watch 1", "sends an event 'state' that is no JSON object"},
        {OK EVENT("done", "[]"), "watch 1", "sends an event 'done' that is no JSON object"},
        {OK EVENT("done", "{}"), "watch 1", "job 1 ended: it does not say why"},
        {OK EVENT("done", "{\"state\":\"failed\",\"error\":{\"message\":\"\\u001b[2J\\nwiped\"}}"), "watch 1", "job 1 failed: "},
        {OK EVENT("epoch", "{\"epoch\":1e300,\"step\":-1e300,\"seconds\":\"x\",\"loss\":1e300}") EVENT("progress", "{}")
             EVENT("done", "{\"state\":\"cancelled\"}"), "watch 1", "job 1 was cancelled"},
        {OK EVENT("state", "{\"state\":\"\\u001b[2J\\nwiped\"}"), "watch 1 --patience 0", "ended the connection; after 0 s"},
    };
    (void)state;
    fake f = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    pthread_t thread;
    int port = the.port;
    assert_int_equal(bind(f.fd, (struct sockaddr *)&a, size) | listen(f.fd, 8), 0);
    assert_int_equal(getsockname(f.fd, (struct sockaddr *)&a, &size), 0);
    the.port = ntohs(a.sin_port);
    f.says = "";
    assert_int_equal(pthread_create(&thread, NULL, answer, &f), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        f.says = rows[i].says;
        expect(1, "", rows[i].err, "%s", rows[i].command);
        assert_null(strchr(output, '\033'));
        assert_null(strchr(errors, '\033'));
    }
    shutdown(f.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(f.fd);
    expect(1, "", "Connection refused; is axond serve running there?", "jobs");
    expect(1, "", "Connection refused; is axond serve running there?", "watch 1");
    the.port = port;
}

static int setup(void **state)
{
    (void)state;
    static const char *const names[] = {"AXOND_SERVER", "AXOND_API_KEY"};
    for (int i = 0; i < 2; i++)
        unsetenv(names[i]);
    return start_with(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_succeeds), cmocka_unit_test(test_fails),       cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_acts),     cmocka_unit_test(test_interrupted), cmocka_unit_test(test_restart),
        cmocka_unit_test(test_patience), cmocka_unit_test(test_sweep),       cmocka_unit_test(test_others),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
