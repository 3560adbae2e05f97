//go:build !unix

package bench_test

import "time"

var started = time.Now()

// cpuTime returns the wall time, because the process's CPU time is not available here.
func cpuTime() time.Duration { return time.Since(started) }
