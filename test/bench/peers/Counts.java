// SPDX-License-Identifier: MIT

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** The same work as the program's bench, in Java: threads that each add 1 to one number. */
public final class Counts {
    private static final long WARM_UP_NS = 400_000_000L;
    private static final long STACK_BYTES = 128 * 1024;

    private interface Counter {
        void add(int ops);

        long value();
    }

    private static final class Atomic implements Counter {
        private final AtomicLong number = new AtomicLong();

        @Override
        public void add(int ops) {
            for (int i = 0; i < ops; i++) {
                number.incrementAndGet();
            }
        }

        @Override
        public long value() {
            return number.get();
        }
    }

    private static final class Adder implements Counter {
        private final LongAdder number = new LongAdder();

        @Override
        public void add(int ops) {
            for (int i = 0; i < ops; i++) {
                number.increment();
            }
        }

        @Override
        public long value() {
            return number.sum();
        }
    }

    private static Counter create(String way) {
        switch (way) {
        case "AtomicLong":
            return new Atomic();
        case "LongAdder":
            return new Adder();
        default:
            throw new IllegalArgumentException("Usage: Counts AtomicLong|LongAdder THREADS OPS ROUNDS");
        }
    }

    /** All threads wait at the gate before the first of them begins, and none ends while others work. */
    private static long runRound(Counter counter, int threads, int opsOfEach) throws InterruptedException {
        CountDownLatch arrived = new CountDownLatch(threads);
        CountDownLatch gate = new CountDownLatch(1);
        CountDownLatch finished = new CountDownLatch(threads);
        long[] endedNs = new long[threads];
        Thread[] crew = new Thread[threads];

        for (int i = 0; i < threads; i++) {
            int number = i;
            crew[i] = new Thread(null, () -> {
                try {
                    arrived.countDown();
                    gate.await();
                    counter.add(opsOfEach);
                    endedNs[number] = System.nanoTime();
                    finished.countDown();
                    finished.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }, "counting", STACK_BYTES);
            crew[i].start();
        }
        arrived.await();
        long startedNs = System.nanoTime();
        gate.countDown();
        for (Thread thread : crew) {
            thread.join();
        }
        if (counter.value() != (long) threads * opsOfEach) {
            throw new IllegalStateException("increments were lost");
        }
        long durationNs = 0;
        for (long ended : endedNs) {
            durationNs = Math.max(durationNs, ended - startedNs);
        }
        return durationNs;
    }

    public static void main(String[] args) throws InterruptedException {
        String way = args[0];
        int threads = Integer.parseInt(args[1]);
        int opsOfEach = Integer.parseInt(args[2]) / threads;
        int rounds = Integer.parseInt(args[3]);

        long warmUpStartedNs = System.nanoTime();
        do {
            runRound(create(way), threads, opsOfEach);
        } while (System.nanoTime() - warmUpStartedNs < WARM_UP_NS);
        for (int i = 0; i < rounds; i++) {
            long durationNs = runRound(create(way), threads, opsOfEach);
            System.out.printf("{\"name\": \"java %s\", \"threads\": %d, \"ops\": %d, \"ns\": %d}%n", way, threads,
                    (long) threads * opsOfEach, durationNs);
        }
    }
}
