/* SPDX-License-Identifier: MIT */
/*
 * Forks inside one another and beside one another. Threads deliver, hold the list, or fork. Signal handlers
 * interrupt them, and each other, at any step, and fork. In the child a fork handler of others may fork again
 * before that of the library has run, which then runs in the child's child too; and signal handlers fork there. No
 * fork waits for its own thread, nor for a thread that waits for it. In the child of a fork that took the locks,
 * what they guard is whole and is repaired, none stays taken, and the thread takes them under its new id.
 *
 * A node's lock is given in two steps, as it is where threads sleep on it: it is free, and then the next is woken.
 * A signal wakes, too.
 *
 * As the manual demands, the child of a signal handler does not go back into what was interrupted. That threads
 * wait for a lock in the right way is in lock.pml, and what is repaired in fork.pml. On the order of stores nothing depends here: a
 * thread looks at what it wrote itself, or at what a lock guards.
 *
 * A process of the model is a function on the stack of a thread, and does not run while it is interrupted. While a
 * child runs nobody else does, for they share no memory.
 *
 * Mirrors: src/fork.c: is_at_a_lock before_fork ends_interrupting_fork unlock_all after_fork_in_parent
 * Mirrors: src/fork.c: after_fork_in_child tsc_fork_hold tsc_fork_unhold
 * Mirrors: src/fork.h: tsc_fork_take_node_lock tsc_fork_try_node_lock tsc_fork_give_node_lock
 * Mirrors: src/fork.h: tsc_fork_forget_node_lock
 * Mirrors: src/sync/lock.h: tsc_lock_is_mine tsc_lock_self
 * Mirrors: src/sync/lock.c: tsc_lock_forget_thread
 *
 * Check: -DIMAGES=3
 * Check: -DIMAGES=2 -DHANDLERS=2
 * Check: -DIMAGES=2 -DTHREADS=2
 * Mutation: -DTAKES_ALL: deadlock: a handler's fork waits for the lock that its own thread holds
 * Mutation: -DLOOKS_AT_LIST: deadlock: the same, for the lock of a node
 * Mutation: -DTHREADS=2 -DTAKES_LIST: deadlock: it waits for a fork that has the list's and waits for the node's
 * Mutation: -DTHREADS=2 -DLOOKS_AT_HOLDER: deadlock: it waits for a fork that its own thread has still to wake
 * Mutation: -DNOTES_LATE: deadlock: the handler comes when the lock is taken and nothing says so yet
 * Mutation: -DFORGETS_EARLY: deadlock: the handler comes when the lock is not given and nothing says so any more
 * Mutation: -DNO_COUNT: assertion: a handler's fork gives the locks of the thread that it interrupted
 * Mutation: -DHANDLERS=2 -DONE_FLAG: assertion: the same, where another handler forked inside it
 * Mutation: -DIMAGES=2 -DNEW_ID_FIRST: deadlock: in the child a fork does not know the list's lock for its own
 * Mutation: -DIMAGES=2 -DOLD_ID: assertion: the child's thread takes locks under the id of another
 * Mutation: -DTHREADS=2 -DIMAGES=2 -DNO_NODE: assertion: in the child a delivery is half done
 * Mutation: -DIMAGES=2 -DKEPT_IN_CHILD: assertion: in the child the locks stay taken
 */
#ifndef THREADS
#define THREADS 1
#endif
#ifndef IMAGES
#define IMAGES 1 /* of memory: the process's, that of a child, and of the child of that */
#endif
#ifndef HANDLERS
#define HANDLERS 1 /* for each thread of the process; for a child one */
#endif

/* The locks of the list, and of a node. */
#define LIST 0
#define NODE 1

typedef image {
    byte locks[2];         /* the holder's id, or 0 */
    bool is_half_done[2];  /* what is changed under the lock */
    bool repaired;
    bool awaited;          /* the node's: threads may sleep on it */
    bool note[THREADS];    /* tsc_fork_node_lock: it is at the node's */
    byte interrupting_forks[THREADS];
    byte id[THREADS];      /* 0 where the thread has to ask for it */
};
image images[IMAGES];
byte running; /* the image */

/* Of each process of the model; and of each stack, the process on top and how many handlers have come. */
#define PROCESSES 12
#define NONE IMAGES
bool interrupted[PROCESSES];
bool asleep[PROCESSES]; /* until the node's lock is given */
byte image_of[PROCESSES]; /* or NONE */
byte top[THREADS + IMAGES - 1];
byte come[THREADS + IMAGES - 1];

