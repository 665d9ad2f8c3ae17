/* name.h - the one place that knows what a model may be called: a word that is the same as the name
 * of a file, in a URL, in a shell and in the label of a metric. Thread-safe. */
#ifndef AX_BASE_NAME_H
#define AX_BASE_NAME_H

enum { AX_NAME_MAX = 64 }; /* bytes */

/* The rule, for messages. */
#define AX_NAME_RULE "[A-Za-z0-9_.-]{1,64}, not starting with a dot or a dash"

int ax_name_ok(const char *name);

#endif
