package kanuutest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The way of an alert to the application: a queue that one goroutine empties.
// It runs only while something waits.

const (
	maxDeliveries = 1_000

	// webhookTimeout is how long Paddle waits for an answer.
	webhookTimeout = 5 * time.Second
)

// WebhookOptions say where a fake's webhooks go.
type WebhookOptions struct {
	// URL of the application's webhook handler. Empty: nothing is sent until
	// [Kanuu.SetWebhookURL].
	URL string

	// Signer signs them. Nil: [NewSigner].
	Signer *Signer

	// Client posts them. Nil: one that waits 5 s for an answer, as Paddle does,
	// and follows no redirect.
	Client *http.Client

	// Backoff has the wait before each further try, and so the number of tries,
	// which is one more. Nil: [DefaultBackoff]. Empty: one try.
	Backoff []time.Duration
}

// DefaultBackoff is when a webhook that was not answered with 200 is sent again:
// seven tries within two minutes. Paddle has the patience of 72 hours.
func DefaultBackoff() []time.Duration {
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute,
	}
}

// DeliveryState is what became of a webhook.
type DeliveryState string

// The states of a [Delivery].
const (
	DeliveryWaiting   DeliveryState = "waiting"   // to be sent, or sent again
	DeliveryDelivered DeliveryState = "delivered" // answered with 200
	DeliveryFailed    DeliveryState = "failed"    // given up
	DeliveryLost      DeliveryState = "lost"      // by Chaos
	DeliveryUnsent    DeliveryState = "unsent"    // there was no URL
)

// Delivery is one alert on its way to the application.
type Delivery struct {
	AlertID    string            `json:"alert_id"`
	AlertName  string            `json:"alert_name"`
	Identifier string            `json:"identifier"`
	Time       time.Time         `json:"time"` // event_time, by the fake's clock
	State      DeliveryState     `json:"state"`
	Tries      int               `json:"tries"`
	Status     int               `json:"status"` // of the last answer; 0: there was none
	Error      string            `json:"error"`  // why the last try was not taken
	Chaos      string            `json:"chaos"`  // what [Chaos] did: "duplicate", "reordered, delayed", "lost"
	Fields     map[string]string `json:"fields"` // what is signed
}

// Deliveries returns what was sent, or is to be, since the start or the last
// [Kanuu.Reset], in the order of events. It keeps the newest 1,000, and what it
// returns is a copy.
func (k *Kanuu) Deliveries() []Delivery { return k.deliveries.all() }

// SetWebhookURL changes where webhooks go, and tries those that wait at once.
// Empty: they are not sent. A URL that cannot be posted to shows as the Error of
// the deliveries.
func (k *Kanuu) SetWebhookURL(to string) { k.deliveries.setURL(to) }

// WebhookURL is where webhooks go; empty when they are not sent.
func (k *Kanuu) WebhookURL() string { return k.deliveries.target() }

// PublicKey is what verifies the webhooks: PEM, as Paddle's dashboard shows it.
func (k *Kanuu) PublicKey() string { return k.deliveries.signer.PublicKey() }

// Resend sends an alert again, whatever became of it, with as many tries as a
// new one. It returns an error when no alert among [Kanuu.Deliveries] has the
// alertID.
func (k *Kanuu) Resend(alertID string) error {
	_, _, err := k.deliveries.resend(alertID)
	return err
}

// Settle waits until no webhook waits to be sent or sent again. It returns the
// error of ctx if that ends first.
func (k *Kanuu) Settle(ctx context.Context) error { return k.deliveries.settle(ctx) }

// Close stops sending webhooks, and returns when none is under way. Those that
// wait are given up. Everything else goes on. [Server.Close] does it, too;
// a fake without a server needs it only to be rid of webhooks that the
// application does not take, since nothing runs while none waits.
func (k *Kanuu) Close() { k.deliveries.close() }

// delivery is a Delivery with what it takes to get there.
type delivery struct {
	Delivery
	body     string    // signed; empty until the first try
	due      time.Time // the next try
	failures int       // since it was queued or queued again
	held     bool      // until the next one was sent
}

type deliveries struct {
	signer  *Signer
	client  *http.Client
	backoff []time.Duration
	wake    chan struct{} // has room for one: look at the queue again

	ctx    context.Context //nolint:containedctx // a webhook outlives what it is about; ends with close
	cancel context.CancelFunc

	mu      sync.Mutex
	url     string
	lastID  int64
	log     []*delivery // the newest, in the order of events
	queue   []*delivery // those that wait
	chaos   Chaos
	once    []Chaos
	random  *rand.Rand
	working bool
	closed  bool
	settled chan struct{} // closed when nothing waits any more
	tried   chan struct{} // closed when something was tried
	worker  sync.WaitGroup
}

