// Package guard calls functions of the application.
package guard

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// PanicError is a panic that was recovered.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

var errGoexit = errors.New("the function ended its goroutine by runtime.Goexit")

// Call calls f in a goroutine of its own, and returns its error or that of its
// panic. runtime.Goexit, which failed assertions of tests call, would end the
// server's goroutine without a response.
func Call(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() {
			if value := recover(); value != nil {
				err = &PanicError{value, debug.Stack()}
			}
			result <- err
		}()
		err = f()
	}()
	return <-result
}
