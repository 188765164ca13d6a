/* SPDX-License-Identifier: MIT */
/*
 * A thread forks while others send, ask for a callback, retire what they had, and while the owner delivers; or the
 * callback does so itself. The child finds what was delivered before the fork delivered, delivers the additions
 * that were published, drops the requests, and goes on from an empty ring; no call of another thread has a
 * reference there. Parent and child do not hang.
 *
 * A fork stops no thread: it copies what memory holds at one moment. Forks of signal handlers, and inside one
 * another, are in fork-handler.pml.
 *
 * Mirrors: src/fork.c: before_fork unlock_all after_fork_in_child tsc_fork_hold
 * Mirrors: src/queue/owner.c: fork_lock fork_unlock fork_child drop_what_vanished deliver_the_rest
 * Mirrors: src/queue/owner.c: tsc_owner_retire
 * Mirrors: src/queue/delivery.c: deliver_published tsc_owner_begin_callback tsc_owner_end_callback
 * Mirrors: src/queue/thread.c: take_retired
 * Mirrors: src/backend/queue.c: queue_update queue_child
 * Mirrors: src/counter.c: tsc_counter_ref_by_call tsc_counter_forget_calls
 *
 * Check:
 * Check: -DFORK_IN_CALLBACK
 * Mutation: -DNO_LOCK: assertion: a message is delivered, but not yet past, and is delivered again in the child
 * Mutation: -DKEEP_VANISHED: assertion: what is behind a message that is never published is lost
 * Mutation: -DREQUESTS_IN_CHILD: assertion: a request is served in the child that has not been in the parent
 * Mutation: -DKEEP_CALLS: assertion: the calls of other threads keep their references
 * Mutation: -DFORK_IN_CALLBACK -DLOCKED_CALLBACK: deadlock: the fork waits for the callback that it is in
 * Mutation: -DRETIRED_WHILE_DELIVERING: deadlock: the owner waits for the list, and who forks for the owner
 */
#define ADDITIONS 2
#define POSITIONS (ADDITIONS + 1)

/* What a cell holds. */
#define NOTHING 0
#define ADDITION 1
#define REQUEST 2
#define NOBODY 3
#define BY_REQUEST 8 /* what the callback adds */

bool list_lock, delivering;

byte tail, next;
byte cell[POSITIONS];
byte value;
byte handles = 1, calls; /* references of the program, and of calls under way */

byte returned;       /* additions whose call has returned */
bool retired, freed; /* something else that the owner is to free */

#define TAKE(lock) atomic { !lock -> lock = true }
#define GIVE(lock) lock = false

/* -------- the child -------- */

typedef memory {
    byte tail;
    byte next;
    byte cell[POSITIONS];
    byte value;
    byte references;
    byte calls;
};
memory child;
bool reading;

inline copy_memory()
{
    d_step {
        child.tail = tail;
        child.next = next;
        child.value = value;
        child.references = handles + calls;
        child.calls = calls;
        for (position : 0 .. POSITIONS - 1) {
            child.cell[position] = cell[position]
        }
        returned_before = returned;
        position = 0
    }
}

inline deliver_in_child()
{
#ifndef KEEP_VANISHED
    for (position : child.next .. child.tail - 1) {
        if
        :: child.cell[position] == NOTHING -> child.cell[position] = NOBODY
        :: else
        fi
    }
#endif
    do
    :: child.next < POSITIONS && child.cell[child.next] != NOTHING ->
        if
        :: child.cell[child.next] == ADDITION -> child.value++
#ifdef REQUESTS_IN_CHILD
        :: child.cell[child.next] == REQUEST -> child.value = child.value + BY_REQUEST
#endif
        :: else
        fi;
        child.next++
    :: else -> break
    od
}

inline forget_calls()
{
    child.references = child.references - child.calls
}

/* The additions that are in the child were published or delivered before. */
inline check_child()
{
    additions = 0;
    for (position : 0 .. POSITIONS - 1) {
        if
        :: child.cell[position] == ADDITION -> additions++
        :: else
        fi
    }
    assert(child.next == child.tail);
    assert(child.value % BY_REQUEST == additions && additions >= returned_before);
    assert(child.value / BY_REQUEST == committed);
    assert(child.references == 1)
}

inline fork()
{
    TAKE(list_lock);
#ifndef NO_LOCK
    TAKE(delivering);
#endif
    d_step {
        copy_memory();
        committed = value / BY_REQUEST;
        deliver_in_child();
#ifndef KEEP_CALLS
        forget_calls();
#endif
        check_child();
        additions = 0; position = 0; returned_before = 0; committed = 0
    }
#ifndef NO_LOCK
    GIVE(delivering);
#endif
    GIVE(list_lock)
}

proctype forking()
{
    byte position, additions, returned_before, committed;

    fork()
}

/* -------- the parent -------- */

proctype adding()
{
    byte position;

    atomic { position = tail; tail++ }
    cell[position] = ADDITION;
    returned++
}

proctype updating()
{
    byte position;

    calls++;
    atomic { position = tail; tail++ }
    cell[position] = REQUEST;
    next > position; /* the reply */
    calls--
}

/* An unref in the callback. */
inline retire()
{
    TAKE(list_lock);
    retired = true;
    GIVE(list_lock)
}

inline take_retired()
{
    if
    :: retired ->
        TAKE(list_lock);
        retired = false;
        GIVE(list_lock);
        freed = true
    :: else
    fi
}

inline callback()
{
#ifndef LOCKED_CALLBACK
    GIVE(delivering);
#endif
    retire();
#ifdef FORK_IN_CALLBACK
    fork();
#endif
#ifndef LOCKED_CALLBACK
    TAKE(delivering);
#endif
}

proctype owner()
{
    byte position, additions, returned_before, committed;

    do
    :: next < POSITIONS && cell[next] != NOTHING ->
        TAKE(delivering);
        do
        :: next < POSITIONS && cell[next] == ADDITION -> value++; next++
        :: next < POSITIONS && cell[next] == REQUEST -> callback(); value = value + BY_REQUEST; next++
        :: next == POSITIONS || cell[next] == NOTHING -> break
        od;
#ifdef RETIRED_WHILE_DELIVERING
        take_retired();
#endif
        GIVE(delivering);
        take_retired()
    :: next == POSITIONS -> break
    od;
    assert(value == ADDITIONS + BY_REQUEST && freed)
}

init
{
    atomic {
        run owner();
        run adding();
        run adding();
        run updating();
        run forking()
    }
}
