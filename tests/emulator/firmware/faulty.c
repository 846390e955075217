/* A firmware that misbehaves in the way that FAULT selects: a lens when its supply comes; with -DEND=LM_BODY a body, which
 * gives the supply after 5 ms, after 10 ms. */
#include "lensmount_firmware.h"
#include "lensmount_lines_lmount.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <signal.h>
#ifndef END
#define END LM_LENS
#endif
struct lm_fw { const lm_host *host; int n; int table[4]; };
static int deep(volatile char *p, int n) { volatile char big[4096]; big[0] = (char)n; return n < 0 ? *p : deep(big, n + 1) + big[0]; }
static void *other(void *host) { const lm_host *h = host; h->drive_line(h->ctx, LMOUNT_LENS_ATT, 1); return NULL; }
static void misbehave(lm_fw *fw)
{
#if FAULT == 1
    *(volatile int *)0 = fw->n;
#elif FAULT == 2
    for (volatile int i = 0;; i++) ;
#elif FAULT == 3
    fw->n = deep("x", 0);
#elif FAULT == 4
    abort();
#elif FAULT == 5
    char *p = malloc(10); p[fw->n + 10] = 1; fw->n += p[3]; free(p);
#elif FAULT == 6
    fw->table[fw->n + 4] = 1;
#elif FAULT == 7
    for (;;) fw->host->drive_line(fw->host->ctx, LMOUNT_LENS_ATT, 1);
#elif FAULT == 8
    pthread_t t; pthread_create(&t, NULL, other, (void *)fw->host); pthread_join(t, NULL);
#elif FAULT == 9
    exit(3);
#elif FAULT == 10
    pause(); for (;;) sleep(100);
#elif FAULT == 11
    fw->host->set_timer(fw->host->ctx, 40, 0);
#elif FAULT == 12
    fw->host->set_timer(fw->host->ctx, 4, 0);
#elif FAULT == 13
    fw->n = 7 / fw->n;
#elif FAULT == 14
    kill(getpid(), SIGKILL);
#elif FAULT == 15
    fw->host->drive_line(fw->host->ctx, 77, 1);
#elif FAULT == 16
    int x = 0x7fffffff; fw->n = x + (fw->n + 1);
#elif FAULT == 24
    for (;;) raise(SIGALRM); /* as on a machine where real time passes, and this gets no processor */
#elif FAULT == 25
    for (;;) usleep(1), raise(SIGALRM);
#elif FAULT == 23
    fw->host->far_transmit(fw->host->ctx, (const uint8_t *)"x", 1);
#endif
}
#if FAULT != 20
const lm_info *lm_fw_info(void) { 
#if FAULT == 21
  static const lm_info I = {7, sizeof I, "lmount", "faulty", "1", 2, sizeof(lm_fw), 8, ~0ull, ~0ull};
#elif FAULT == 22
  for(;;);
  static const lm_info I = {1, sizeof I, "lmount", "faulty", "1", 2, sizeof(lm_fw), 8, ~0ull, ~0ull};
#else
  static const lm_info I = {1, sizeof I, "lmount", "faulty", "1", 1u << END, sizeof(lm_fw), 8, ~0ull, ~0ull};
#endif
return &I; }
#endif
lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us) { lm_fw *fw = memory; (void)setup; fw->host = host;
  if (END == LM_BODY) host->set_timer(host->ctx, 6, now_us + 5000), host->set_timer(host->ctx, 5, now_us + 10000);
  return FAULT == 17 ? 0 : fw; }
void lm_fw_on_bytes(lm_fw *fw, const uint8_t *d, uint32_t s, uint64_t n) { (void)fw;(void)d;(void)s;(void)n; }
void lm_fw_on_line(lm_fw *fw, uint32_t l, uint32_t v, uint64_t n) { (void)n; if (l == LMOUNT_V_LOGIC && v) misbehave(fw); }
void lm_fw_on_timer(lm_fw *fw, uint32_t t, uint64_t n) { if (t == 5) misbehave(fw); else if (t == 6) fw->host->drive_line(fw->host->ctx, LMOUNT_V_LOGIC, 1); else fw->host->set_timer(fw->host->ctx, 4, n); }
