package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
)

// Fault is something that goes wrong with calls of the API.
type Fault struct {
	Path   string        `json:"path,omitempty"`
	Times  int           `json:"times,omitempty"`
	Rate   float64       `json:"rate,omitempty"`
	Delay  time.Duration `json:"-"`
	Status int           `json:"status,omitempty"`
	Header http.Header   `json:"-"`
	Body   string        `json:"body,omitempty"`
	Drop   bool          `json:"drop,omitempty"`
}

// CheckFault returns an error for a fault that cannot happen.
func CheckFault(f Fault) error {
	if f.Status != 0 && (f.Status < 200 || f.Status > 999) {
		return fmt.Errorf("status is %d, which cannot be answered: use 200 to 999", f.Status)
	}
	if !slices.Contains([]string{"", NoncePath, SubscriptionPath}, f.Path) {
		return errors.New("path is none of the API: use /api/nonce or /api/subscription, or leave it out for both")
	}
	if f.Times < 0 {
		return fmt.Errorf("times is %d: it cannot be negative", f.Times)
	}
	return cmp.Or(jsonbody.CheckRate("rate", f.Rate), jsonbody.CheckDelay(f.Delay))
}

type plain Fault // without the methods

// faultJSON is a fault as JSON has it.
type faultJSON struct {
	plain
	Delay  jsonbody.Duration `json:"delay,omitzero"`
	Header map[string]string `json:"header,omitempty"`
}

// MarshalJSON writes a delay as text, "1m30s", and one value of each header.
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{plain(f), jsonbody.Duration(f.Delay), make(map[string]string)}
	for name := range f.Header {
		j.Header[name] = f.Header.Get(name)
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes. Other names are an error.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var j faultJSON
	err := jsonbody.Strict(data, &j)
	*f = Fault(j.plain)
	f.Delay = time.Duration(j.Delay)
	for name, value := range j.Header {
		if f.Header == nil {
			f.Header = make(http.Header)
		}
		f.Header.Set(name, value)
	}
	return err
}

// Inject queues a fault that [CheckFault] finds right.
func (a *API) Inject(f Fault) {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	f.Header = f.Header.Clone()
	a.faults.queue = append(a.faults.queue, f)
}

// Faults returns copies of the faults that are left.
func (a *API) Faults() []Fault {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	list := slices.Clone(a.faults.queue)
	for i := range list {
		list[i].Header = list[i].Header.Clone()
	}
	return list
}

// Recover removes the faults.
func (a *API) Recover() {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	a.faults.queue = nil
}

type faults struct {
	random *rand.Rand
	mu     sync.Mutex
	queue  []Fault
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
		w.Header()[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	switch {
	case f.Status == 0 && f.Body == "":
		return false
	case f.Body == "":
		writeStatus(w, f.Status)
	default:
		if w.Header().Get("Content-Type") == "" && json.Valid([]byte(f.Body)) {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
		_, _ = w.Write([]byte(f.Body)) // nothing is left to do for a caller that is gone
	}
	return true
}
