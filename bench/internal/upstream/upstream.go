// Package upstream is the other end of every call that is measured: a server in
// a process of its own, so that memory, allocations and CPU of the measuring
// process are those of the client.
package upstream

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// environment tells a program that it is to be the server.
const environment = "KANUU_BENCH_UPSTREAM"

// Counts of a server since it was started.
type Counts struct {
	Connections int64 `json:"connections"`
	Requests    int64 `json:"requests"`

	// Peak is how many requests were there at once, since the last SetDelay or
	// Gather.
	Peak int64 `json:"peak"`
}

// Since is what was counted since before; the peak stays as it is.
func (c Counts) Since(before Counts) Counts {
	c.Connections -= before.Connections
	c.Requests -= before.Requests

	return c
}

// Server is the child process, seen from its parent. It is safe for concurrent
// use.
type Server struct {
	// H1 and H2 are the base URLs for HTTP/1.1 and HTTP/2, both with TLS, as
	// Kanuu's is.
	H1, H2 string

	// Roots have the authority of its certificate.
	Roots *x509.CertPool

	mu      sync.Mutex
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// hello is the first line that a child says.
type hello struct {
	H1          string `json:"h1"`
	H2          string `json:"h2"`
	Certificate []byte `json:"certificate"`
}

// order is a line that its parent says; the answer is a line with Counts.
type order struct {
	Delays *delays `json:"delays,omitempty"`
}

type delays struct {
	Answer time.Duration `json:"answer"`
	Lull   time.Duration `json:"lull"`
}

// RunIfChild never returns in a process that [Start] has started. It must come
// first in the main function, or TestMain, of each program that calls Start.
func RunIfChild() {
	if os.Getenv(environment) == "" {
		return
	}

	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}

	os.Exit(0)
}

// During starts a server, makes the process trust it, calls do, and ends the
// server. It returns the exit code for the main function, or TestMain, of which
// it must be all: what do returns, or 1 where the server does not start or end.
func During(do func(*Server) int) int {
	RunIfChild()

	server, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)

		return 1
	}

	server.Trust()

	status := do(server)

	if err := server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)

		return max(status, 1)
	}

	return status
}

// Start starts this program again as a server, which ends with its parent.
func Start() (*Server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}

	command := exec.Command(program) //nolint:gosec,noctx // it is this program, and it lives until it is closed
	command.Env = append(os.Environ(), environment+"=1")
	command.Stderr = os.Stderr

	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}

	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}

	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}

	s := &Server{command: command, stdin: stdin, stdout: bufio.NewReader(stdout)}

	if err := s.greet(); err != nil {
		return nil, errors.Join(err, s.Close())
	}

	return s, nil
}

func (s *Server) greet() error {
	var said hello
	if err := s.read(&said); err != nil {
		return err
	}

	certificate, err := x509.ParseCertificate(said.Certificate)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}

	s.H1, s.H2, s.Roots = said.H1, said.H2, x509.NewCertPool()
	s.Roots.AddCert(certificate)

	return nil
}

// Trust makes everything in this process trust the server, which can be done for
// one server only. It needs the line "//go:debug x509usefallbackroots=1" in the
// main package, or in a test of the package.
func (s *Server) Trust() { x509.SetFallbackRoots(s.Roots) }

// SetDelay makes each answer wait that long from now on, and ends Gather.
func (s *Server) SetDelay(answer time.Duration) error {
	_, err := s.tell(order{Delays: &delays{Answer: answer}})

	return err
}

// Gather holds answers from now on until no other request has come for that
// long, and TLS handshakes until no other has begun for half as long, so that who
// needs none waits for the others: all who come together are there together,
// however slow the machine is.
func (s *Server) Gather(lull time.Duration) error {
	_, err := s.tell(order{Delays: &delays{Lull: lull}})

	return err
}

// Counts are the connections that were opened and the requests that came, of
// both protocols together.
func (s *Server) Counts() (Counts, error) { return s.tell(order{}) }

// Close ends the server.
func (s *Server) Close() error {
	s.stdin.Close()

	return s.command.Wait()
}

func (s *Server) tell(what order) (Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var counts Counts

	if err := json.NewEncoder(s.stdin).Encode(what); err != nil {
		return counts, fmt.Errorf("upstream: %w", err)
	}

	return counts, s.read(&counts)
}

func (s *Server) read(into any) error {
	line, err := s.stdout.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("upstream: the server has ended: %w", err)
	}

	return json.Unmarshal(line, into)
}
