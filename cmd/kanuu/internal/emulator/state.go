package emulator

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// ErrState is a state file that cannot be used.
var ErrState = errors.New("no state of an emulator")

const stateVersion = 1

// document is a state file.
type document struct {
	Version    int             `json:"kanuu_emulator"`
	SigningKey string          `json:"signing_key"` // PEM
	Fake       json.RawMessage `json:"fake"`        // of [kanuutest.Kanuu.Snapshot]
}

// read returns nil if no file is wanted, and an empty document if there is none yet.
func read(file string) (*document, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nothing is kept
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user named it
	if errors.Is(err, fs.ErrNotExist) {
		return new(document), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	var d document
	if err := strict(text, &d); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrState, file, err)
	}
	if d.Version != stateVersion {
		return nil, fmt.Errorf("%w: %s has version %d, and this is version %d", ErrState, file, d.Version, stateVersion)
	}
	return &d, nil
}

func (d *document) isNew() bool { return d == nil || d.Version == 0 }

// key is the given one, else that of the file, else for a new file a new one.
func (d *document) key(given *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	switch {
	case given != nil || d == nil:
		return given, nil
	case d.isNew():
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	key, err := parseKey([]byte(d.SigningKey))
	if err != nil {
		return nil, fmt.Errorf("%w: its signing_key %w", ErrState, err)
	}
	return key, nil
}

func encodeKey(key *rsa.PrivateKey) string {
	if key == nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// state writes a file after each change of the fake.
type state struct {
	file       string // empty: none
	fake       *kanuutest.Kanuu
	signingKey string
	report     func(Event)

	mu      sync.Mutex
	last    []byte
	stopped bool
}

// saving has the state in the file before a response leaves.
func (s *state) saving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		saving := &savingWriter{w, s, false}
		next.ServeHTTP(saving, r)
		saving.save()
	})
}

type savingWriter struct {
	http.ResponseWriter
	state *state
	saved bool
}

func (w *savingWriter) save() {
	if !w.saved {
		w.saved = true
		w.state.save()
	}
}

func (w *savingWriter) WriteHeader(status int) {
	w.save()
	w.ResponseWriter.WriteHeader(status)
}

func (w *savingWriter) Write(p []byte) (int, error) {
	w.save()
	return w.ResponseWriter.Write(p)
}

func (s *state) save() {
	if err := s.write(); err != nil {
		s.report(Event{Time: time.Now(), Kind: "notice", Name: err.Error()})
	}
}

func (s *state) stop() {
	s.save()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// write replaces the file as a whole, if there is anything new.
func (s *state) write() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == "" || s.stopped {
		return nil
	}
	fake, err := s.fake.Snapshot()
	if err != nil || bytes.Equal(fake, s.last) {
		return err
	}
	text, err := json.MarshalIndent(document{stateVersion, s.signingKey, fake}, "", " ")
	if err != nil {
		return err
	}
	if err := replace(s.file, append(text, '\n')); err != nil {
		return fmt.Errorf("cannot save the state: %w", err)
	}
	s.last = fake
	return nil
}

// replace leaves the old file or the new one, whenever the machine stops.
func replace(file string, text []byte) error {
	next := file + ".tmp"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the user named it
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, file)
}
