//go:build unix

package measure

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used, on all processors, in user and in
// system mode.
func cpuTime() time.Duration {
	var usage syscall.Rusage

	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}

	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
