/* follow.h - answers about a job that come when something happens; on the jobs thread. */
#ifndef SERVER_FOLLOW_H
#define SERVER_FOLLOW_H

#include "jobs.h"

/* Answer r with the events of a job behind number `after`, those to come as they come, as
 * text/event-stream; the event "done" is the last. */
void follow_stream(jobs *j, request *r, int64_t job, int64_t after);

/* Answer r with the job at its next event, or after so many seconds. */
void follow_wait(jobs *j, request *r, int64_t job, int64_t seconds);

#endif
