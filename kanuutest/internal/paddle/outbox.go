package paddle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// Timeout is how long Paddle waits for a response.
const Timeout = 5 * time.Second

// Options of an [Outbox].
type Options struct {
	URL     string
	Signer  *Signer
	Client  *http.Client
	Backoff []time.Duration
	OnTry   func(Delivery)
}

// DefaultBackoff has seven tries within two minutes.
func DefaultBackoff() []time.Duration {
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute,
	}
}

// Outbox sends webhooks from a queue. Its goroutine runs only while something waits.
type Outbox struct {
	signer *Signer
	client *http.Client
	onTry  func(Delivery)

	ctx    context.Context //nolint:containedctx // a webhook outlives what it is about; ends with Close
	cancel context.CancelFunc
	worker sync.WaitGroup

	mu      sync.Mutex
	queue   queue
	working bool
	changed chan struct{} // closed, and replaced, after each change of the queue
}

// NewOutbox returns an outbox. The seed decides what chaos picks.
func NewOutbox(o Options, seed uint64) *Outbox {
	random := func(row uint64) *rand.Rand {
		return rand.New(rand.NewPCG(seed, row)) //nolint:gosec // decides what goes wrong in a test
	}
	b := &Outbox{
		signer: cmp.Or(o.Signer, NewSigner()), client: o.Client, onTry: o.OnTry, changed: make(chan struct{}),
		queue: queue{
			url: o.URL, backoff: slices.Clone(o.Backoff), picks: random(1), ids: random(2),
			// An application that remembers alert IDs must not take those of the
			// next fake for the same.
			lastID: time.Now().UnixMilli(),
		},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if b.client == nil {
		b.client = &http.Client{
			Timeout: Timeout,
			// A connection that is kept would outlive the fake.
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Backoff == nil {
		b.queue.backoff = DefaultBackoff()
	}
	return b
}

// change changes the queue, and starts the worker if there is something to send.
func (b *Outbox) change(f func(q *queue, now time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.queue, time.Now())
	close(b.changed)
	b.changed = make(chan struct{})
	if len(b.queue.waiting) > 0 && !b.working {
		b.working = true
		b.worker.Go(b.run)
	}
}

// read looks at the queue, and returns what is closed when it changes.
func (b *Outbox) read(f func(q *queue)) (changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.queue)
	return b.changed
}

func look[T any](b *Outbox, f func(q *queue) T) (v T) {
	b.read(func(q *queue) { v = f(q) })
	return v
}

// await waits until the queue is as ready asks, or ctx ends.
func (b *Outbox) await(ctx context.Context, ready func(q *queue) bool) error {
	for {
		var done bool
		changed := b.read(func(q *queue) { done = ready(q) })
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run sends what waits until nothing does.
func (b *Outbox) run() {
	for {
		var (
			j    *delivery
			due  time.Time
			to   string
			more bool
		)
		changed := b.read(func(q *queue) {
			j, due = q.next(time.Now())
			to, more = q.url, len(q.waiting) > 0
			b.working = more
		})
		switch {
		case !more:
			return
		case j != nil:
			b.try(j, to)
		default:
			wait := time.NewTimer(time.Until(due))
			select {
			case <-wait.C:
			case <-changed:
			}
			wait.Stop()
		}
	}
}

func (b *Outbox) try(j *delivery, to string) {
	if j.body == "" { // only here: a customer who clicks does not wait for the signature
		j.body = b.signer.Sign(encode(j.Fields))
	}
	status, err := b.post(to, j.body)
	var after Delivery
	b.change(func(q *queue, now time.Time) {
		q.tried(j, to, status, err, now)
		after = j.copy()
	})
	if b.onTry != nil {
		b.onTry(after)
	}
}

// post takes any response but a 200 for an error. Its errors leave out the URL.
func (b *Outbox) post(to, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return 0, bare(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "kanuutest, in place of Paddle")
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, bare(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<20) // the status is all that counts
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered with %d: Paddle takes only 200, and follows no redirect", resp.StatusCode)
	}
	return resp.StatusCode, err
}

func bare(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// Publish queues the alert about an event.
func (b *Outbox) Publish(e ledger.Event) {
	events := []ledger.Event{e}
	if e.Alert == ledger.Updated && b.Chaos().SplitUpdates {
		events = split(e)
	}
	for _, e := range events {
		b.send(alert(e))
	}
}

func (b *Outbox) send(w Webhook) (alertID string) {
	b.change(func(q *queue, now time.Time) { alertID = q.send(w, b.signer.fields, now) })
	return alertID
}

// Trigger queues the alert about an event with fields in place of its own.
func (b *Outbox) Trigger(e ledger.Event, fields map[string]string) (alertID string, err error) {
	w := alert(e)
	maps.Copy(w.Fields, fields)
	if err := b.signer.check(w, fields); err != nil {
		return "", fmt.Errorf("kanuutest: cannot trigger %s: %w", e.Alert, err)
	}
	return b.send(w), nil
}

// Resend queues an alert again, also one that was delivered.
func (b *Outbox) Resend(alertID string) (err error) {
	b.change(func(q *queue, now time.Time) { err = q.resend(alertID, now) })
	return err
}

// Wait returns when nothing waits to be sent, or the error of ctx.
func (b *Outbox) Wait(ctx context.Context) error {
	return b.await(ctx, func(q *queue) bool { return len(q.waiting) == 0 })
}

// Flush waits until nothing is left to be sent right now, or ctx ends.
func (b *Outbox) Flush(ctx context.Context) {
	_ = b.await(ctx, func(q *queue) bool { // ctx is the caller's patience
		j, _ := q.next(time.Now())
		return j == nil
	})
}

// Deliveries returns copies of the newest, in the order of events.
func (b *Outbox) Deliveries() (list []Delivery) {
	b.read(func(q *queue) {
		list = make([]Delivery, 0, len(q.log))
		for _, j := range q.log {
			list = append(list, j.copy())
		}
	})
	return list
}

// Restore continues with the deliveries of an earlier outbox, before others use it.
func (b *Outbox) Restore(list []Delivery) {
	b.change(func(q *queue, now time.Time) {
		for _, d := range list {
			j := &delivery{Delivery: d, due: now}
			q.keep(j)
			if d.State == Waiting {
				q.enqueue(j)
			}
		}
	})
}

// Sign makes the signed body of a webhook with these fields only.
func (b *Outbox) Sign(fields map[string]string) (body string, err error) {
	form := encode(fields)
	if _, err := paddle.Parse(form); err != nil {
		return "", fmt.Errorf("cannot sign: there would be %w", err)
	}
	return b.signer.Sign(form), nil
}

// Delivery returns a copy of the newest with that id; the zero value without one.
func (b *Outbox) Delivery(alertID string) (d Delivery) {
	b.read(func(q *queue) {
		if j := q.find(alertID); j != nil {
			d = j.copy()
		}
	})
	return d
}

// Reset removes everything but the URL. A webhook that is under way gets there.
func (b *Outbox) Reset() {
	b.change(func(q *queue, _ time.Time) { q.log, q.waiting, q.chaos, q.once = nil, nil, Chaos{}, nil })
}

// Close gives up what waits, and returns when nothing is under way.
func (b *Outbox) Close() {
	b.change(func(q *queue, _ time.Time) { q.close() })
	b.cancel()
	b.worker.Wait()
}

// SetURL changes where webhooks go, and sends the waiting ones there.
func (b *Outbox) SetURL(to string) {
	b.change(func(q *queue, now time.Time) {
		q.url = to
		q.hurry(now, func(*delivery) bool { return true })
	})
}

// URL is where webhooks go.
func (b *Outbox) URL() string { return look(b, func(q *queue) string { return q.url }) }

// PublicKey verifies the webhooks.
func (b *Outbox) PublicKey() string { return b.signer.PublicKey() }

// SetChaos lets it happen to all alerts from now on.
func (b *Outbox) SetChaos(c Chaos) { b.change(func(q *queue, _ time.Time) { q.chaos = c }) }

// ChaosOnce lets it happen to the next alert only.
func (b *Outbox) ChaosOnce(c Chaos) {
	b.change(func(q *queue, _ time.Time) { q.once = append(q.once, c) })
}

// Chaos is what [Outbox.SetChaos] set.
func (b *Outbox) Chaos() Chaos { return look(b, func(q *queue) Chaos { return q.chaos }) }