func newDeliveries(opts *WebhookOptions, random *rand.Rand) *deliveries {
	var o WebhookOptions
	if opts != nil {
		o = *opts
	}
	d := &deliveries{
		signer: o.Signer, client: o.Client, backoff: slices.Clone(o.Backoff), url: o.URL, random: random,
		wake: make(chan struct{}, 1), tried: make(chan struct{}),
		// An application that remembers alert IDs must not take those of the
		// next fake for the same.
		lastID: time.Now().UnixMilli(),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if d.signer == nil {
		d.signer = NewSigner()
	}
	if d.client == nil {
		d.client = &http.Client{
			Timeout: webhookTimeout,
			// A connection that is kept would outlive the fake.
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Backoff == nil {
		d.backoff = DefaultBackoff()
	}
	return d
}

// send queues an alert, and with it tries what waits about the same customer.
func (d *deliveries) send(w Webhook) *delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastID++
	w.AlertID = strconv.FormatInt(d.lastID, 10)
	j := &delivery{
		Delivery: Delivery{
			AlertID: w.AlertID, AlertName: w.AlertName, Identifier: w.Identifier, Time: w.Time,
			Fields: d.signer.fields(w),
		},
		due: time.Now(),
	}

	chaos := d.chaos
	if len(d.once) > 0 {
		chaos, d.once = d.once[0], d.once[1:]
	}
	fate := chaos.draw(d.random)
	j.Chaos = fate.String()
	j.due = j.due.Add(fate.delay)
	if fate.later {
		j.held, j.due = true, j.due.Add(reorderLimit)
	}

	d.keep(j)
	switch {
	case d.url == "":
		j.State = DeliveryUnsent
	case d.closed:
		j.giveUp()
	case fate.never:
		j.State = DeliveryLost
	default:
		d.hurry(func(waiting *delivery) bool { return waiting.Identifier == w.Identifier })
		d.enqueue(j)
		if fate.twice {
			again := &delivery{Delivery: j.Delivery, due: j.due}
			again.Chaos = "duplicate"
			d.keep(again)
			d.enqueue(again)
		}
	}
	return j
}

// keep puts a delivery into the log.
func (d *deliveries) keep(j *delivery) {
	if len(d.log) >= maxDeliveries {
		d.log[0] = nil // the array lives on until append moves house
		d.log = d.log[1:]
	}
	d.log = append(d.log, j)
}

func (d *deliveries) enqueue(j *delivery) {
	j.State = DeliveryWaiting
	d.queue = append(d.queue, j)
	if d.settled == nil {
		d.settled = make(chan struct{})
	}
	d.work()
}

// hurry tries again at once what failed before.
func (d *deliveries) hurry(which func(*delivery) bool) {
	for _, j := range d.queue {
		if j.failures > 0 && which(j) {
			j.due = time.Now()
		}
	}
	d.work()
}

// work sees to it that somebody looks at the queue.
func (d *deliveries) work() {
	if d.closed || len(d.queue) == 0 {
		return
	}
	if d.working {
		select {
		case d.wake <- struct{}{}:
		default:
		}
		return
	}
	d.working = true
	d.worker.Go(func() { d.run(d.ctx) })
}

func (d *deliveries) run(ctx context.Context) {
	for {
		j, due, more := d.next()
		switch {
		case !more:
			return
		case j != nil:
			d.try(ctx, j)
		default:
			wait := time.NewTimer(time.Until(due))
			select {
			case <-wait.C:
			case <-d.wake:
			case <-ctx.Done():
			}
			wait.Stop()
		}
	}
}

// next is what to send now, or when there will be something.
func (d *deliveries) next() (j *delivery, due time.Time, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	busy := make(map[string]bool) // customers with an earlier alert that waits
	for _, j := range d.queue {
		if busy[j.Identifier] {
			continue
		}
		if !j.due.After(now) {
			j.held = false
			return j, now, true
		}
		busy[j.Identifier] = !j.held
		if due.IsZero() || j.due.Before(due) {
			due = j.due
		}
	}
	if len(d.queue) == 0 {
		d.rest()
		return nil, due, false
	}
	return nil, due, true
}

// rest ends the work, since the queue is empty.
func (d *deliveries) rest() {
	d.working = false
	if d.settled != nil {
		close(d.settled)
		d.settled = nil
	}
}

// try sends it once.
func (d *deliveries) try(ctx context.Context, j *delivery) {
	to := d.target()
	if j.body == "" { // only here: whoever clicks does not wait for the signature
		j.body = d.signer.body(j.Fields)
	}
	status, err := d.post(ctx, to, j.body)

	d.mu.Lock()
	defer d.mu.Unlock()
	j.Tries++
	j.Status, j.Error = status, ""
	if err != nil {
		j.Error = err.Error()
		j.failures++
	}
	d.release(j)
	close(d.tried)
	d.tried = make(chan struct{})
	switch {
	case err == nil:
		j.State = DeliveryDelivered
	case d.closed:
		j.giveUp()
	case to == "":
		j.State = DeliveryUnsent
		j.Tries--
		j.Error = ""
	case j.failures > len(d.backoff):
		j.State = DeliveryFailed
	default:
		j.due = time.Now().Add(d.backoff[j.failures-1])
		return
	}
	d.queue = slices.DeleteFunc(d.queue, func(other *delivery) bool { return other == j })
}

// release lets go of those that were held back until a later one was sent.
func (d *deliveries) release(sent *delivery) {
	for _, j := range d.queue[:max(slices.Index(d.queue, sent), 0)] {
		if j.held {
			j.held, j.due = false, time.Now()
		}
	}
}

var errRedirect = errors.New("answered with a redirect, which Paddle does not follow")

// post takes any other answer than 200 for an error, as Paddle does.
func (d *deliveries) post(ctx context.Context, to, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return 0, bare(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "kanuutest, in place of Paddle")
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, bare(err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody) // the status says it all
	switch {
	case resp.StatusCode == http.StatusOK:
		return resp.StatusCode, nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return resp.StatusCode, errRedirect
	default:
		return resp.StatusCode, fmt.Errorf("answered with %d: Paddle takes 200 alone", resp.StatusCode)
	}
}

// bare is the error without the URL, which stands beside it.
func bare(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

func (d *deliveries) resend(alertID string) (j *delivery, before int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range slices.Backward(d.log) {
		if j.AlertID != alertID {
			continue
		}
		switch {
		case d.url == "":
			return nil, 0, errors.New("kanuutest: cannot resend: there is no URL to send webhooks to")
		case d.closed:
			return nil, 0, errors.New("kanuutest: cannot resend: the fake is closed")
		}
		j.failures, j.held, j.due = 0, false, time.Now()
		if slices.Contains(d.queue, j) {
			d.work()
		} else {
			d.enqueue(j)
		}
		return j, j.Tries, nil
	}
	return nil, 0, fmt.Errorf("kanuutest: cannot resend: no alert has the id %q", alertID)
}

func (d *deliveries) settle(ctx context.Context) error {
	for {
		d.mu.Lock()
		settled := d.settled
		d.mu.Unlock()
		if settled == nil {
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// after waits until a delivery was tried more often than before, or does not
// wait to be tried, or ctx ends, and returns how it stands then.
func (d *deliveries) after(ctx context.Context, j *delivery, before int) Delivery {
	for {
		d.mu.Lock()
		now, tried := j.copy(), d.tried
		d.mu.Unlock()
		if now.State != DeliveryWaiting || now.Tries > before {
			return now
		}
		select {
		case <-tried:
		case <-ctx.Done():
			return now
		}
	}
}

// sent waits until nothing is left to be sent right now, or ctx ends.
func (d *deliveries) sent(ctx context.Context) {
	for {
		d.mu.Lock()
		now, tried := time.Now(), d.tried
		busy := slices.ContainsFunc(d.queue, func(j *delivery) bool { return !j.due.After(now) })
		d.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-tried:
		case <-ctx.Done():
			return
		}
	}
}

func (j *delivery) copy() Delivery {
	c := j.Delivery
	c.Fields = maps.Clone(j.Fields)
	return c
}

func (d *deliveries) all() []Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Delivery, len(d.log))
	for i, j := range d.log {
		list[i] = j.copy()
	}
	return list
}

// reset forgets everything but where webhooks go. One that is under way gets
// there.
func (d *deliveries) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log, d.chaos, d.once = nil, Chaos{}, nil
	d.drop()
}

func (d *deliveries) close() {
	d.mu.Lock()
	d.closed = true
	for _, j := range d.queue {
		j.giveUp()
	}
	d.drop()
	d.cancel()
	d.mu.Unlock()
	d.worker.Wait()
}

// drop empties the queue; whoever works finds it so.
func (d *deliveries) drop() {
	d.queue = nil
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (j *delivery) giveUp() {
	j.State, j.Error = DeliveryFailed, "the fake was closed"
}

func (d *deliveries) setURL(to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.url = to
	d.hurry(func(*delivery) bool { return true })
}

func (d *deliveries) target() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.url
}

func (d *deliveries) setChaos(c Chaos) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chaos = c
}

func (d *deliveries) chaosOnce(c Chaos) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.once = append(d.once, c)
}

func (d *deliveries) chaosNow() (standing Chaos, once int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.chaos, len(d.once)
}
