/* What control groups allow: processors and memory, versions 1 and 2, at every level. */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cores.h"

enum { FILES = 4 };

typedef struct group {
    const char *self; /* what /proc/self/cgroup says */
    struct {
        const char *path, *text;
    } file[FILES];
    int64_t want;
} group;

static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = 0;
        mkdir(full, 0755);
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int64_t cores(const char *self, const char *root)
{
    return ax_cores_quota(self, root);
}

static void check(const group *cases, int n, int64_t (*ask)(const char *self, const char *root))
{
    for (int i = 0; i < n; i++) {
        char root[] = "/tmp/axon-base-cgroup-XXXXXX", self[64], command[64];
        assert_non_null(mkdtemp(root));
        snprintf(self, sizeof self, "%s/self", root);
        put(root, "self", cases[i].self);
        for (int k = 0; k < FILES && cases[i].file[k].path; k++)
            put(root, cases[i].file[k].path, cases[i].file[k].text);
        int64_t got = ask(self, root);
        snprintf(command, sizeof command, "rm -r %s", root);
        assert_int_equal(system(command), 0);
        if (got != cases[i].want)
            fail_msg("case %d: %lld, wanted %lld", i, (long long)got, (long long)cases[i].want);
    }
    assert_int_equal(ask("/none", "/none"), 0);
}

static void test_cores(void **state)
{
    static const group cases[] = {
        {"0::/\n", {{"cpu.max", "200000 100000\n"}}, 2},
        {"0::/\n", {{"cpu.max", "150000 100000\n"}}, 2},
        {"0::/\n", {{"cpu.max", "1000 100000\n"}}, 1},
        {"0::/\n", {{"cpu.max", "max 100000\n"}}, 0},
        {"0::/\n", {{"cpu.max", "garbage"}}, 0},
        {"0::/\n", {{"cpu.max", ""}}, 0},
        {"0::/\n", {{"cpu.max", "100000 0\n"}}, 0},
        {"0::/\n", {{"cpu.max", "-5 100000\n"}}, 0},
        {"0::/\n", {{"cpu.max", "9223372036854775807 1\n"}}, 0},
        {"0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "300000 100000\n"}}, 3},
        {"0::/a/b\n", {{"a/b/cpu.max", "400000 100000\n"}, {"a/cpu.max", "300000 100000\n"}}, 3},
        {"0::/a/b\n", {{"a/b/cpu.max", "200000 100000\n"}, {"a/cpu.max", "300000 100000\n"}}, 2},
        {"0::/not/seen/here\n", {{"cpu.max", "250000 100000\n"}}, 3},
        {"0::/../up\n", {{"cpu.max", "100000 100000\n"}}, 0},
        {"5:memory:/m\n3:cpu,cpuacct:/c\n0::/\n",
         {{"cpu,cpuacct/c/cpu.cfs_quota_us", "500000\n"},
          {"cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"}},
         5},
        {"3:cpuacct,cpu:/c\n",
         {{"cpu/cpu.cfs_quota_us", "50000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}},
         1},
        {"3:cpu:/c\n",
         {{"cpu/c/cpu.cfs_quota_us", "-1\n"}, {"cpu/c/cpu.cfs_period_us", "100000\n"}},
         0},
        {"3:cpuset:/c\n",
         {{"cpu/c/cpu.cfs_quota_us", "100000\n"}, {"cpu/c/cpu.cfs_period_us", "100000\n"}},
         0},
        {"nonsense\n::\n:\n\n", {{"x", ""}}, 0},
        {"", {{"cpu.max", "100000 100000\n"}}, 0},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases, cores);
}

static void test_memory(void **state)
{
    static const group cases[] = {
        {"0::/\n", {{"memory.max", "1000000\n"}}, 1000000},
        {"0::/\n", {{"memory.max", "max\n"}}, 0},
        {"0::/\n", {{"memory.max", "0\n"}}, 0},
        {"0::/\n", {{"memory.max", "-1\n"}}, 0},
        {"0::/a/b\n", {{"a/b/memory.max", "max\n"}, {"a/memory.max", "3000\n"}}, 3000},
        {"0::/a/b\n", {{"a/b/memory.max", "2000\n"}, {"a/memory.max", "3000\n"}}, 2000},
        {"4:memory:/m\n", {{"memory/m/memory.limit_in_bytes", "5000\n"}}, 5000},
        {"4:memory:/m\n", {{"memory/m/memory.limit_in_bytes", "9223372036854771712\n"}}, 0},
        {"4:cpu:/m\n", {{"memory/m/memory.limit_in_bytes", "5000\n"}}, 0},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases, ax_memory_limit);
}

/* The budget leaves something to the rest of the machine. */
static void test_budget(void **state)
{
    (void)state;
    int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    assert_true(ax_memory() > 0 && ax_memory() <= pages * page);
    assert_true(ax_memory_budget() > 0 && ax_memory_budget() < ax_memory());
    assert_int_equal(ax_memory(), ax_memory());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cores),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
