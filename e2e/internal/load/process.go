package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/e2e/internal/app"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// process is the app, running.
type process struct {
	url   string
	cmd   *exec.Cmd
	debug *http.Client // nil: the app has no /debug

	read   chan struct{} // closed when the log is at its end
	lines  int           // of the log; this and the following once read is closed
	leaks  int
	alien  []string // lines that are no log: a panic, a race, why it did not start
	failed error
}

var (
	listening = regexp.MustCompile(`url=(http://[^/\s]+)`)

	// secrets are the key, a nonce, and the way to a portal.
	secrets = regexp.MustCompile(regexp.QuoteMeta(kanuutest.DefaultAPIKey) + `|[0-9a-f]{32}|/manage/`)
)

// startApp returns once the app listens.
func startApp(ctx context.Context, plan Plan, kanuuURL string) (*process, error) {
	p := &process{cmd: plan.Command(ctx), read: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Env, "ADDR=127.0.0.1:0", kanuu.EnvAPIKey+"="+kanuutest.DefaultAPIKey, kanuu.EnvBaseURL+"="+kanuuURL)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	p.cmd.WaitDelay = 15 * time.Second

	if plan.Debug {
		p.debug = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	}

	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}

	if err := p.cmd.Start(); err != nil {
		return nil, err
	}

	found := make(chan string, 1)

	go func() {
		defer close(p.read)

		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			p.line(lines.Bytes(), found)
		}

		p.failed = lines.Err()
	}()

	select {
	case p.url = <-found:
		return p, nil
	case <-p.read:
		return nil, errors.Join(errors.New("the app ended: "+strings.Join(p.alien, "\n")), p.cmd.Wait())
	}
}

// line looks for the address first, and for secrets ever after.
func (p *process) line(line []byte, found chan<- string) {
	const (
		first = 20
		most  = 100
	)

	if p.lines++; p.lines <= first {
		if match := listening.FindSubmatch(line); match != nil {
			select {
			case found <- string(match[1]):
			default: // it was said before
			}
		}
	}

	if secrets.Match(line) {
		p.leaks++
	}

	if len(p.alien) < most && !bytes.HasPrefix(line, []byte("time=")) {
		p.alien = append(p.alien, string(line))
	}
}

// stop interrupts the app; an error says that it did not end well.
func (p *process) stop() error {
	err := p.cmd.Process.Signal(os.Interrupt)

	<-p.read

	if err = errors.Join(err, p.failed, p.cmd.Wait()); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.Join(p.alien, "\n"))
	}

	return nil
}

// Usage of the app's process at one moment. -1 stands for what cannot be known
// here: memory and sockets without Linux's /proc, the rest without /debug.
type Usage struct {
	RSS        int64 // bytes
	Heap       int64 // live bytes
	Sockets    int   // open file descriptors that are sockets
	Goroutines int
}

func unknown() Usage { return Usage{RSS: -1, Heap: -1, Sockets: -1, Goroutines: -1} }

// usage looks for the live heap only with gc, since that stops the app.
func (p *process) usage(ctx context.Context, gc bool) (Usage, kanuu.Stats, error) {
	u := unknown()

	var state app.State

	if p.debug != nil {
		var err error
		if state, err = p.state(ctx, gc); err != nil {
			return u, state.Stats, err
		}

		u.Goroutines = state.Goroutines
		if gc {
			u.Heap = int64(state.Heap) //nolint:gosec // no heap is that large
		}
	}

	proc := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	u.RSS, u.Sockets = rss(proc), sockets(proc)

	return u, state.Stats, nil
}

func (p *process) state(ctx context.Context, gc bool) (app.State, error) {
	url := p.url + "/debug"
	if gc {
		url += "?gc"
	}

	var state app.State

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return state, err
	}

	res, err := p.debug.Do(req)
	if err != nil {
		return state, err
	}
	defer res.Body.Close()

	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		return state, fmt.Errorf("GET /debug: %w", err)
	}

	return state, nil
}

func rss(proc string) int64 {
	status, err := os.ReadFile(filepath.Join(proc, "status")) //nolint:gosec // of our own child
	if err != nil {
		return -1
	}

	_, after, _ := strings.Cut(string(status), "VmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(after), " ")

	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return -1
	}

	return kib << 10
}

func sockets(proc string) int {
	names, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return -1
	}

	count := 0

	for _, name := range names {
		// One that was closed in the meantime is none.
		if to, err := os.Readlink(filepath.Join(proc, "fd", name.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			count++
		}
	}

	return count
}

// atRest waits until the app's connections are closed and what served them has
// ended: until nothing changes any more.
func (p *process) atRest(ctx context.Context) (Usage, error) {
	const (
		every  = 50 * time.Millisecond
		steady = 10
		most   = 200
	)

	ticker := time.NewTicker(every)
	defer ticker.Stop()

	last, same := unknown(), 0

	for range most {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-ticker.C:
		}

		now, _, err := p.usage(ctx, false)
		if err != nil {
			return now, err
		}

		if same++; now.Goroutines != last.Goroutines || now.Sockets != last.Sockets {
			same = 0
		}

		if last = now; same == steady {
			break
		}
	}

	now, _, err := p.usage(ctx, true)

	return now, err
}
