/* proc_facts.h - what the host's kernel says about a QEMU: times, memory, its taps' counters.
 *
 * Read from /proc and /sys at the moment of the question; nothing is cached. A process that has
 * gone meanwhile, or a kernel that does not say, is an ordinary outcome: false, nothing written.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_times {
    uint64_t user_ns, system_ns; /* in steps of the kernel's clock tick */
    int cpu;                     /* where it ran last */
};

/* Of the process with all its threads, or with `tid` of that one thread. */
bool proc_read_times(pid_t pid, pid_t tid, struct proc_times *ret_times);
bool proc_read_rss_kib(pid_t pid, uint64_t *ret_kib);

struct proc_delays {
    uint64_t wait_ns;  /* asleep for something */
    uint64_t delay_ns; /* runnable, but another ran */
};
bool proc_read_delays(pid_t pid, pid_t tid, struct proc_delays *ret_delays);

struct net_counters {
    uint64_t rx_bytes, rx_packets, rx_errs, rx_drop;
    uint64_t tx_bytes, tx_packets, tx_errs, tx_drop;
};
/* Of a tap, as its guest sees it: what the guest receives the host has sent. */
bool proc_read_tap(const char *name, struct net_counters *ret_counters);
