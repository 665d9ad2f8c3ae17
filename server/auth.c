/* auth.c - API keys; see auth.h. */
#include "auth.h"

#include <stdlib.h>
#include <string.h>

enum { KEY = 256, KEYS = 1024 };

struct auth {
    int n;
    unsigned char key[][KEY]; /* padded with zeros */
};

auth *auth_load(const char *path, ax_err *err)
{
    size_t size;
    char *text = ax_file_read(path, KEYS * (KEY + 2), &size, err), *save = NULL;
    if (!text)
        return NULL;
    auth *a = calloc(1, sizeof *a + KEYS * KEY);
    int line = 0;
    for (char *k = text; a && k; k = save) {
        save = strchr(k, '\n');
        if (save)
            *save++ = 0;
        line++;
        k += strspn(k, " \t\r");
        size_t n = strcspn(k, " \t\r");
        if (!n || *k == '#')
            continue;
        if (n >= KEY || a->n == KEYS || k[n + strspn(k + n, " \t\r")]) {
            ax_fail(err, AX_EPARSE, "%s line %d: expected one key of at most %d characters", path,
                    line, KEY - 1);
            free(a);
            a = NULL;
        } else {
            memcpy(a->key[a->n++], k, n);
        }
    }
    memset(text, 0, size);
    free(text);
    if (a && !a->n) {
        ax_fail(err, AX_EINVAL, "%s: there is no key in the file", path);
        free(a);
        a = NULL;
    }
    return a;
}

void auth_free(auth *a)
{
    free(a);
}

int auth_check(const auth *a, const char *header)
{
    unsigned char given[KEY] = {0};
    if (!header || strncasecmp(header, "Bearer ", 7))
        return 0;
    header += 7 + strspn(header + 7, " ");
    size_t n = strlen(header);
    if (!n || n >= KEY)
        return 0;
    memcpy(given, header, n);
    int found = 0;
    for (int i = 0; i < a->n; i++) {
        unsigned char differs = 0;
        for (int j = 0; j < KEY; j++)
            differs |= given[j] ^ a->key[i][j];
        found |= !differs;
    }
    return found;
}
