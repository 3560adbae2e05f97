//go:build unix

package bench_test

import (
	"syscall"
	"time"
)

// cpuTime returns the user and system time of this process on all processors.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
