/* base_file.c - maps, whole-file reads, and replacement that is all or nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char dir[] = "/tmp/axon-base-file-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][4096];
    static int turn;
    char *p = path[turn++ & 3];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void put(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    fclose(f);
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static int setup(void **state)
{
    (void)state;
    umask(022);
    return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' || strlen(e->d_name) > 2)
            remove(in_dir(e->d_name));
    closedir(d);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(dir);
}

static void test_map(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {{"", 0}, {"x", 1}, {"a\0b", 3}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const size_t k = i / 2;
        put(in_dir("f"), cases[k].text, cases[k].size);
        ax_map m;
        ax_err err;
        assert_int_equal((i % 2 ? ax_map_copy : ax_map_open)(&m, in_dir("f"), &err), 0);
        assert_int_equal(m.size, cases[k].size);
        assert_int_equal(m.data != NULL, cases[k].size > 0);
        if (m.size)
            assert_memory_equal(m.data, cases[k].text, m.size);
        unlink(in_dir("f")); /* the map outlives the name */
        ax_map_close(&m);
        assert_null(m.data);
        ax_map_close(&m);
    }
}

/* Nothing that happens to the file reaches a copy; touching a map of it would be the end. */
static void test_copy_stays(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        text[i] = (char)(i * 7 / 3);
    put(in_dir("f"), text, SIZE);
    ax_map m;
    assert_int_equal(ax_map_copy(&m, in_dir("f"), NULL), 0);
    put(in_dir("f"), "other", 5);
    assert_int_equal(m.size, SIZE);
    assert_memory_equal(m.data, text, SIZE);
    ax_map_close(&m);
    free(text);
}

static void test_map_refuses(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    put(in_dir("file"), "x", 1);
    const struct {
        const char *path, *word;
        ax_code code;
    } cases[] = {
        {in_dir("none"), "No such file", AX_ENOTFOUND},
        {in_dir("file/below"), "Not a directory", AX_ENOTFOUND},
        {in_dir("pipe"), "a pipe", AX_EINVAL},
        {"/tmp", "a directory", AX_EINVAL},
        {"/dev/null", "a character device", AX_EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_map m = {(const uint8_t *)"junk", 4};
        ax_err err = {0};
        assert_int_equal(ax_map_open(&m, cases[i].path, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.msg, cases[i].path));
        assert_non_null(strstr(err.msg, cases[i].word));
        assert_null(m.data);
        assert_int_equal(ax_map_open(&m, cases[i].path, NULL), -1);
        assert_int_equal(ax_map_copy(&m, cases[i].path, &err), -1);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void test_make_folder(void **state)
{
    (void)state;
    struct stat st;
    ax_err err = {0};
    char deep[128], text[256];
    snprintf(deep, sizeof deep, "%s", in_dir("a/b/c"));
    static const char *const again[] = {"a/b/c", "a/b/c/", "a//b", "a/b/d/"};
    for (size_t i = 0; i < sizeof again / sizeof *again; i++)
        assert_int_equal(ax_make_folder(in_dir(again[i]), &err), 0);
    assert_true(!stat(deep, &st) && S_ISDIR(st.st_mode));
    assert_true(!stat(in_dir("a/b/d"), &st) && S_ISDIR(st.st_mode));
    assert_int_equal(ax_make_folder("/tmp", &err), 0);
    put(in_dir("file"), "x", 1);
    static const char *const bad[] = {"file", "file/below", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = *bad[i] ? in_dir(bad[i]) : "";
        assert_int_equal(ax_make_folder(path, &err), -1);
        assert_non_null(strstr(err.msg, path));
    }
    snprintf(text, sizeof text, "rm -r %s", in_dir("a"));
    assert_int_equal(system(text), 0);
}

static void test_read_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t size, limit;
        int fits;
    } cases[] = {
        {0, 0, 1},       {1, 0, 0},         {0, 10, 1},      {10, 10, 1},           {11, 10, 0},
        {4096, 4096, 1}, {4097, 4096, 0},   {4096, 5000, 1}, {100000, SIZE_MAX, 1}, {8192, 8192, 1},
        {8193, 8192, 0}, {9000, 100000, 1},
    };
    static char text[100000];
    memset(text, 'z', sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(in_dir("f"), text, cases[i].size);
        /* Once as a file with a known size, once as a stream without. */
        for (int stream = 0; stream < 2; stream++) {
            int keep = dup(0);
            if (stream) {
                int fd = open(in_dir("f"), O_RDONLY);
                dup2(fd, 0);
                close(fd);
            }
            size_t size = 99;
            ax_err err;
            char *data = ax_file_read(stream ? "-" : in_dir("f"), cases[i].limit, &size, &err);
            dup2(keep, 0);
            close(keep);
            assert_int_equal(data != NULL, cases[i].fits);
            if (data) {
                assert_int_equal(size, cases[i].size);
                assert_memory_equal(data, text, size);
                assert_int_equal(data[size], 0);
            } else {
                assert_int_equal(err.code, AX_ELIMIT);
            }
            free(data);
        }
    }
}

static void *feed_pipe(void *path)
{
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++) {
        fprintf(f, "%04d", i);
        if (i % 100 == 0)
            fflush(f);
    }
    fclose(f);
    return NULL;
}

