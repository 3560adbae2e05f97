package kanuusql_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Environment of a child process, which is the test binary again.
const (
	childDSN     = "KANUUSQL_TEST_DSN"
	childDriver  = "KANUUSQL_TEST_DRIVER"
	childDialect = "KANUUSQL_TEST_DIALECT"
	childKey     = "KANUUSQL_TEST_KEY"
)

// recordEffect is a handler's work: a row for each alert, without a unique key.
func recordEffect(dialect kanuusql.Dialect) func(context.Context, *sql.Tx, kanuu.Event, kanuusql.Change) error {
	insert := "INSERT INTO effects (alert_id) VALUES (?)"
	if dialect == kanuusql.Postgres {
		insert = "INSERT INTO effects (alert_id) VALUES ($1)"
	}
	return func(ctx context.Context, tx *sql.Tx, e kanuu.Event, _ kanuusql.Change) error {
		_, err := tx.ExecContext(ctx, insert, e.AlertID)
		return err
	}
}

func createEffects(tb testing.TB, db *sql.DB) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), "CREATE TABLE effects (alert_id varchar(64))")
	require.NoError(tb, err)
}

// effects counts them by alert.
func effects(tb testing.TB, db *sql.DB) map[string]int {
	tb.Helper()
	rows, err := db.QueryContext(tb.Context(), "SELECT alert_id, count(*) FROM effects GROUP BY alert_id")
	require.NoError(tb, err)
	defer func() { _ = rows.Close() }()
	counts := make(map[string]int)
	for rows.Next() {
		var id string
		var n int
		require.NoError(tb, rows.Scan(&id, &n))
		counts[id] = n
	}
	require.NoError(tb, rows.Err())
	return counts
}

// serveChild is an application that handles webhooks until its standard input ends.
func serveChild() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	db, err := sql.Open(os.Getenv(childDriver), os.Getenv(childDSN))
	check(err)
	dialect := kanuusql.Dialect(os.Getenv(childDialect))
	store, err := kanuusql.New(db, dialect, nil)
	check(err)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey})
	check(err)
	hook, err := kanuu.NewWebhookHandler(client, os.Getenv(childKey), &kanuu.WebhookOptions{MaxAge: -1})
	check(err)
	hook.On("*", store.Handler(recordEffect(dialect)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr()) //nolint:forbidigo // for the parent
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	check(http.Serve(listener, hook)) //nolint:gosec // a test's server
}

// child is a process of the application.
type child struct {
	url     string
	process *exec.Cmd
}

func startChild(tb testing.TB, d *database) *child {
	tb.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:gosec // the test binary
	cmd.Env = append(os.Environ(), childDSN+"="+d.dsn, childDriver+"="+d.driver, childDialect+"="+string(d.dialect),
		childKey+"="+signer.PublicKey())
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe() // ends with this process
	require.NoError(tb, err)
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	c := &child{process: cmd}
	tb.Cleanup(c.kill)
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(tb, err)
	c.url = "http://" + strings.TrimSpace(address) + "/webhooks/paddle"
	return c
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}

// A process is killed in the middle of 200 webhooks, and Paddle delivers again what was
// not answered with 200, and some that were.
func TestKilledProcessHandlesEachAlertOnce(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		const alerts, killAfter = 200, 80
		db := d.open(t)
		d.store(t, db)
		createEffects(t, db)
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
		defer client.CloseIdleConnections()
		deliver := func(to *child, id int) bool {
			answer, err := client.Do(signer.Request(to.url, kanuutest.Webhook{
				AlertID: strconv.Itoa(id), Identifier: "42", Time: at("1 10:00:00").Add(time.Duration(id) * time.Minute),
				AlertName: []string{kanuu.AlertSubscriptionUpdated, kanuu.AlertSubscriptionPaymentSucceeded}[id%2],
				Fields:    map[string]string{"subscription_id": strconv.Itoa(70 + id%5)},
			}))
			if err != nil {
				return false
			}
			defer func() { _ = answer.Body.Close() }()
			return answer.StatusCode == http.StatusOK
		}
		var handled, unanswered atomic.Int64
		deliverAll := func(to *child, killed bool) {
			var wg sync.WaitGroup
			ids := make(chan int)
			for range 8 {
				wg.Go(func() {
					for id := range ids {
						answered := deliver(to, id)
						for tries := 1; !answered && !killed && tries < 20; tries++ { // as Paddle does
							answered = deliver(to, id)
						}
						if !answered {
							unanswered.Add(1)
						} else if handled.Add(1) == killAfter && killed {
							to.kill()
						}
					}
				})
			}
			for id := range alerts {
				ids <- id + 1
			}
			close(ids)
			wg.Wait()
		}
		deliverAll(startChild(t, d), true)
		assert.Positive(t, unanswered.Load())
		before := effects(t, db)
		assert.GreaterOrEqual(t, len(before), killAfter)
		assert.Less(t, len(before), alerts)
		t.Logf("%s: %d answered, %d handled when the process was killed", d.dialect, handled.Load(), len(before))

		unanswered.Store(0)
		deliverAll(startChild(t, d), false)
		assert.Zero(t, unanswered.Load())
		after := effects(t, db)
		assert.Len(t, after, alerts)
		for id, n := range after {
			assert.Equal(t, 1, n, "effects of alert %s", id)
		}
	})
}
