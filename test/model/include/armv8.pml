/* SPDX-License-Identifier: MIT */
/*
 * Memory as an Armv8 program may see it. A model defines the number of CORES and LOCATIONS (at most 8), and
 * includes this. It also defines STALE: the locations from which a core may load an old value, by relaxed loads.
 * The fewer these are, the fewer states there are. `me` is the number of a process's core.
 *
 * There is one memory. A visible store is visible to all cores at once. But a core delays:
 *
 *
 *  - A store is in flight until it becomes visible. Stores to different locations become visible in any order. A
 *    release becomes visible after all earlier stores of its core.
 *  - A relaxed load may have been executed early, at any time since the core's last acquire. It reads a copy,
 *    which is updated at any time, and by each acquire.
 *  - An acquire load (ldapr) may be executed before the core's own stores, even releases, are visible. A seq_cst
 *    load (ldar) waits for the releases, though not for the relaxed stores. Neither reads a value that the core's
 *    own read-modify-write is about to store.
 *  - A read-modify-write is a load and a store (ldaxr, stlxr). Between the two, other cores cannot write the
 *    location, but can read the old value. Later accesses of its core may become visible before the store.
 *
 * A load that is executed after later accesses of its program is not modelled. Where the memory order allows that
 * and it matters, the model has it as an explicit choice.
 */
#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define ACQ_REL 3
#define SEQ_CST 4

#define ACQUIRES(order) ((order) & 1 || (order) == SEQ_CST)
#define RELEASES(order) ((order) >= RELEASE)
#define BIT(location) (1 << (location))

typedef core {
    byte copy[LOCATIONS];
    byte value[LOCATIONS]; /* of the stores in flight */
    byte after[LOCATIONS]; /* the stores that must become visible before a release */
    byte on_way;           /* a bit for each location, as in the two below */
    byte releases;
    byte exclusive;
};

byte memory[LOCATIONS];
core cores[CORES];
byte exclusive;     /* locations between the load and the store of a read-modify-write */
byte asleep[CORES]; /* in a futex: the location plus 1, or 0 */
byte some;

#if LOCATIONS > 2
#define IF_2(text) text
#else
#define IF_2(text)
#endif
#if LOCATIONS > 3
#define IF_3(text) text
#else
#define IF_3(text)
#endif
#if LOCATIONS > 4
#define IF_4(text) text
#else
#define IF_4(text)
#endif
#if LOCATIONS > 5
#define IF_5(text) text
#else
#define IF_5(text)
#endif
#if LOCATIONS > 6
#define IF_6(text) text
#else
#define IF_6(text)
#endif
#if LOCATIONS > 7
#define IF_7(text) text
#else
#define IF_7(text)
#endif
#define EACH_LOCATION(what) \
    what(0) what(1) IF_2(what(2)) IF_3(what(3)) IF_4(what(4)) IF_5(what(5)) IF_6(what(6)) IF_7(what(7))

#define ON_WAY(location) (cores[me].on_way & BIT(location))
#define NOW(location) (ON_WAY(location) -> cores[me].value[location] : memory[location])
#define BRING_UP_TO_DATE(location) cores[me].copy[location] = (STALE(me, location) -> memory[location] : 0);

/* -------- parts of a d_step -------- */

/* What a model notes when a store becomes visible. */
#ifndef NOTE_VISIBLE
#define NOTE_VISIBLE(location)
#endif

inline become_visible(location)
{
    memory[location] = cores[me].value[location];
    NOTE_VISIBLE(location)
    BRING_UP_TO_DATE(location)
    cores[me].value[location] = 0;
    cores[me].on_way = cores[me].on_way & ~BIT(location);
    cores[me].releases = cores[me].releases & ~BIT(location);
    exclusive = exclusive & ~(cores[me].exclusive & BIT(location));
    cores[me].exclusive = cores[me].exclusive & ~BIT(location);
    for (some : 0 .. LOCATIONS - 1) {
        cores[me].after[some] = cores[me].after[some] & ~BIT(location)
    }
    some = 0
}

inline send(location, new, order)
{
    cores[me].value[location] = new;
    if
    :: RELEASES(order) ->
        cores[me].after[location] = cores[me].after[location] | cores[me].on_way & ~BIT(location);
        cores[me].releases = cores[me].releases | BIT(location)
    :: else
    fi;
    cores[me].on_way = cores[me].on_way | BIT(location);
}

inline acquire()
{
    EACH_LOCATION(BRING_UP_TO_DATE)
}

inline read(location, result, order)
{
    result = NOW(location);
    if
    :: ACQUIRES(order) -> acquire()
    :: else
    fi
}

/*
 * If the value was read from the core's own store in flight, both stores become visible together. Other cores may
 * write the location before that.
 */
