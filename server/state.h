/* state.h - the folder of --state has one owner: the server that holds STATE/lock.
 *
 * It is claimed before the first thing that is written there, a job or a data set; where the folder
 * is there already, at the start. Once claimed it is held until the process ends. */
#ifndef SERVER_STATE_H
#define SERVER_STATE_H

#include "app.h"
#include "problem.h"

void state_init(app *a);

/* Make the folder where it is missing, lock it and, the first time, sweep what an earlier server
 * left among the data sets. 0, or -1 with err: AX_EEXIST when another server has it, AX_ELIMIT when
 * its disk is full, AX_EIO when the folder that was claimed is not the one that is there now.
 * Thread-safe. */
int state_claim(app *a, ax_err *err);
int state_is_claimed(const app *a);
void state_release(app *a);

/* The same refusal for who speaks HTTP: 507 or 503. Always returns -1. */
int state_refuse(problem *why, const ax_err *err);

#endif
