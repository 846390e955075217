/* Looks at every edge that the board makes: whether anything is driven into an end that is not there or has no power. */
#ifndef LINE_MONITOR_H
#define LINE_MONITOR_H

#include <stdbool.h>

/* A pin of ours has just changed. */
void line_monitor_edge(unsigned pin);
/* Time has gone by, or the outside is about to move. */
void line_monitor_look(void);
/* The first thing that was wrong since this was last asked, or NULL. */
const char *line_monitor_complaint(void);

#endif