inline modify(location, new, order)
{
    if
    :: !ON_WAY(location) ->
        exclusive = exclusive | BIT(location);
        cores[me].exclusive = cores[me].exclusive | BIT(location)
    :: else
    fi;
    send(location, new, order)
}

#define RELEASES_SEEN(order) ((order) != SEQ_CST || !cores[me].releases)
#define CAN_LOAD(location, order) \
    (RELEASES_SEEN(order) && (!ACQUIRES(order) || !(cores[me].exclusive & BIT(location))))
#define CAN_MODIFY(location, order) (RELEASES_SEEN(order) && !(exclusive & BIT(location)))

/* -------- operations of a program -------- */

inline initially(location, new)
{
    memory[location] = new;
    for (some : 0 .. CORES - 1) {
        cores[some].copy[location] = new
    }
    some = 0
}

inline load(location, result, order)
{
    d_step {
        CAN_LOAD(location, order) ->
        if
        :: !ACQUIRES(order) && STALE(me, location) && !ON_WAY(location) -> result = cores[me].copy[location]
        :: else -> read(location, result, order)
        fi
    }
}

inline store(location, new, order)
{
    d_step {
        !ON_WAY(location) -> send(location, new, order)
    }
}

inline exchange(location, old, new, order)
{
    d_step {
        CAN_MODIFY(location, order) ->
        read(location, old, order);
        modify(location, new, order)
    }
}

inline fetch_add(location, old, amount, order)
{
    d_step {
        CAN_MODIFY(location, order) ->
        read(location, old, order);
        modify(location, old + (amount), order)
    }
}

inline add(location, amount, order)
{
    d_step {
        CAN_MODIFY(location, order) ->
        read(location, some, order);
        modify(location, some + (amount), order);
        some = 0
    }
}

inline fetch_or(location, old, bits, order)
{
    d_step {
        CAN_MODIFY(location, order) ->
        read(location, old, order);
        modify(location, old | (bits), order)
    }
}

inline fetch_and(location, old, bits, order)
{
    d_step {
        CAN_MODIFY(location, order) ->
        read(location, old, order);
        modify(location, old & (bits), order)
    }
}

/* On failure it is a relaxed load. */
inline compare_exchange(location, expected, new, order, done)
{
    d_step {
        CAN_MODIFY(location, order) ->
        if
        :: NOW(location) == (expected) ->
            read(location, expected, order);
            modify(location, new, order);
            done = true
        :: else -> expected = NOW(location); done = false
        fi
    }
}

/* A system call: all earlier stores of the core are visible, and it loads anew. */
#define IN_KERNEL !cores[me].on_way

/* Whether a core's sleep may end without a wake-up, because it has nothing more to do. */
#ifndef HAS_DONE_ALL
#define HAS_DONE_ALL(core) false
#endif

inline futex_wait(location, expected)
{
    d_step {
        IN_KERNEL ->
        asleep[me] = (memory[location] == (expected) -> location + 1 : 0);
        acquire()
    }
    !asleep[me] || HAS_DONE_ALL(me)
}

#define SLEEPS(core, location) (asleep[core] == (location) + 1)

/* Wakes all sleepers, or any one of them. */
inline futex_wake(location, all)
{
    atomic {
        IN_KERNEL ->
        if
        :: all ->
            d_step {
                for (some : 0 .. CORES - 1) {
                    if
                    :: SLEEPS(some, location) -> asleep[some] = 0
                    :: else
                    fi
                }
                some = 0
            }
        :: !all && SLEEPS(0, location) -> asleep[0] = 0
        :: !all && SLEEPS(1, location) -> asleep[1] = 0
#if CORES > 2
        :: !all && SLEEPS(2, location) -> asleep[2] = 0
#endif
#if CORES > 3
        :: !all && SLEEPS(3, location) -> asleep[3] = 0
#endif
        :: else
        fi
    }
}

/* A full barrier on any one core; also on the process's own. */
inline barrier_on(whose)
{
    d_step {
        !cores[whose].on_way ->
        for (some : 0 .. LOCATIONS - 1) {
            cores[whose].copy[some] = (STALE(whose, some) -> memory[some] : 0)
        }
        some = 0
    }
}

/* -------- the rest of a core -------- */

#define VISIBLE(location) \
    :: d_step { \
        ON_WAY(location) && !cores[me].after[location] && \
            (!(exclusive & BIT(location)) || (cores[me].exclusive & BIT(location))) -> \
        become_visible(location) \
    }

#define UP_TO_DATE(location) \
    :: d_step { \
        STALE(me, location) && cores[me].copy[location] != memory[location] -> \
        BRING_UP_TO_DATE(location) \
    }

proctype core_of(byte me)
{
end:
    do
    EACH_LOCATION(VISIBLE)
    EACH_LOCATION(UP_TO_DATE)
    od
}
