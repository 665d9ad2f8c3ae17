/* auth.h - API keys from a file, one a line; # starts a comment. Read-only once loaded. */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include "axon.h"

typedef struct auth auth;

/* NULL on failure; a file without any key is a failure. */
auth *auth_load(const char *path, ax_err *err);
void auth_free(auth *a);

/* Does the header "Bearer KEY" hold one of the keys? Takes the same time for every wrong key of a
 * length. header may be NULL. */
int auth_check(const auth *a, const char *header);

#endif
