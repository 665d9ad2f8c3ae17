/* io_check.h - what the tests of the readers share: bytes that end where their memory ends, so that
 * a sanitizer sees one byte too far, and errors checked for code and words. */
#ifndef IO_CHECK_H
#define IO_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* A copy in memory of exactly n bytes. */
static inline uint8_t *exact(const void *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

/* The message names `word` and the code is `code`. */
static inline void check_error(const char *label, const ax_err *err, ax_code code, const char *word)
{
    if (err->code != code || !strstr(err->msg, word))
        fail_msg("%s: %s '%s', expected %s with '%s'", label, ax_code_name(err->code), err->msg,
                 ax_code_name(code), word);
}

/* A fresh path for a file that the test writes; remove it afterwards. */
static inline char *temp_path(char *buf, size_t size, const char *suffix)
{
    const char *dir = getenv("TMPDIR");
    static int count;
    snprintf(buf, size, "%s/axond-test-%d-%d%s", dir ? dir : "/tmp", (int)getpid(), count++,
             suffix);
    return buf;
}

#endif
