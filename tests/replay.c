/* replay.c - a fuzz target as an ordinary test: it gets every file of its seeds, among them what
 * once broke it. SEEDS is the folder, seen from the project's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target sees memory that ends where its input ends, so that a sanitizer sees one byte too far.
 */
static void one_file(const char *path)
{
    ax_err err;
    ax_map map;
    if (ax_map_open(&map, path, &err))
        fail_msg("%s", err.msg);
    uint8_t *copy = malloc(map.size ? map.size : 1);
    assert_non_null(copy);
    for (size_t i = 0; i < map.size; i++)
        copy[i] = map.data[i];
    LLVMFuzzerTestOneInput(copy, map.size);
    free(copy);
    ax_map_close(&map);
}

static void seeds(void **state)
{
    int n = 0;
    char path[1024];
    DIR *d = opendir(SEEDS);
    (void)state;
    if (!d)
        fail_msg("there is no folder %s", SEEDS);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", SEEDS, e->d_name);
        one_file(path);
        n++;
    }
    closedir(d);
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
