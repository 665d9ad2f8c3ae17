/* What is told of a process that a signal has ended: what is known, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
