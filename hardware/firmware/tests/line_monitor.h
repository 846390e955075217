/* Checks at every edge of the board that nothing is driven into an end that is absent or has no power. */
#ifndef LINE_MONITOR_H
#define LINE_MONITOR_H

#include <stdbool.h>

/* A pin of ours has just changed. */
void line_monitor_edge(unsigned pin);
/* Time has passed, or an outside level is about to change. */
void line_monitor_check(void);
/* The first violation since the last call, or NULL. */
const char *line_monitor_violation(void);

#endif
