/* What `axond serve` refuses before it serves: exit code and the one line on stderr. */
#include <fcntl.h>
#include <sys/file.h>

#include "harness.h"

static int setup(void **state)
{
    (void)state;
    char path[160];
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    snprintf(path, sizeof path, "%s/file", the.folder);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/empty", the.folder);
    return mkdir(path, 0777);
}

static int teardown(void **state)
{
    (void)state;
    folder_remove();
    return 0;
}

/* Run in the test's folder until it ends by itself; the exit code, and stderr into text. */
static int serve(const char *const *flags, char *text, size_t size)
{
    char path[512];
    const char *argv[16] = {path, "serve", NULL};
    int n = 2, status = 0;
    binary(path, sizeof path);
    while (flags[n - 2])
        argv[n] = flags[n - 2], n++;
    pid_t pid = fork();
    if (!pid) {
        int fd = open(the.log, O_CREAT | O_TRUNC | O_WRONLY, 0666);
        if (chdir(the.folder) < 0)
            _exit(126);
        dup2(fd, 2);
        execv(path, (char **)argv);
        _exit(127);
    }
    double end = seconds() + 20;
    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (seconds() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
        nap(0.005);
    }
    FILE *f = fopen(the.log, "r");
    text[fread(text, 1, size - 1, f)] = 0;
    fclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *flags[8];
        int code;
        const char *says;
    } rows[] = {
        {{"--models", "file"}, 1, "--models: 'file' is not a folder"},
        {{"--models", "nowhere"}, 1, "--models: 'nowhere': No such file"},
        {{"--models", "file/models"}, 1, "--models: 'file/models': Not a directory"},
        {{"--listen", "nonsense"}, 2, "--listen: 'nonsense' is not ADDR:PORT"},
        {{"--listen", "127.0.0.1:65536"}, 2, "a port from 0 to 65535"},
        {{"--listen", "127.0.0.1:80x"}, 2, "is not ADDR:PORT"},
        {{"--listen", "::1:80"}, 2, "is not ADDR:PORT"},
        {{"--listen", "a b:80"}, 2, "is not ADDR:PORT"},
        {{"--listen", "192.0.2.1:80"}, 1, "cannot listen on 192.0.2.1:80"},
        {{"--default-model", "tinny"},
         1,
         "there is no model 'tinny' in the folder 'models'; did you "
         "mean 'tiny'?"},
        {{"--default-model", "other"}, 1, "one that is there: 'tiny'"},
        {{"--default-model", "../tiny"}, 2, "'../tiny' cannot be the name of a model"},
        {{"--cors-origin", "page.example"}, 2, "'page.example' is not one origin"},
        {{"--cors-origin", "https://page.example/"}, 2, "no slash at the end"},
        {{"--cors-origin", "https://a.example,https://b.example"}, 2, "is not one origin"},
        {{"--cors-origin", "null"}, 2, "is not one origin"},
        {{"--api-key-file", "nowhere"}, 1, "--api-key-file: cannot open 'nowhere'"},
        {{"--api-key-file", "file"}, 1, "there is no key in the file"},
        {{"--config", "nowhere"}, 2, "--config: cannot open 'nowhere'"},
        {{"--max-batch", "0"}, 2, "--max-batch: 0 is outside 1 to 4096"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[4096];
        int code = serve(rows[i].flags, text, sizeof text);
        if (code != rows[i].code || !strstr(text, rows[i].says) ||
            strncmp(text, "axond serve: ", 13) || count(text, "\n") != 1)
            fail_msg("%s %s: %d %s", rows[i].flags[0], rows[i].flags[1], code, text);
    }
}

/* A default model may come later where there is none yet. */
static void waits_for_its_default(void **state)
{
    (void)state;
    char line[512], spare[sizeof the.models];
    memcpy(spare, the.models, sizeof spare);
    snprintf(the.models, sizeof the.models, "%s/empty", the.folder);
    start((const char *[]){"--default-model", "later", "--cors-origin", "*", NULL});
    assert_true(log_has("there is no model 'later' yet", line, sizeof line));
    assert_int_equal(
        status_of(&(request){.method = "POST", .path = "/predict", .body = "{\"inputs\":[1]}"}),
        404);
    assert_int_equal(stop(), 0);
    memcpy(the.models, spare, sizeof spare);
}

/* What an upload was when its server was killed goes; one that another server receives stays. */
static void sweeps_broken_uploads(void **state)
{
    (void)state;
    char left[160], busy[160];
    snprintf(left, sizeof left, "%s/.upload-abcdef", the.models);
    snprintf(busy, sizeof busy, "%s/.upload-ghijkl", the.models);
    int fd[2] = {open(left, O_CREAT | O_WRONLY, 0600), open(busy, O_CREAT | O_WRONLY, 0600)};
    assert_true(fd[0] >= 0 && fd[1] >= 0);
    assert_int_equal(flock(fd[1], LOCK_EX), 0);
    close(fd[0]);
    start(NULL);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(busy, F_OK), 0);
    assert_int_equal(stop(), 0);
    close(fd[1]);
    unlink(busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(waits_for_its_default),
        cmocka_unit_test(sweeps_broken_uploads),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
