package paddle

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// DeliveryState is what became of a webhook.
type DeliveryState string

// The states of a [Delivery].
const (
	Waiting   DeliveryState = "waiting"   // to be sent, or sent again
	Delivered DeliveryState = "delivered" // answered with 200
	Failed    DeliveryState = "failed"    // given up
	Lost      DeliveryState = "lost"      // by Chaos
	Unsent    DeliveryState = "unsent"    // there was no URL
)

// Delivery is one alert on its way to the application.
type Delivery struct {
	AlertID    string            `json:"alert_id"`
	AlertName  string            `json:"alert_name"`
	Identifier string            `json:"identifier"`
	Time       time.Time         `json:"time"` // event_time, by the fake's clock
	State      DeliveryState     `json:"state"`
	Tries      int               `json:"tries"`
	Status     int               `json:"status"` // of the last response; 0: there was none
	Error      string            `json:"error"`  // why the last try was not taken
	Chaos      string            `json:"chaos"`  // what [Chaos] did: "duplicate", "reordered, delayed", "lost"
	Fields     map[string]string `json:"fields"` // what is signed
}

const (
	maxDeliveries = 1_000

	// reorderLimit is how long an alert waits for one to change places with.
	reorderLimit = 5 * time.Second
)

// delivery is a Delivery with what it takes to get there.
type delivery struct {
	Delivery
	body     string    // signed; empty until the first try
	due      time.Time // the next try
	failures int       // since it was queued or queued again
	held     bool      // until the next one was sent
}

func (j *delivery) copy() Delivery {
	c := j.Delivery
	c.Fields = maps.Clone(j.Fields)
	return c
}

// queue decides which delivery is next. An [Outbox] has its lock and its clock.
type queue struct {
	url     string
	backoff []time.Duration
	lastID  int64
	log     []*delivery // the newest, in the order of events
	waiting []*delivery
	chaos   Chaos
	once    []Chaos
	picks   *rand.Rand // what chaos does
	ids     *rand.Rand
	closed  bool
}

// send adds an alert, and with it hurries what waits about the same customer.
func (q *queue) send(w Webhook, fields func(Webhook) map[string]string, now time.Time) (alertID string) {
	chaos := q.chaos
	if len(q.once) > 0 {
		chaos, q.once = q.once[0], q.once[1:]
	}
	w.AlertID = q.nextID(chaos)
	fate := chaos.draw(q.picks)
	j := &delivery{
		Delivery: Delivery{
			AlertID: w.AlertID, AlertName: w.AlertName, Identifier: w.Identifier, Time: w.Time,
			Fields: fields(w), Chaos: fate.String(),
		},
		due: now.Add(fate.delay),
	}
	if fate.later {
		j.held, j.due = true, j.due.Add(reorderLimit)
	}
	q.keep(j)
	switch {
	case q.url == "":
		j.State = Unsent
	case q.closed:
		j.giveUp()
	case fate.never:
		j.State = Lost
	default:
		q.hurry(now, func(other *delivery) bool { return other.Identifier == w.Identifier })
		q.enqueue(j)
		if fate.twice {
			again := &delivery{Delivery: j.Delivery, due: j.due}
			again.Chaos = "duplicate"
			q.keep(again)
			q.enqueue(again)
		}
	}
	return j.AlertID
}

func (q *queue) nextID(chaos Chaos) string {
	if chaos.ShuffleIDs {
		return strconv.FormatInt(q.lastID-q.ids.Int64N(1e12), 10)
	}
	q.lastID++
	return strconv.FormatInt(q.lastID, 10)
}

// keep puts a delivery into the log.
func (q *queue) keep(j *delivery) {
	if len(q.log) >= maxDeliveries {
		q.log[0] = nil // the array lives on until append moves house
		q.log = q.log[1:]
	}
	q.log = append(q.log, j)
}

func (q *queue) enqueue(j *delivery) {
	j.State = Waiting
	q.waiting = append(q.waiting, j)
}

// hurry makes due what failed before.
func (q *queue) hurry(now time.Time, which func(*delivery) bool) {
	for _, j := range q.waiting {
		if j.failures > 0 && which(j) {
			j.due = now
		}
	}
}

// next is what to send now, or nil and when there will be something.
func (q *queue) next(now time.Time) (j *delivery, due time.Time) {
	busy := make(map[string]bool) // customers with an earlier alert that waits: theirs are sent in order
	for _, j := range q.waiting {
		if busy[j.Identifier] {
			continue
		}
		if !j.due.After(now) {
			return j, now
		}
		busy[j.Identifier] = !j.held
		if due.IsZero() || j.due.Before(due) {
			due = j.due
		}
	}
	return nil, due
}

// tried notes how a try to send it to that URL ended.
func (q *queue) tried(j *delivery, to string, status int, err error, now time.Time) {
	j.Tries++
	j.Status, j.Error, j.held = status, "", false
	if err != nil {
		j.Error = err.Error()
		j.failures++
	}
	for _, held := range q.waiting[:max(slices.Index(q.waiting, j), 0)] {
		if held.held {
			held.held, held.due = false, now
		}
	}
	switch {
	case err == nil:
		j.State = Delivered
	case q.closed:
		j.giveUp()
	case to == "":
		j.State, j.Error = Unsent, ""
		j.Tries--
	case j.failures > len(q.backoff):
		j.State = Failed
	default:
		j.due = now.Add(q.backoff[j.failures-1])
		return
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *delivery) bool { return other == j })
}

// find is the newest delivery with that id, or nil.
func (q *queue) find(alertID string) *delivery {
	for _, j := range slices.Backward(q.log) {
		if j.AlertID == alertID {
			return j
		}
	}
	return nil
}

func (q *queue) resend(alertID string, now time.Time) error {
	j := q.find(alertID)
	switch {
	case j == nil:
		return fmt.Errorf("kanuutest: cannot resend: no alert has the id %q", alertID)
	case q.url == "":
		return errors.New("kanuutest: cannot resend: there is no URL to send webhooks to")
	case q.closed:
		return errors.New("kanuutest: cannot resend: the fake is closed")
	}
	j.failures, j.held, j.due = 0, false, now
	if !slices.Contains(q.waiting, j) {
		q.enqueue(j)
	}
	return nil
}

func (q *queue) close() {
	q.closed = true
	for _, j := range q.waiting {
		j.giveUp()
	}
	q.waiting = nil
}

func (j *delivery) giveUp() { j.State, j.Error = Failed, "the fake was closed" }
