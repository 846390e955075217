/* What the hooks call before each load and store of the core. */
#ifndef INTERRUPTS_H
#define INTERRUPTS_H

void interrupts_access_at(const void *at);

#endif
