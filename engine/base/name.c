/* name.c - names of models; see name.h. */
#include "base/name.h"

#include <string.h>

int ax_name_ok(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strspn(name, letters);
    return n && n <= AX_NAME_MAX && !name[n] && *name != '.' && *name != '-';
}
