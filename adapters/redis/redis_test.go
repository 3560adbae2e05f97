package kanuuredis_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is a time that no test lives to see the end of; within one of soon,
// what is to happen has happened.
const (
	long = time.Hour
	soon = 15 * time.Second
	tick = time.Millisecond
)

// redisServer is a real Redis on a free loopback port.
type redisServer struct {
	t       testing.TB
	address string
	args    []string
	process *exec.Cmd
}

func startRedis(tb testing.TB, args ...string) *redisServer {
	tb.Helper()

	if _, err := exec.LookPath("redis-server"); err != nil {
		const missing = "redis-server is missing: install it (apt-get install redis-server, brew install redis)"
		if os.Getenv("CI") == "true" {
			tb.Fatal(missing)
		}

		tb.Skip(missing)
	}

	server := &redisServer{t: tb, address: freeAddress(tb), args: args}
	server.start()
	tb.Cleanup(server.kill)

	return server
}

var addresses sync.Map // that a server of this run has, or will have again

// freeAddress is on none of the ports that the system gives to others: while a
// server is down, nobody else is to have its port, not even the one who dials it.
// The same goes for the port 10,000 above it, which a cluster takes too.
func freeAddress(tb testing.TB) string {
	tb.Helper()

	for range 1000 {
		//nolint:gosec // no secret
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(10_000)))
		if _, used := addresses.LoadOrStore(address, true); used {
			continue
		}

		if free, err := net.Listen("tcp", address); err == nil {
			require.NoError(tb, free.Close())

			return address
		}
	}

	require.FailNow(tb, "no free port")

	return ""
}

func (s *redisServer) start() {
	s.t.Helper()

	_, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)

	//nolint:gosec // the arguments are the test's own
	s.process = exec.Command("redis-server", append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", s.t.TempDir(), "--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.args...)...)
	require.NoError(s.t, s.process.Start())

	eventually(s.t, func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()

		_, err = conn.Write([]byte("PING\r\n"))
		if err == nil {
			_, err = conn.Read(make([]byte, 1)) // whatever it says
		}

		return err == nil
	}, "redis-server started")
}

// kill is kill -9.
func (s *redisServer) kill() {
	_ = s.process.Process.Kill() // may be gone
	_ = s.process.Wait()
}

// signal sends STOP or CONT, which package syscall does not have on Windows.
func (s *redisServer) signal(name string) {
	s.t.Helper()
	//nolint:gosec // the arguments are the test's own
	require.NoError(s.t, exec.Command("kill", "-"+name, strconv.Itoa(s.process.Process.Pid)).Run())
}

func (s *redisServer) option() rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: []string{s.address}}
}

// do runs a command past the caches.
func (s *redisServer) do(command ...string) rueidis.RedisResult {
	s.t.Helper()

	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.address}, ForceSingleClient: true, DisableCache: true,
	})
	require.NoError(s.t, err)

	defer client.Close()

	return client.Do(s.t.Context(), client.B().Arbitrary(command...).Build())
}

// options without surprises on a machine that is busy with other tests.
func patient(numbers kanuu.CacheOptions) *kanuuredis.Options {
	return &kanuuredis.Options{Cache: numbers, Timeout: soon}
}

func newCache(tb testing.TB, option rueidis.ClientOption, options *kanuuredis.Options) *kanuuredis.Cache {
	tb.Helper()

	if option.Dialer.Timeout == 0 {
		option.Dialer.Timeout = soon
	}

	if option.ConnWriteTimeout == 0 {
		option.ConnWriteTimeout = soon
	}

	cache, err := kanuuredis.New(option, options)
	require.NoError(tb, err)
	tb.Cleanup(cache.Close)

	return cache
}

// twoMachines share a Redis, and nothing else.
func twoMachines(tb testing.TB, numbers kanuu.CacheOptions) (server *redisServer, a, b *kanuuredis.Cache) {
	tb.Helper()

	server = startRedis(tb)

	return server, newCache(tb, server.option(), patient(numbers)), newCache(tb, server.option(), patient(numbers))
}

// newClient is a machine's client of the fake Kanuu.
func newClient(tb testing.TB, box *kanuutest.Server, cache kanuu.Cache) *kanuu.Client {
	tb.Helper()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL, Cache: cache})
	require.NoError(tb, err)
	tb.Cleanup(client.CloseIdleConnections)

	return client
}

