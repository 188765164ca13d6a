// SPDX-License-Identifier: MIT

// The same work as the program's bench, in Go: goroutines that each add 1 to one number, guarded in three ways.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A way of counting: add is called by many goroutines; value returns once all that was added is applied.
type counter interface {
	add(ops int)
	value() int64
}

type mutexCounter struct {
	lock   sync.Mutex
	number int64
}

func (c *mutexCounter) add(ops int) {
	for i := 0; i < ops; i++ {
		c.lock.Lock()
		c.number++
		c.lock.Unlock()
	}
}

func (c *mutexCounter) value() int64 { return c.number }

type atomicCounter struct {
	number int64
}

func (c *atomicCounter) add(ops int) {
	for i := 0; i < ops; i++ {
		atomic.AddInt64(&c.number, 1)
	}
}

func (c *atomicCounter) value() int64 { return c.number }

type channelCounter struct {
	deltas chan int64
	total  chan int64
}

func newChannelCounter() *channelCounter {
	c := &channelCounter{make(chan int64, 100), make(chan int64)}
	go func() {
		var number int64
		for delta := range c.deltas {
			number += delta
		}
		c.total <- number
	}()
	return c
}

func (c *channelCounter) add(ops int) {
	for i := 0; i < ops; i++ {
		c.deltas <- 1
	}
}

func (c *channelCounter) value() int64 {
	close(c.deltas)
	return <-c.total
}

var ways = map[string]func() counter{
	"mutex":   func() counter { return &mutexCounter{} },
	"atomic":  func() counter { return &atomicCounter{} },
	"channel": func() counter { return newChannelCounter() },
}

// All goroutines wait at the gate before the first of them begins.
func runRound(c counter, threads int, opsOfEach int) time.Duration {
	var arrived, finished sync.WaitGroup
	gate := make(chan struct{})

	arrived.Add(threads)
	finished.Add(threads)
	for i := 0; i < threads; i++ {
		go func() {
			arrived.Done()
			<-gate
			c.add(opsOfEach)
			finished.Done()
		}()
	}
	arrived.Wait()
	started := time.Now()
	close(gate)
	finished.Wait()
	value := c.value()
	duration := time.Since(started)
	if value != int64(threads*opsOfEach) {
		fmt.Fprintln(os.Stderr, "increments were lost")
		os.Exit(1)
	}
	return duration
}

func main() {
	var numbers [3]int

	if len(os.Args) != 5 || ways[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "Usage: counts mutex|atomic|channel THREADS OPS ROUNDS")
		os.Exit(2)
	}
	for i := range numbers {
		number, err := strconv.Atoi(os.Args[2+i])
		if err != nil || number < 1 {
			fmt.Fprintf(os.Stderr, "not a number above 0: %s\n", os.Args[2+i])
			os.Exit(2)
		}
		numbers[i] = number
	}
	threads, rounds := numbers[0], numbers[2]
	opsOfEach := numbers[1] / threads

	runRound(ways[os.Args[1]](), threads, opsOfEach) // to warm up
	for i := 0; i < rounds; i++ {
		duration := runRound(ways[os.Args[1]](), threads, opsOfEach)
		fmt.Printf("{\"name\": \"go %s\", \"threads\": %d, \"ops\": %d, \"ns\": %d}\n",
			os.Args[1], threads, threads*opsOfEach, duration.Nanoseconds())
	}
}
