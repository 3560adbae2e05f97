package kanuuredis_test

import (
	"bytes"
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

func TestMain(m *testing.M) {
	// A refresh of rueidis' topology sleeps for up to a second and then ends.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).LazyDo.func1"))
}

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
	dir     string
	args    []string
	process *exec.Cmd
}

func startRedis(tb testing.TB, args ...string) *redisServer {
	tb.Helper()
	return startServer(tb, append([]string{
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--repl-diskless-sync-delay", "0",
	}, args...)...)
}

func startServer(tb testing.TB, args ...string) *redisServer {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		const missing = "redis-server is missing: install it (apt-get install redis-server, brew install redis)"
		if os.Getenv("CI") == "true" {
			tb.Fatal(missing)
		}
		tb.Skip(missing)
	}
	server := &redisServer{t: tb, address: freeAddress(tb), dir: tb.TempDir(), args: args}
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

func (s *redisServer) host() (host, port string) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)
	return host, port
}

func (s *redisServer) start() {
	s.t.Helper()
	host, port := s.host()
	//nolint:gosec // the arguments are the test's own
	s.process = exec.Command("redis-server", append(s.args, "--port", port, "--bind", host, "--dir", s.dir)...)
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

// newStore is the store of one instance.
func newStore(tb testing.TB, option rueidis.ClientOption, log *journal) *kanuuredis.Store {
	tb.Helper()
	options := new(kanuuredis.Options)
	if log != nil {
		options.Logger = log.logger()
	}
	store, err := kanuuredis.New(option, options)
	require.NoError(tb, err)
	tb.Cleanup(store.Close)
	return store
}

// newClient is an instance's client of a fake Kanuu.
func newClient(tb testing.TB, fake *kanuutest.Server, store kanuu.SharedCache) *kanuu.Client {
	tb.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, SharedCache: store})
	require.NoError(tb, err)
	tb.Cleanup(client.Close)
	return client
}

// command runs a command that succeeds, and returns its response as text.
func (s *redisServer) command(command ...string) string {
	s.t.Helper()
	result := s.do(command...)
	require.NoError(s.t, result.Error(), "%v", command)
	text, _ := result.ToString() // or it is none
	return text
}

func newFake(tb testing.TB) *kanuutest.Server {
	tb.Helper()
	fake := kanuutest.NewServer(nil)
	tb.Cleanup(fake.Close)
	return fake
}

// eventually is require.Eventually with the condition run where it may end the
// test.
func eventually(tb testing.TB, condition func() bool, what string) {
	tb.Helper()
	for deadline := time.Now().Add(soon); !condition(); time.Sleep(tick) {
		require.True(tb, time.Now().Before(deadline), what)
	}
}

// journal collects the log lines of an instance.
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