func newBox(tb testing.TB) *kanuutest.Server {
	tb.Helper()

	box := kanuutest.NewServer(nil)
	tb.Cleanup(box.Close)

	return box
}

// plan is the subscription that the tests tell apart by its plan.
func plan(id int64) kanuu.Subscription {
	return kanuu.Subscription{
		IsSubscribed: true, Status: kanuu.StatusActive, StatusText: "active", PlanID: id, SubscriptionID: 7,
	}
}

// says is a load that Kanuu answers at once.
func says(subscription kanuu.Subscription) kanuu.LoadFunc {
	return func(context.Context, string) (kanuu.Subscription, error) { return subscription, nil }
}

var errMustNotLoad = errors.New("loaded, although it is known")

func mustNotLoad(context.Context, string) (kanuu.Subscription, error) {
	return kanuu.Subscription{}, errMustNotLoad
}

// down is a load while Kanuu is.
func down(context.Context, string) (kanuu.Subscription, error) {
	return kanuu.Subscription{}, kanuu.ErrUnavailable
}

// held is a load that goes on until it is told what to say.
type held struct {
	started chan context.Context // of each load
	say     chan kanuu.Subscription
	fail    chan error
}

func newHeld() *held {
	return &held{started: make(chan context.Context, 100), say: make(chan kanuu.Subscription), fail: make(chan error)}
}

func (h *held) load(ctx context.Context, _ string) (kanuu.Subscription, error) {
	h.started <- ctx

	select {
	case subscription := <-h.say:
		return subscription, nil
	case err := <-h.fail:
		return kanuu.Subscription{}, err
	}
}

type got struct {
	subscription kanuu.Subscription
	err          error
}

// get is a Get in the background.
func get(ctx context.Context, cache kanuu.Cache, identifier string, load kanuu.LoadFunc) <-chan got {
	answers := make(chan got, 1)

	go func() {
		subscription, err := cache.Get(ctx, identifier, load)
		answers <- got{subscription, err}
	}()

	return answers
}

// receive fails the test where a channel stays silent.
func receive[T any](tb testing.TB, from <-chan T, what string) T {
	tb.Helper()

	select {
	case value := <-from:
		return value
	case <-time.After(soon):
		require.FailNow(tb, "waited in vain", what)

		panic("unreachable")
	}
}

// requireKnown is a Get that must not load.
func requireKnown(tb testing.TB, cache kanuu.Cache, identifier string, want kanuu.Subscription) {
	tb.Helper()

	subscription, err := cache.Get(tb.Context(), identifier, mustNotLoad)
	require.NoError(tb, err)
	require.Equal(tb, want, subscription)
}

// requireLoad is a Get that has the cache know what Kanuu says.
func requireLoad(tb testing.TB, cache kanuu.Cache, identifier string, subscription kanuu.Subscription) {
	tb.Helper()

	answer, err := cache.Get(tb.Context(), identifier, says(subscription))
	require.NoError(tb, err)
	require.Equal(tb, subscription, answer)
}

// eventually is require.Eventually with the condition run where it may end the
// test.
func eventually(tb testing.TB, condition func() bool, what string) {
	tb.Helper()

	for deadline := time.Now().Add(soon); !condition(); time.Sleep(tick) {
		require.True(tb, time.Now().Before(deadline), what)
	}
}

// network is what a machine reaches Redis through, and can be cut.
type network struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = errors.New("network is cut")

func (n *network) through(option rueidis.ClientOption) rueidis.ClientOption {
	option.DialCtxFn = func(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
		n.mu.Lock()
		defer n.mu.Unlock()

		if n.cut {
			return nil, errCut
		}

		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			n.conns = append(n.conns, conn)
		}

		return conn, err
	}

	return option
}

func (n *network) set(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.cut = cut

	if cut {
		for _, conn := range n.conns {
			_ = conn.Close() // may be closed
		}

		n.conns = nil
	}
}

// journal collects the log lines of a machine.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()

	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()

	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) count(part string) int { return strings.Count(j.String(), part) }

const (
	isGone = `level=WARN msg="kanuuredis: Redis is gone`
	isBack = `level=INFO msg="kanuuredis: Redis is back`
)
