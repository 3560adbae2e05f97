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
	Path   string
	Times  int
	Rate   float64
	Delay  time.Duration
	Status int
	Header http.Header
	Body   string
	Drop   bool
}

// CheckFault returns an error for a fault that cannot happen.
func CheckFault(f Fault) error {
	if f.Status != 0 && (f.Status < 200 || f.Status > 999) {
		return fmt.Errorf("status is %d, which cannot be answered: use 200 to 999", f.Status)
	}
	if f.Times < 0 {
		return fmt.Errorf("times is %d: it cannot be negative", f.Times)
	}
	return cmp.Or(jsonbody.CheckRate("rate", f.Rate), jsonbody.CheckDelay(f.Delay))
}

// CheckPath refuses a fault for a path that is none of the API.
func CheckPath(f Fault) error {
	if slices.Contains([]string{"", NoncePath, SubscriptionPath}, f.Path) {
		return nil
	}
	return errors.New("path is none of the API: use /api/nonce or /api/subscription, or leave it out for both")
}

type faultJSON struct {
	Path   string            `json:"path,omitempty"`
	Times  int               `json:"times,omitempty"`
	Rate   float64           `json:"rate,omitempty"`
	Delay  jsonbody.Duration `json:"delay,omitzero"`
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	Drop   bool              `json:"drop,omitempty"`
}

// MarshalJSON writes the delay as text, "1m30s", and the first value of each
// header.
func (f Fault) MarshalJSON() ([]byte, error) {
	text := faultJSON{f.Path, f.Times, f.Rate, jsonbody.Duration(f.Delay), f.Status, nil, f.Body, f.Drop}
	for name := range f.Header {
		if text.Header == nil {
			text.Header = make(map[string]string)
		}
		text.Header[name] = f.Header.Get(name)
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads what MarshalJSON writes. Other names are an error.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var text faultJSON
	err := jsonbody.Strict(data, &text)
	*f = Fault{text.Path, text.Times, text.Rate, time.Duration(text.Delay), text.Status, nil, text.Body, text.Drop}
	for name, value := range text.Header {
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
