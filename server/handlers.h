/* handlers.h - the handlers that the table of routes names, one file per resource. */
#ifndef SERVER_HANDLERS_H
#define SERVER_HANDLERS_H

#include "request.h"

void predict_handle(request *r);
extern const char *const predict_options[]; /* behind the ? of its URL; NULL at the end */

/* The version of the model that the path names, with a reference; NULL with r->why. */
struct served *models_acquire(request *r);
void models_diagnose(request *r);
extern const char *const diagnostics_options[];

/* Is there a model, an activation, a data set of this name? */
int models_known(const app *a, const char *name);
int activations_known(const app *a, const char *name);
int datasets_known(const app *a, const char *name);

void models_list(request *r);
void models_get(request *r);
void models_put(request *r);
void models_delete(request *r);
void models_reload(request *r);

void activations_list(request *r);
void activations_get(request *r);
void activations_plot(request *r);
void activations_evaluate(request *r);
extern const char *const activation_options[], *const activation_plot_options[];
extern const char *const plot_options[], *const evaluate_options[];

void train_post(request *r);
void jobs_list(request *r);
void jobs_get(request *r);
void jobs_metrics(request *r);
void jobs_events(request *r);
void jobs_log(request *r);
void jobs_chart(request *r);
void jobs_table(request *r);
void jobs_table_csv(request *r);
void jobs_cancel(request *r);
void jobs_resume(request *r);
void jobs_delete(request *r);
extern const char *const jobs_list_options[], *const jobs_get_options[];
extern const char *const jobs_metrics_options[], *const jobs_events_options[];

void datasets_list(request *r);
void datasets_get(request *r);
void datasets_put(request *r);
void datasets_delete(request *r);
extern const char *const dataset_options[];

void system_root(request *r);
void system_ready(request *r);
void system_live(request *r);
void system_metrics(request *r);
void system_version(request *r);

#endif