#define OF images[at]
#define STACK (at == 0 -> thread : THREADS + at - 1)
/* Also when it has come to its end, and is only to go. */
#define MAY_RUN (!interrupted[_pid] && (image_of[_pid] == running || image_of[_pid] == NONE))

#define REAL_ID (1 + thread + THREADS * at)
#define SELF (OF.id[thread] != 0 -> OF.id[thread] : REAL_ID)

/* -------- locks -------- */

inline take(lock)
{
    d_step {
        OF.locks[lock] == 0 ->
        OF.id[thread] = SELF;
        OF.locks[lock] = OF.id[thread]
    }
}

inline take_node_lock()
{
    do
    :: d_step {
            OF.locks[NODE] == 0 ->
            OF.id[thread] = SELF;
            OF.locks[NODE] = OF.id[thread];
            OF.awaited = OF.awaited || slept;
            slept = false
        };
        break
    :: d_step {
            OF.locks[NODE] != 0 ->
            OF.awaited = true;
            asleep[_pid] = true
        };
        d_step { !asleep[_pid] -> slept = true }
    od
}

#define SLEEPS_HERE(process) (asleep[process] && image_of[process] == at)

/* One of two that sleep; there may be no more. */
inline wake_next()
{
    atomic {
        if
        :: pick = 0;
            do
            :: pick < PROCESSES && !SLEEPS_HERE(pick) -> pick++
            :: else -> break
            od
        :: pick = PROCESSES;
            do
            :: pick > 0 && !SLEEPS_HERE(pick - 1) -> pick--
            :: else -> break
            od;
            pick = (pick == 0 -> PROCESSES : pick - 1)
        fi;
        if
        :: pick < PROCESSES -> asleep[pick] = false
        :: else
        fi;
        pick = 0
    }
}

inline free_node_lock()
{
    d_step {
        OF.locks[NODE] = 0;
        wakes = OF.awaited;
        OF.awaited = false
    };
    if
    :: wakes -> wake_next(); wakes = false
    :: else
    fi
}

inline change(lock)
{
    d_step { assert(OF.locks[lock] == REAL_ID && !OF.is_half_done[lock]); OF.is_half_done[lock] = true };
    d_step { assert(OF.locks[lock] == REAL_ID && OF.is_half_done[lock]); OF.is_half_done[lock] = false }
}

inline use_list()
{
    take(LIST);
    change(LIST);
    OF.locks[LIST] = 0
}

inline take_or_try_node_lock()
{
#ifdef NOTES_LATE
    take_node_lock();
    OF.note[thread] = true
#else
    OF.note[thread] = true;
    if
    :: true -> take_node_lock()
    :: atomic { OF.locks[NODE] != 0 -> OF.note[thread] = false }
    fi
#endif
}

inline give_node_lock()
{
#ifdef FORGETS_EARLY
    OF.note[thread] = false;
    free_node_lock()
#else
    free_node_lock();
    OF.note[thread] = false
#endif
}

inline use_node()
{
    take_or_try_node_lock();
    if
    :: OF.note[thread] -> change(NODE); give_node_lock()
    :: else
    fi
}

/* -------- forks -------- */

#define HOLDS_LIST (OF.locks[LIST] == SELF)
#define HOLDS_NODE (OF.note[thread] && OF.locks[NODE] == SELF)
#if defined(TAKES_ALL)
#define IS_AT_A_LOCK false
#elif defined(LOOKS_AT_LIST) || defined(TAKES_LIST)
#define IS_AT_A_LOCK HOLDS_LIST
#elif defined(LOOKS_AT_HOLDER)
#define IS_AT_A_LOCK (HOLDS_LIST || HOLDS_NODE)
#else
#define IS_AT_A_LOCK (HOLDS_LIST || OF.note[thread])
#endif

inline before_fork()
{
    if
    :: IS_AT_A_LOCK ->
#ifdef ONE_FLAG
        OF.interrupting_forks[thread] = 1
#else
        OF.interrupting_forks[thread]++
#endif
    :: else ->
        take(LIST);
#if defined(TAKES_LIST)
        if
        :: HOLDS_NODE
        :: else -> take_node_lock()
        fi
#elif !defined(NO_NODE)
        take_node_lock()
#endif
    fi
}

#ifdef NO_COUNT
#define ENDS_INTERRUPTING_FORK false
#else
#define ENDS_INTERRUPTING_FORK (OF.interrupting_forks[thread] != 0)
#endif

inline unlock_all()
{
#ifdef TAKES_LIST
    if
    :: HOLDS_NODE
    :: else -> free_node_lock()
    fi;
#elif !defined(NO_NODE)
    free_node_lock();
#endif
    OF.locks[LIST] = 0
}

