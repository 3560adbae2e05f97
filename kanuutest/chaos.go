package kanuutest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Chaos is what may happen to webhooks on their way. The rates are shares of
// the alerts, 0 (none) to 1 (all). [Options.Seed] makes what they pick the same
// each time.
type Chaos struct {
	// Duplicate sends an alert once more after it was taken, with the same
	// alert_id.
	Duplicate float64

	// Reorder holds an alert back until the next one was sent, whoever that is
	// about, or for 5 s if there is none.
	Reorder float64

	// Lose sends an alert never.
	Lose float64

	// Delay before an alert is sent for the first time. What happens later to
	// the same customer waits, too.
	Delay time.Duration
}

// reorderLimit is how long an alert waits for one to change places with.
const reorderLimit = 5 * time.Second

func (c Chaos) check() error {
	return cmp.Or(
		checkRate("duplicate", c.Duplicate), checkRate("reorder", c.Reorder), checkRate("lose", c.Lose),
		checkDelay(c.Delay),
	)
}

func checkRate(name string, rate float64) error {
	if rate >= 0 && rate <= 1 { // not NaN
		return nil
	}
	return fmt.Errorf("%s is %g: a rate is 0 to 1", name, rate)
}

func checkDelay(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("delay is %s: it cannot be negative", d)
	}
	return nil
}

// SetChaos lets it happen to all webhooks of changes from now on. The zero
// Chaos ends it. It panics on a rate below 0 or above 1, and on a negative
// Delay.
func (k *Kanuu) SetChaos(c Chaos) {
	mustCheck("Chaos", c.check())
	k.deliveries.setChaos(c)
}

// ChaosOnce lets it happen to the next change's webhook alone, in place of what
// [Kanuu.SetChaos] said. Called n times, it is for the next n. It panics as
// SetChaos does.
func (k *Kanuu) ChaosOnce(c Chaos) {
	mustCheck("Chaos", c.check())
	k.deliveries.chaosOnce(c)
}

// Chaos is what [Kanuu.SetChaos] said last.
func (k *Kanuu) Chaos() Chaos {
	standing, _ := k.deliveries.chaosNow()
	return standing
}

func mustCheck(what string, err error) {
	if err != nil {
		panic(fmt.Sprintf("kanuutest: %s: %v", what, err))
	}
}

// fate of one alert.
type fate struct {
	twice, later, never bool
	delay               time.Duration
}

// draw takes three numbers whatever the rates are, so that one rate does not
// change what the others pick.
func (c Chaos) draw(r *rand.Rand) fate {
	twice, later, never := r.Float64(), r.Float64(), r.Float64()
	return fate{twice < c.Duplicate, later < c.Reorder, never < c.Lose, c.Delay}
}

// String names what is done to an alert.
func (f fate) String() string {
	if f.never {
		return "lost"
	}
	var names []string
	if f.later {
		names = append(names, "reordered")
	}
	if f.delay > 0 {
		names = append(names, "delayed")
	}
	return strings.Join(names, ", ")
}
