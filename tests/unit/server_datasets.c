/* Data sets on the disk: what the server's requests do not reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/datasets.h"

static int entries(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* A name that cannot be given leaves no descriptor open and no empty file behind. */
static void test_rename(void **state)
{
    (void)state;
    char folder[] = "/tmp/axond-sets-XXXXXX", from[64], to[64];
    assert_non_null(mkdtemp(folder));
    snprintf(from, sizeof from, "%s/from", folder);
    int files = entries(folder), open_before = entries("/proc/self/fd");
    snprintf(to, sizeof to, "%s/data-XXXXXX", folder);
    assert_int_equal(datasets_rename(from, to), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(entries(folder), files);
    assert_int_equal(entries("/proc/self/fd"), open_before);
    fclose(fopen(from, "w"));
    snprintf(to, sizeof to, "%s/data-XXXXXX", folder);
    assert_int_equal(datasets_rename(from, to), 0);
    assert_int_equal(access(to, F_OK), 0);
    assert_int_equal(access(from, F_OK), -1);
    assert_int_equal(entries("/proc/self/fd"), open_before);
    unlink(to);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rename)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
