/* SPDX-License-Identifier: MIT */
#include "contender.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The control has a data race on purpose; nothing else in the program has one. */
#define RACES_ON_PURPOSE __attribute__((no_sanitize("thread")))

/* One body serves all contenders; its loop contains only the operation. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Adds 1 or -1. Returns the number of calls that did not return 0. */
typedef uint64_t (*add_fn)(void *counter, int64_t delta);
typedef int64_t (*read_fn)(void *counter);

ALWAYS_INLINE uint64_t count(const struct load *load, size_t rounds, add_fn add)
{
    void *counter = load->counter;
    uint64_t refused = 0;

    for (size_t i = 0; i < rounds; i++)
        refused += add(counter, 1);
    return refused;
}

ALWAYS_INLINE uint64_t count_in_out(const struct load *load, size_t rounds, add_fn add)
{
    void *counter = load->counter;
    uint64_t refused = 0;

    for (size_t i = 0; i < rounds; i++) {
        refused += add(counter, 1);
        refused += add(counter, -1);
    }
    return refused;
}

ALWAYS_INLINE uint64_t count_or_read(const struct load *load, size_t rounds, add_fn add, read_fn read)
{
    void *counter = load->counter;
    unsigned read_percent = load->read_percent;
    unsigned owed_percent = 0;
    uint64_t refused = 0;

    for (size_t i = 0; i < rounds; i++) {
        owed_percent += read_percent;
        if (owed_percent >= 100) {
            int64_t value = read(counter);

            __asm__ volatile("" : : "r"(value)); /* marks it as used */
            owed_percent -= 100;
        } else {
            refused += add(counter, 1);
        }
    }
    return refused;
}

/* In one cache line, as in a program that counts under a lock of its own. */
struct inline_integers {
    _Alignas(LOAD_LINE_BYTES) pthread_mutex_t mutex;
    atomic_bool taken;
    volatile int64_t value; /* volatile: else the compiler turns a loop into one addition */
    _Atomic int64_t atomic_value;
};

static _Thread_local volatile int64_t plain_value; /* volatile, too */

ALWAYS_INLINE uint64_t plain_add(void *counter, int64_t delta)
{
    (void)counter;
    plain_value += delta;
    return 0;
}

ALWAYS_INLINE int64_t plain_read(void *counter)
{
    (void)counter;
    return plain_value;
}

ALWAYS_INLINE uint64_t atomic_add(void *counter, int64_t delta)
{
    struct inline_integers *integers = counter;

    atomic_fetch_add(&integers->atomic_value, delta);
    return 0;
}

ALWAYS_INLINE int64_t atomic_read(void *counter)
{
    struct inline_integers *integers = counter;

    return atomic_load(&integers->atomic_value);
}

ALWAYS_INLINE uint64_t mutex_add(void *counter, int64_t delta)
{
    struct inline_integers *integers = counter;

    pthread_mutex_lock(&integers->mutex);
    integers->value += delta;
    pthread_mutex_unlock(&integers->mutex);
    return 0;
}

ALWAYS_INLINE int64_t mutex_read(void *counter)
{
    struct inline_integers *integers = counter;
    int64_t value;

    pthread_mutex_lock(&integers->mutex);
    value = integers->value;
    pthread_mutex_unlock(&integers->mutex);
    return value;
}

ALWAYS_INLINE void spin_lock(struct inline_integers *integers)
{
    while (atomic_exchange_explicit(&integers->taken, true, memory_order_acquire)) {
        while (atomic_load_explicit(&integers->taken, memory_order_relaxed)) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            __asm__ volatile("yield");
#endif
        }
    }
}

ALWAYS_INLINE void spin_unlock(struct inline_integers *integers)
{
    atomic_store_explicit(&integers->taken, false, memory_order_release);
}

ALWAYS_INLINE uint64_t spin_add(void *counter, int64_t delta)
{
    struct inline_integers *integers = counter;

    spin_lock(integers);
    integers->value += delta;
    spin_unlock(integers);
    return 0;
}

ALWAYS_INLINE int64_t spin_read(void *counter)
{
    struct inline_integers *integers = counter;
    int64_t value;

    spin_lock(integers);
    value = integers->value;
    spin_unlock(integers);
    return value;
}

RACES_ON_PURPOSE static inline uint64_t racy_add(void *counter, int64_t delta)
{
    struct inline_integers *integers = counter;

    integers->value += delta;
    return 0;
}

RACES_ON_PURPOSE static inline int64_t racy_read(void *counter)
{
    struct inline_integers *integers = counter;

    return integers->value;
}

ALWAYS_INLINE uint64_t library_add(void *counter, int64_t delta)
{
    return (delta > 0 ? tsc_counter_inc(counter) : tsc_counter_dec(counter)) != 0;
}

ALWAYS_INLINE int64_t library_read(void *counter)
{
    int64_t value = 0;

    (void)tsc_counter_get(counter, &value);
    return value;
}

#define DEFINE_WORK(way) \
    static uint64_t way##_count(const struct load *load, size_t rounds) \
    { \
        return count(load, rounds, way##_add); \
    } \
    static uint64_t way##_count_in_out(const struct load *load, size_t rounds) \
    { \
        return count_in_out(load, rounds, way##_add); \
    } \
    static uint64_t way##_count_or_read(const struct load *load, size_t rounds) \
    { \
        return count_or_read(load, rounds, way##_add, way##_read); \
    }

#define WORK(way) \
    .count = way##_count, .count_in_out = way##_count_in_out, .count_or_read = way##_count_or_read, \
    .read = way##_read

DEFINE_WORK(plain)
DEFINE_WORK(atomic)
DEFINE_WORK(mutex)
DEFINE_WORK(spin)
DEFINE_WORK(racy)
DEFINE_WORK(library)

static void inline_close(void *counter)
{
    struct inline_integers *integers = counter;

    pthread_mutex_destroy(&integers->mutex);
    free(integers);
}

int contender_open_inline(struct contender *contender, enum inline_integer integer)
{
    static const struct contender contenders[INLINE_COUNT] = {
        [INLINE_PLAIN] = {.name = "inline plain", WORK(plain)},
        [INLINE_ATOMIC] = {.name = "inline atomic", WORK(atomic)},
        [INLINE_MUTEX] = {.name = "inline mutex", WORK(mutex)},
        [INLINE_SPIN] = {.name = "inline spin", WORK(spin)},
        [INLINE_RACY] = {.name = "racy int", WORK(racy)},
    };
    struct inline_integers *integers = aligned_alloc(LOAD_LINE_BYTES, sizeof(*integers));

    if (integers == NULL)
        return -ENOMEM;
    pthread_mutex_init(&integers->mutex, NULL);
    atomic_init(&integers->taken, false);
    integers->value = 0;
    atomic_init(&integers->atomic_value, 0);

    *contender = contenders[integer];
    contender->counter = integers;
    contender->close = inline_close;
    return 0;
}

static void library_settle(void *counter)
{
    (void)tsc_counter_flush(counter);
}

static void library_close(void *counter)
{
    tsc_counter_unref(counter);
}

int contender_open_backend(struct contender *contender, tsc_backend_t backend)
{
    tsc_counter_t *counter;
    int error = tsc_counter_create(&counter, backend, NULL);

    if (error != 0)
        return error;
    *contender = (struct contender){
        .name = tsc_backend_name(backend),
        .counter = counter,
        WORK(library),
        .settle = library_settle,
        .close = library_close,
    };
    return 0;
}
