package kanuutest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is something that goes wrong with calls of the API. The portal has
// none.
//
// With Drop, Status or Body the fault takes the place of the answer, whatever
// was asked and by whom; without them the call is answered as ever after the
// Delay, with Header added. A Content-Length in Header that promises more than
// Body holds makes an answer that breaks off.
type Fault struct {
	Path   string        // only calls of this API path ("/api/nonce"); empty: every call
	Times  int           // how many calls; 0 means until Reset or Recover
	Rate   float64       // the share of the calls that it hits, 0.3 for 30 %; 0: all. See Options.Seed
	Delay  time.Duration // wait first; ends early when the caller goes away
	Status int           // answer this status, 200 to 999; 0 with a Body: 200
	Header http.Header   // with these headers
	Body   string        // and this body; empty: what Laravel says to that status
	Drop   bool          // close the connection without an answer
}

// Inject queues a fault. A call meets the first one in the queue that is for
// its path, not used up and, with a Rate, picks it; so a fault with Times 0 and
// Rate 0 hides the later ones for the same path. It panics on a Status that
// cannot be answered, a Rate that is none, and a negative Times or Delay.
func (k *Kanuu) Inject(f Fault) {
	mustCheck("Fault", f.check())
	f.Header = f.Header.Clone()
	k.faults.add(f)
}

func (f Fault) check() error {
	if f.Status != 0 && (f.Status < 200 || f.Status > 999) {
		return fmt.Errorf("status is %d, which cannot be answered: use 200 to 999", f.Status)
	}
	if f.Times < 0 {
		return fmt.Errorf("times is %d: it cannot be negative", f.Times)
	}
	return cmp.Or(checkRate("rate", f.Rate), checkDelay(f.Delay))
}

// Faults returns those that still wait for calls, in the order of the queue.
// What it returns is a copy.
func (k *Kanuu) Faults() []Fault { return k.faults.all() }

// Recover forgets the faults. A call that is inside a Delay stays there.
func (k *Kanuu) Recover() { k.faults.reset() }

type faults struct {
	random *rand.Rand
	mu     sync.Mutex
	queue  []Fault
}

func (fs *faults) add(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.queue = append(fs.queue, f)
}

func (fs *faults) all() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	list := slices.Clone(fs.queue)
	for i := range list {
		list[i].Header = list[i].Header.Clone()
	}
	return list
}

func (fs *faults) reset() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.queue = nil
}

func (fs *faults) next(path string) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i := range fs.queue {
		f := fs.queue[i]
		if f.Path != "" && f.Path != path || f.Rate > 0 && fs.random.Float64() >= f.Rate {
			continue
		}
		switch {
		case f.Times == 1:
			fs.queue = append(fs.queue[:i], fs.queue[i+1:]...)
		case f.Times > 1:
			fs.queue[i].Times--
		}
		return f, true
	}
	return Fault{}, false
}

// strike lets the fault happen and reports whether the call is done with.
func (f Fault) strike(w http.ResponseWriter, r *http.Request) (done bool) {
	if f.Delay > 0 {
		wait := time.NewTimer(f.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return true
		}
	}
	if f.Drop {
		panic(http.ErrAbortHandler)
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
	}
	switch {
	case f.Status == 0 && f.Body == "":
		return false
	case f.Body == "":
		writeMessage(w, f.Status, message(f.Status))
	default:
		if w.Header().Get("Content-Type") == "" && json.Valid([]byte(f.Body)) {
			w.Header().Set("Content-Type", "application/json")
		}
		if f.Status == 0 {
			f.Status = http.StatusOK
		}
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body)) // a caller that is gone has nobody to tell
	}
	return true
}

// message is what Laravel puts into the body for a status.
func message(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "Unauthenticated."
	case http.StatusForbidden:
		return "This action is unauthorized."
	case statusPageExpired:
		return "CSRF token mismatch."
	case http.StatusUnprocessableEntity:
		return "The given data was invalid."
	case http.StatusTooManyRequests:
		return "Too Many Attempts."
	case http.StatusInternalServerError:
		return "Server Error"
	}
	return http.StatusText(status)
}

// statusPageExpired is Laravel's own.
const statusPageExpired = 419
