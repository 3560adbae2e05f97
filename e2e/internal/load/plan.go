// Package load clicks on /billing of an app as many users at once, lets the
// app's Kanuu fail in one way after the other, and judges every answer.
package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Plan of a run.
type Plan struct {
	// Command makes the app's process; its environment is set by Run.
	Command func(ctx context.Context) *exec.Cmd

	// Users to log in as. Clickers share them when there are fewer.
	Users []User

	// Debug tells that the app has internal/app's /debug.
	Debug bool

	Clickers int

	// WarmUp comes before the phases. Kanuu is slow in it, so that each clicker
	// has a call open at some time.
	WarmUp time.Duration

	Phases []Phase
}

// User of the app, and what the app calls them towards Kanuu.
type User struct{ Login, Identifier string }

// Phase is a time in which Kanuu behaves in one way.
type Phase struct {
	Name string

	// For is how long it takes. It is over when Kanuu is healthy, the app has
	// noticed, and every click that began in it is answered.
	For time.Duration

	// Fault of one call; nil: there is none.
	Fault func() kanuutest.Fault

	// Stopped: nobody listens, and open connections are cut.
	Stopped bool
}

func (p Phase) healthy() bool { return p.Fault == nil && !p.Stopped }

const (
	// standard is how long Phases are before they are scaled.
	standard = 30 * time.Second

	// afterglow is how long Kanuu stays healthy after the app has noticed.
	afterglow = 200 * time.Millisecond

	// patience for the first success after a phase, and for its last answer.
	patience = 20 * time.Second

	// Pause of a clicker between two clicks.
	minThink, maxThink = 40 * time.Millisecond, 100 * time.Millisecond
)

// Phases are all phases, total long together; what the app takes to recover
// after each comes on top. In 30 s, Kanuu is stopped for 10 s and hangs for 6 s.
func Phases(total time.Duration) []Phase {
	phases := []Phase{
		{Name: "healthy", For: 2 * time.Second},
		{Name: "slow: 20-300 ms", For: 2 * time.Second, Fault: Slow},
		{Name: "drops connections", For: 1500 * time.Millisecond, Fault: Drop},
		{Name: "500", For: 1500 * time.Millisecond, Fault: ServerError},
		{Name: "429, Retry-After: 1", For: 3 * time.Second, Fault: RateLimit},
		{Name: "200 with garbage", For: time.Second, Fault: Garbage},
		{Name: "a mixture", For: 2 * time.Second, Fault: Mixture},
		{Name: "hangs", For: 6 * time.Second, Fault: Hang},
		{Name: "stopped", For: 10 * time.Second, Stopped: true},
		{Name: "healthy again", For: time.Second},
	}

	for i := range phases {
		phases[i].For = time.Duration(float64(phases[i].For) * float64(total) / float64(standard))
	}

	return phases
}

// Slow answers after 20 to 300 ms.
func Slow() kanuutest.Fault {
	return kanuutest.Fault{Delay: between(20*time.Millisecond, 300*time.Millisecond)}
}

// Drop closes the connection without an answer.
func Drop() kanuutest.Fault { return kanuutest.Fault{Drop: true} }

// ServerError answers 500.
func ServerError() kanuutest.Fault { return kanuutest.Fault{Status: http.StatusInternalServerError} }

// RateLimit answers 429.
func RateLimit() kanuutest.Fault {
	return kanuutest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}}
}

// Hang never answers.
func Hang() kanuutest.Fault { return kanuutest.Fault{Delay: time.Hour, Drop: true} }

// Garbage answers 200 with what is no portal URL.
func Garbage() kanuutest.Fault {
	return kanuutest.Fault{Status: http.StatusOK, Body: garbage[rand.IntN(len(garbage))]} //nolint:gosec // nothing secret
}

var garbage = []string{
	`<!doctype html><title>Welcome to nginx!</title>`,
	`{"nonce":"0123456789abcdef","url":"https://kanuu.io/man`,
	`[]`,
	`{"nonce":null,"url":null}`,
	`{"nonce":"n","url":"/manage/acme/n"}`,
	`{"nonce":"n","url":"javascript:alert(1)"}`,
	`{"nonce":"n","url":"https://kanuu.io@evil.example/n"}`,
	`{"nonce":"n","url":"https://kanuu.io/\r\nSet-Cookie: a=b"}`,
}

// breakOff promises a longer answer than it gives.
func breakOff() kanuutest.Fault {
	return kanuutest.Fault{
		Status: http.StatusCreated, Header: http.Header{"Content-Length": {"120"}}, Body: `{"nonce":"n","url":"https:`,
	}
}

// Mixture of all of them, with half of the calls going well.
func Mixture() kanuutest.Fault {
	faults := []func() kanuutest.Fault{Slow, Drop, ServerError, RateLimit, Garbage, breakOff}

	if i := rand.IntN(2 * len(faults)); i < len(faults) { //nolint:gosec // nothing secret
		return faults[i]()
	}

	return kanuutest.Fault{}
}

func between(from, to time.Duration) time.Duration {
	return from + rand.N(to-from) //nolint:gosec // nothing secret
}

// Users of internal/app.
func Users(count int) []User {
	users := make([]User, count)
	for i := range users {
		name := fmt.Sprintf("user-%d", i+1)
		users[i] = User{Login: name, Identifier: name}
	}

	return users
}
