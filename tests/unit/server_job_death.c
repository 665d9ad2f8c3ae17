/* What is told of a process that a signal has ended: what is known, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/job_death.h"

#define MB INT64_C(1000000)

static void test_told(void **state)
{
    static const struct {
        death d;
        int tries;
        const char *text;
    } rows[] = {
        {{SIGSEGV, 0, 900 * MB, 1000 * MB}, 3, "its process was ended by SIGSEGV"},
        {{SIGKILL, 0, 30 * MB, 1000 * MB},
         100,
         "its process was ended by SIGKILL, which this server did not send"},
        {{SIGKILL, 0, 900 * MB, 0},
         100,
         "its process was ended by SIGKILL, which this server did not send"},
        {{SIGKILL, 0, 900 * MB, 1000 * MB},
         3,
         "its process was ended by SIGKILL, which this server did not send; it held up to 900 MB "
         "of "
         "the 1000 MB there are, so perhaps for want of memory"},
        {{SIGKILL, 1, 900 * MB, 1000 * MB}, 100, "its process was ended by SIGKILL of this server"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        death_text(&rows[i].d, text, sizeof text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(death_tries(&rows[i].d), rows[i].tries);
    }
}

/* posix_spawn from a process that holds much: the child's rusage is its parent's, whatever it runs.
 */
static void test_peak_is_not_the_servers(void **state)
{
    (void)state;
    enum { HELD = 64 << 20 };
    char *held = malloc(HELD), *argv[] = {(char[]){"true"}, NULL};
    struct rusage own, child;
    pid_t pid;
    int status;
    assert_non_null(held);
    memset(held, 1, HELD);
    assert_int_equal(posix_spawnp(&pid, "true", NULL, NULL, argv, environ), 0);
    assert_int_equal(wait4(pid, &status, 0, &child), pid);
    assert_int_equal(getrusage(RUSAGE_SELF, &own), 0);
    assert_int_equal(death_peak(child.ru_maxrss, own.ru_maxrss), 0);
    assert_int_equal(death_peak(own.ru_maxrss + 1, own.ru_maxrss), own.ru_maxrss + 1);
    free(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_told),
                                       cmocka_unit_test(test_peak_is_not_the_servers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