inline after_fork_in_parent()
{
    if
    :: ENDS_INTERRUPTING_FORK -> OF.interrupting_forks[thread]--
    :: else -> unlock_all()
    fi
}

inline after_fork_in_child()
{
    if
    :: ENDS_INTERRUPTING_FORK -> OF.interrupting_forks[thread]--
    :: else ->
        assert(!OF.is_half_done[LIST] && !OF.is_half_done[NODE]);
        OF.repaired = true;
#ifdef NEW_ID_FIRST
        OF.id[thread] = 0;
#endif
#ifndef KEPT_IN_CHILD
        unlock_all();
#endif
#if !defined(NEW_ID_FIRST) && !defined(OLD_ID)
        OF.id[thread] = 0;
#endif
        assert(OF.locks[LIST] == 0 && OF.locks[NODE] == 0)
    fi
}

/* Nobody else is in the child. */
inline copy_image(next)
{
    d_step {
        images[next].locks[LIST] = OF.locks[LIST];
        images[next].locks[NODE] = OF.locks[NODE];
        images[next].is_half_done[LIST] = OF.is_half_done[LIST];
        images[next].is_half_done[NODE] = OF.is_half_done[NODE];
        images[next].awaited = OF.awaited;
        images[next].repaired = OF.repaired;
        images[next].note[thread] = OF.note[thread];
        images[next].interrupting_forks[thread] = OF.interrupting_forks[thread];
        images[next].id[thread] = OF.id[thread]
    }
}

inline clear_image()
{
    OF.locks[LIST] = 0;
    OF.locks[NODE] = 0;
    OF.is_half_done[LIST] = false;
    OF.is_half_done[NODE] = false;
    OF.awaited = false;
    OF.repaired = false;
    OF.note[thread] = false;
    OF.interrupting_forks[thread] = 0;
    OF.id[thread] = 0
}

/*
 * With in_handlers it is a fork inside the child's fork handlers of another fork, which go on in the child of this
 * one too. With exits its child does nothing else after its fork handlers.
 */
inline fork(in_handlers, exits)
{
    before_fork();
    atomic {
        if
        :: at + 1 < IMAGES ->
            copy_image(at + 1);
            new = run child(at + 1, thread, in_handlers, exits);
            image_of[new] = at + 1;
            image_of[new + 1] = at + 1;
            top[THREADS + at] = new;
            run handler(at + 1, thread, 0);
            running = at + 1
        :: else
        fi
    };
    if
    :: new != 0 ->
        d_step {
            _nr_pr <= new -> /* the child has gone */
            image_of[new] = 0;
            image_of[new + 1] = 0;
            new = 0
        }
    :: else
    fi;
    after_fork_in_parent()
}

/* -------- what runs -------- */

inline use()
{
    if
    :: use_node()
    :: use_list()
    :: true -> fork(false, false)
    fi
}

proctype worker(byte at; byte thread) provided (MAY_RUN)
{
    byte new, pick;
    bool slept, wakes;

    use();
    top[STACK] = 0
}

/* It comes or it does not, and not before the one with the number before. */
proctype handler(byte at; byte thread; byte number) provided (MAY_RUN)
{
    byte new, below, pick;
    bool slept, wakes;

    if
    :: atomic {
            top[STACK] != 0 && come[STACK] == number ->
            come[STACK]++;
            below = top[STACK];
            interrupted[below] = true;
            asleep[below] = false;
            top[STACK] = _pid
        };
        fork(false, true);
        d_step {
            interrupted[below] = false;
            top[STACK] = below;
            below = 0
        }
    :: top[STACK] == 0
    fi
}

proctype child(byte at; byte thread; bool inside; bool exits) provided (MAY_RUN)
{
    byte new, pick;
    bool slept, wakes;

    if
    :: true -> fork(true, exits) /* a fork handler of others, before that of the library */
    :: true
    fi;
    after_fork_in_child();
    if
    :: inside -> after_fork_in_child()
    :: else
    fi;
    if
    :: exits
    :: else -> assert(OF.repaired); use()
    fi;
    top[STACK] = 0;
    d_step {
        _nr_pr == _pid + 1 -> /* its handlers have gone */
        clear_image();
        come[STACK] = 0;
        image_of[_pid] = NONE;
        running = at - 1
    }
}

init
{
    byte thread, number;

    atomic {
        for (thread : 0 .. THREADS - 1) {
            top[thread] = run worker(0, thread)
        };
        for (thread : 0 .. THREADS - 1) {
            for (number : 0 .. HANDLERS - 1) {
                run handler(0, thread, number)
            }
        };
        thread = 0;
        number = 0
    }
}
