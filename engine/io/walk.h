/* walk.h - stepping through JSON text without building a tree, for headers whose numbers must stay
 * exact. The text must have passed ax_json_check(): the walk takes its grammar for granted. */
#ifndef AX_IO_WALK_H
#define AX_IO_WALK_H

#include "base/arena.h"

typedef struct ax_walk {
    const char *at, *end;
} ax_walk;

/* The next character that is not white space, 0 at the end; the walk stands on it. */
char ax_walk_peek(ax_walk *w);

/* Step over c if it comes next: 1, else 0. */
int ax_walk_eat(ax_walk *w, char c);

/* Decode the string that comes next into the arena; NULL when there is no memory. The check has
 * refused \u0000, so the 0 behind the string is the only one. */
char *ax_walk_string(ax_walk *w, ax_arena *a);

/* Step over any one value. */
void ax_walk_skip(ax_walk *w);

#endif
