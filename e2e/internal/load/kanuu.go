package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// server is a fake Kanuu that can be stopped and started again, and that keeps
// count. The counters are by phase.
type server struct {
	kanuu  *kanuutest.Kanuu
	ledger Ledger
	addr   string
	http   *http.Server
	done   chan struct{}

	phase      *atomic.Int32
	fault      atomic.Pointer[func() kanuutest.Fault]
	calls      []atomic.Int64
	dialed     []atomic.Int64
	open, most atomic.Int64
	callsOf    map[string]*atomic.Int64 // by identifier
}

func newServer(users []User, phases int, phase *atomic.Int32) (*server, error) {
	s := &server{
		kanuu:   kanuutest.New(nil),
		phase:   phase,
		calls:   make([]atomic.Int64, phases),
		dialed:  make([]atomic.Int64, phases),
		callsOf: make(map[string]*atomic.Int64, len(users)),
	}
	for _, user := range users {
		s.callsOf[user.Identifier] = new(atomic.Int64)
	}

	// Not a port that the system gives to outgoing connections: it has to be
	// free still after the stop.
	var err error
	for range 100 {
		s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000))) //nolint:gosec // nothing secret
		if err = s.start(); err == nil {
			return s, nil
		}
	}

	return nil, err
}

func (s *server) url() string { return "http://" + s.addr }

func (s *server) start() error {
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}

	s.done = make(chan struct{})
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ConnState:         s.connState,
		ErrorLog:          log.New(io.Discard, "", 0), // of answers that break off, on purpose
	}

	go func() {
		defer close(s.done)

		_ = s.http.Serve(listener) // always ErrServerClosed: stop is the only way out
	}()

	return nil
}

// stop closes the listener and cuts every connection.
func (s *server) stop() {
	_ = s.http.Close() // a listener that is gone already is what was asked for
	<-s.done
}

// cut ends every connection, as if Kanuu was deployed anew.
func (s *server) cut() error {
	s.stop()

	return s.start()
}

func (s *server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.dialed[s.phase.Load()].Add(1)
		s.atMost(s.open.Add(1))
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

func (s *server) atMost(open int64) {
	for {
		most := s.most.Load()
		if open <= most || s.most.CompareAndSwap(most, open) {
			return
		}
	}
}

// ServeHTTP lets the fake answer, and notes what it minted before the caller
// can know.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls[s.phase.Load()].Add(1)

	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}

	r.Body = io.NopCloser(bytes.NewReader(body))

	var asked struct {
		Identifier string `json:"identifier"`
	}
	if json.Unmarshal(body, &asked) == nil && s.callsOf[asked.Identifier] != nil {
		s.callsOf[asked.Identifier].Add(1)
	}

	// Whichever call comes first meets the fault: there is one for each.
	if fault := s.fault.Load(); fault != nil {
		f := (*fault)()
		f.Times = 1
		s.kanuu.Inject(f)
	}

	s.kanuu.ServeHTTP(&mintWriter{ResponseWriter: w, ledger: &s.ledger, identifier: asked.Identifier}, r)
}

// mintWriter reads along.
type mintWriter struct {
	http.ResponseWriter

	ledger     *Ledger
	identifier string
	created    bool
}

func (w *mintWriter) WriteHeader(status int) {
	w.created = status == http.StatusCreated
	w.ResponseWriter.WriteHeader(status)
}

// Write gets a whole answer: kanuutest writes each at once.
func (w *mintWriter) Write(body []byte) (int, error) {
	var minted struct {
		URL string `json:"url"`
	}
	if w.created && json.Unmarshal(body, &minted) == nil {
		w.ledger.Mint(minted.URL, w.identifier)
	}

	return w.ResponseWriter.Write(body)
}

// behave from now on as in a phase.
func (s *server) behave(p Phase) {
	if p.Stopped {
		s.stop()
	}

	if p.Fault != nil {
		s.fault.Store(&p.Fault)
	}
}

// recover from a phase; returns the time from which calls go well.
func (s *server) recover(p Phase) (time.Time, error) {
	s.fault.Store(nil)
	s.kanuu.Reset()

	if p.Stopped {
		if err := s.start(); err != nil {
			return time.Time{}, errors.Join(errors.New("Kanuu cannot come back"), err)
		}
	}

	return time.Now(), nil
}