static void test_read_pipe_proc_and_refusals(void **state)
{
    (void)state;
    pthread_t t;
    size_t size;
    ax_err err;
    char path[4096];
    snprintf(path, sizeof path, "%s", in_dir("pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    pthread_create(&t, NULL, feed_pipe, path);
    char *data = ax_file_read(path, 5000, &size, &err);
    pthread_join(t, NULL);
    assert_non_null(data);
    assert_int_equal(size, 4000);
    assert_string_equal(data + 3996, "0999");
    free(data);

    data = ax_file_read("/proc/self/status", 1 << 20, NULL, &err); /* says its size is 0 */
    assert_non_null(data);
    assert_true(strlen(data) > 100);
    free(data);

    assert_null(ax_file_read("/dev/zero", 100000, &size, &err));
    assert_int_equal(err.code, AX_ELIMIT);
    assert_null(ax_file_read("/tmp", 100, &size, &err));
    assert_int_equal(err.code, AX_EINVAL);
    assert_null(ax_file_read(in_dir("none"), 100, &size, &err));
    assert_int_equal(err.code, AX_ENOTFOUND);
}

static void expect_file(const char *path, const char *want)
{
    size_t size;
    char *data = ax_file_read(path, 1 << 20, &size, NULL);
    assert_non_null(data);
    assert_string_equal(data, want);
    free(data);
}

static void test_commit_and_abort(void **state)
{
    (void)state;
    ax_outfile f;
    ax_err err;
    char path[4096];
    snprintf(path, sizeof path, "%s", in_dir("target"));
    assert_int_equal(ax_outfile_open(&f, path, &err), 0);
    ax_outfile_write(&f, "first", 5);
    ax_outfile_write(&f, NULL, 0);
    assert_int_equal(access(path, F_OK), -1); /* nothing to see before the commit */
    assert_int_equal(ax_outfile_commit(&f, &err), 0);
    ax_outfile_abort(&f);
    ax_outfile_abort(&f);
    expect_file(path, "first");

    assert_int_equal(ax_outfile_open(&f, path, &err), 0);
    ax_outfile_write(&f, "second", 6);
    expect_file(path, "first");
    ax_outfile_abort(&f);
    expect_file(path, "first");
    assert_int_equal(entries(), 1);                    /* no temp left */
    assert_int_equal(ax_outfile_commit(&f, &err), -1); /* nothing is open any more */
    assert_int_equal(err.code, AX_EINVAL);
    ax_outfile_write(&f, "x", 1); /* harmless */
    assert_int_equal(ax_outfile_commit(&f, &err), -1);
    assert_int_equal(err.code, AX_EIO);
}

static void test_relative_and_long_names(void **state)
{
    (void)state;
    char name[256], here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(dir), 0);
    memset(name, 'n', 255);
    name[255] = 0;
    const char *const names[] = {"plain", "./dotted", name};
    for (size_t i = 0; i < 3; i++) {
        ax_outfile f;
        ax_err err;
        assert_int_equal(ax_outfile_open(&f, names[i], &err), 0);
        ax_outfile_write(&f, "ok", 2);
        assert_int_equal(ax_outfile_commit(&f, &err), 0);
        expect_file(names[i], "ok");
    }
    assert_int_equal(chdir(here), 0);
}

static void test_permissions(void **state)
{
    (void)state;
    static const struct {
        mode_t before, after; /* 0: no file before */
    } cases[] = {{0, 0644}, {0600, 0600}, {0666, 0644}, {0640, 0640}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_outfile f;
        struct stat st;
        unlink(in_dir("mode"));
        if (cases[i].before) {
            put(in_dir("mode"), "x", 1);
            chmod(in_dir("mode"), cases[i].before);
        }
        assert_int_equal(ax_outfile_open(&f, in_dir("mode"), NULL), 0);
        assert_int_equal(ax_outfile_commit(&f, NULL), 0);
        assert_int_equal(stat(in_dir("mode"), &st), 0);
        assert_int_equal(st.st_mode & 0777, cases[i].after);
    }
}

static void test_open_refuses(void **state)
{
    (void)state;
    put(in_dir("file"), "x", 1);
    char *huge = malloc(200001);
    memset(huge, 'a', 200000);
    huge[200000] = 0;
    const struct {
        const char *path;
        ax_code code;
    } cases[] = {
        {"", AX_EINVAL},
        {in_dir("slash/"), AX_EINVAL},
        {"/tmp", AX_EINVAL},
        {"/dev/null", AX_EINVAL},
        {in_dir("none/x"), AX_ENOTFOUND},
        {in_dir("file/x"), AX_ENOTFOUND},
        {huge, AX_EIO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_outfile f;
        ax_err err = {0};
        assert_int_equal(ax_outfile_open(&f, cases[i].path, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_true(err.msg[0] != 0);
        ax_outfile_abort(&f); /* fine after a failed open */
    }
    free(huge);
    assert_int_equal(entries(), 1);
}

static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    put(in_dir("target"), "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){10000, old.rlim_max};
    static char bytes[6000];
    ax_outfile f;
    ax_err err;
    assert_int_equal(ax_outfile_open(&f, in_dir("target"), &err), 0);
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 5; i++)
        ax_outfile_write(&f, bytes, sizeof bytes);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_true(f.failed);
    assert_int_equal(ax_outfile_commit(&f, &err), -1);
    assert_int_equal(err.code, AX_EIO);
    assert_non_null(strstr(err.msg, "File too large"));
    expect_file(in_dir("target"), "old");
    assert_int_equal(entries(), 1);
}

static void test_rename_fails(void **state)
{
    (void)state;
    ax_outfile f;
    ax_err err;
    assert_int_equal(ax_outfile_open(&f, in_dir("target"), &err), 0);
    ax_outfile_write(&f, "new", 3);
    assert_int_equal(mkdir(in_dir("target"), 0755), 0); /* in the way */
    assert_int_equal(ax_outfile_commit(&f, &err), -1);
    assert_int_equal(err.code, AX_EIO);
    assert_non_null(strstr(err.msg, "rename"));
    assert_int_equal(entries(), 1);
}

static char shared[4096];

static void *write_often(void *arg)
{
    char text[64];
    for (int i = 0; i < 30; i++) {
        ax_outfile f;
        if (ax_outfile_open(&f, shared, NULL))
            return (void *)1;
        memset(text, 'a' + (int)(intptr_t)arg, sizeof text);
        ax_outfile_write(&f, text, sizeof text);
        if (ax_outfile_commit(&f, NULL))
            return (void *)1;
    }
    return NULL;
}

/* Writers of one target race; a reader sees one whole file or another. */
static void test_many_writers(void **state)
{
    (void)state;
    pthread_t t[4];
    snprintf(shared, sizeof shared, "%s", in_dir("shared"));
    put(shared, "", 0);
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, write_often, (void *)i);
    for (int i = 0; i < 200; i++) {
        size_t size;
        char *data = ax_file_read(shared, 1000, &size, NULL);
        assert_non_null(data);
        assert_true(size == 0 || size == 64);
        for (size_t j = 1; j < size; j++)
            assert_int_equal(data[j], data[0]);
        free(data);
    }
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(entries(), 1);
}

static void same_bytes(const char *path, const char *want, size_t n)
{
    size_t size;
    char *data = ax_file_read(path, 1 << 20, &size, NULL);
    assert_non_null(data);
    assert_int_equal(size, n);
    assert_memory_equal(data, want, n);
    free(data);
}

/* Within a file system a second name, across two of them (/dev/shm is another one) a copy; what is
 * there already stays. */
static void test_link(void **state)
{
    (void)state;
    static char big[200000];
    char away[64];
    struct stat a, b;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31 >> 3);
    assert_int_equal(ax_file_write(in_dir("from"), big, sizeof big, NULL), 0);
    assert_int_equal(ax_file_link(in_dir("from"), in_dir("to")), 0);
    assert_int_equal(stat(in_dir("from"), &a) | stat(in_dir("to"), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    put(in_dir("other"), "x", 1);
    assert_int_equal(ax_file_link(in_dir("from"), in_dir("other")), -1);
    assert_int_equal(errno, EEXIST);
    same_bytes(in_dir("other"), "x", 1);
    assert_int_equal(ax_file_link(in_dir("none"), in_dir("new")), -1);
    assert_int_equal(errno, ENOENT);
    snprintf(away, sizeof away, "/dev/shm/axon-base-file-%d", (int)getpid());
    unlink(away);
    assert_int_equal(ax_file_link(in_dir("from"), away), 0);
    same_bytes(away, big, sizeof big);
    assert_int_equal(unlink(away), 0);
}

static void test_remove_tree(void **state)
{
    (void)state;
    assert_int_equal(ax_make_folder(in_dir("tree/a/b"), NULL), 0);
    put(in_dir("kept"), "x", 1);
    put(in_dir("tree/a/file"), "y", 1);
    assert_int_equal(symlink(in_dir("kept"), in_dir("tree/a/b/link")), 0);
    assert_int_equal(symlink(dir, in_dir("tree/up")), 0);
    assert_int_equal(ax_remove_tree(in_dir("tree")), 0);
    assert_int_equal(access(in_dir("tree"), F_OK), -1);
    same_bytes(in_dir("kept"), "x", 1);
    assert_int_equal(ax_remove_tree(in_dir("tree")), 0); /* it is gone */
    assert_int_equal(ax_remove_tree(in_dir("kept")), 0); /* a file */
    assert_int_equal(entries(), 0);
}

/* The end of a file from the begin of a line, or of a character; a short one whole. */
static void test_tail(void **state)
{
    static const struct {
        const char *text;
        size_t limit;
        const char *want;
    } rows[] = {
        {"", 10, ""},
        {"one\ntwo\n", 8, "one\ntwo\n"},
        {"one\ntwo\n", 7, "two\n"},
        {"one\ntwo\n", 4, "two\n"},
        {"no line here", 4, "here"},
        {"a\xe2\x82\xac\xe2\x82\xac", 5, "\xe2\x82\xac"},
        {"one\n", 3, "ne\n"},
    };
    (void)state;
    ax_err err;
    size_t size = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(in_dir("f"), rows[i].text, strlen(rows[i].text));
        char *data = ax_file_tail(in_dir("f"), rows[i].limit, &size, &err);
        assert_non_null(data);
        assert_string_equal(data, rows[i].want);
        assert_int_equal(size, strlen(rows[i].want));
        free(data);
    }
    assert_null(ax_file_tail(in_dir("none"), 10, &size, &err));
    assert_int_equal(err.code, AX_ENOTFOUND);
    assert_null(ax_file_tail("/tmp", 10, &size, &err));
    assert_int_equal(err.code, AX_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_map, clean),
        cmocka_unit_test_teardown(test_copy_stays, clean),
        cmocka_unit_test_teardown(test_map_refuses, clean),
        cmocka_unit_test_teardown(test_make_folder, clean),
        cmocka_unit_test_teardown(test_read_sizes, clean),
        cmocka_unit_test_teardown(test_read_pipe_proc_and_refusals, clean),
        cmocka_unit_test_teardown(test_commit_and_abort, clean),
        cmocka_unit_test_teardown(test_relative_and_long_names, clean),
        cmocka_unit_test_teardown(test_permissions, clean),
        cmocka_unit_test_teardown(test_open_refuses, clean),
        cmocka_unit_test_teardown(test_full_disk, clean),
        cmocka_unit_test_teardown(test_rename_fails, clean),
        cmocka_unit_test_teardown(test_many_writers, clean),
        cmocka_unit_test_teardown(test_link, clean),
        cmocka_unit_test_teardown(test_tail, clean),
        cmocka_unit_test_teardown(test_remove_tree, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
