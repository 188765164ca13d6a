/* SPDX-License-Identifier: MIT */
/* The operations of <stdatomic.h> on Relacy's atomics, and a futex, for the translated sources. */
#ifndef RELACY_ATOMIC_H
#define RELACY_ATOMIC_H

#include <relacy/relacy.hpp>

/* Relacy redefines these names. */
#undef assert
#undef calloc
#undef delete
#undef errno
#undef free
#undef malloc
#undef memory_order_acq_rel
#undef memory_order_acquire
#undef memory_order_consume
#undef memory_order_relaxed
#undef memory_order_release
#undef memory_order_seq_cst
#undef new
#undef realloc
#define errno (*__errno_location())

/* The library's objects lie in zeroed memory. */
template <typename T> struct zeroed_atomic : rl::atomic<T> {
    zeroed_atomic() : rl::atomic<T>(T()) {}
};

#define atomic_thread_fence(order) rl::atomic_thread_fence(order, RL_INFO)
#define atomic_signal_fence(order) rl::atomic_signal_fence(order, RL_INFO)
#define atomic_init(object, value) (object)->store(value, rl::mo_relaxed, RL_INFO)
#define atomic_load_explicit(object, order) (object)->load(order, RL_INFO)
#define atomic_store_explicit(object, value, order) (object)->store(value, order, RL_INFO)
#define atomic_exchange_explicit(object, value, order) (object)->exchange(value, order, RL_INFO)
#define atomic_fetch_add_explicit(object, value, order) (object)->fetch_add(value, order, RL_INFO)
#define atomic_fetch_sub_explicit(object, value, order) (object)->fetch_sub(value, order, RL_INFO)
#define atomic_fetch_or_explicit(object, value, order) (object)->fetch_or(value, order, RL_INFO)
#define atomic_fetch_and_explicit(object, value, order) (object)->fetch_and(value, order, RL_INFO)
#define atomic_compare_exchange_weak_explicit(object, expected, desired, order, failure) \
    (object)->compare_exchange_weak(*(expected), desired, order, RL_INFO, failure, RL_INFO)
#define atomic_compare_exchange_strong_explicit(object, expected, desired, order, failure) \
    (object)->compare_exchange_strong(*(expected), desired, order, RL_INFO, failure, RL_INFO)

#endif
