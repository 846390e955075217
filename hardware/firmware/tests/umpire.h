/* Looks at every edge that the board makes: whether anything is driven into an end that is not there or has no power. */
#ifndef UMPIRE_H
#define UMPIRE_H

#include <stdbool.h>

/* A pin of ours has just changed. */
void umpire_edge(unsigned pin);
/* Time has gone by, or the outside is about to move. */
void umpire_look(void);
/* The first thing that was wrong since this was last asked, or NULL. */
const char *umpire_complaint(void);

#endif
