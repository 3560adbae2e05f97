package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// run is a plan that is carried out.
type run struct {
	plan   Plan
	own    bool // each clicker is a user of its own
	server *server
	app    *process
	client *http.Client
	swarm  []*clicker

	// phase is an index of plan.Phases, or one of the two after them.
	phase               atomic.Int32
	recovering, warming int
	pending             []atomic.Int64 // clicks that began in a phase

	awaited atomic.Pointer[time.Time] // a success with a nonce from then on …
	success chan time.Time            // … is told here
}

// Run carries a plan out. An error says that it could not be; what the app did
// wrong is in the report. It ends early when ctx does.
func Run(ctx context.Context, plan Plan) (Report, error) {
	r := &run{
		plan:       plan,
		own:        len(plan.Users) >= plan.Clickers,
		recovering: len(plan.Phases),
		warming:    len(plan.Phases) + 1,
		success:    make(chan time.Time, 1),
		pending:    make([]atomic.Int64, len(plan.Phases)+2),
	}
	r.phase.Store(int32(r.warming)) //nolint:gosec // there are not that many

	var err error
	if r.server, err = newServer(plan.Users, r.warming+1, &r.phase); err != nil {
		return Report{}, err
	}
	defer r.server.stop()

	if r.app, err = startApp(ctx, plan, r.server.url()); err != nil {
		return Report{}, err
	}

	report, err := r.measure(ctx)
	report.Exit = r.app.stop()
	report.Leaks, report.LogLines = r.app.leaks, r.app.lines

	return report, err
}

func (r *run) measure(ctx context.Context) (Report, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: r.plan.Clickers}
	r.client = &http.Client{
		Transport:     transport,
		Timeout:       20 * time.Second, // twice what the library takes at most
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}

	for i := range r.plan.Clickers {
		c := &clicker{user: r.plan.Users[i%len(r.plan.Users)]}
		if err := c.login(ctx, r.client, r.app.url); err != nil {
			return Report{}, err
		}

		r.swarm = append(r.swarm, c)
	}

	report := Report{Clickers: r.plan.Clickers, Users: min(r.plan.Clickers, len(r.plan.Users))}

	slow := Slow
	r.server.fault.Store(&slow)

	err := r.clickWhile(ctx, func(ctx context.Context) error { return wait(ctx, r.plan.WarmUp) })
	if err != nil {
		return report, err
	}

	if report.Before, err = r.rest(ctx, transport); err != nil {
		return report, err
	}

	// What was clicked so far is judged, too, but has no row of its own.
	watch := r.watch(ctx)

	err = r.clickWhile(ctx, func(ctx context.Context) error { return r.phases(ctx, &report) })

	usages, watchErr := watch()
	if err = errors.Join(err, watchErr); err != nil {
		return report, err
	}

	if report.After, err = r.rest(ctx, transport); err != nil {
		return report, err
	}

	_, report.Stats, err = r.app.usage(ctx, false)
	r.count(&report, usages)

	return report, err
}

// rest closes every connection of the app, and measures what is left of it.
func (r *run) rest(ctx context.Context, transport *http.Transport) (Usage, error) {
	r.server.fault.Store(nil)
	transport.CloseIdleConnections()

	if err := r.server.cut(); err != nil {
		return unknown(), err
	}

	return r.app.atRest(ctx)
}

// clickWhile lets the swarm click until do returns, and waits until the last
// click is answered.
func (r *run) clickWhile(ctx context.Context, do func(context.Context) error) error {
	var clickers sync.WaitGroup

	done := make(chan struct{})

	for _, c := range r.swarm {
		clickers.Go(func() {
			timer := time.NewTimer(between(0, maxThink)) // not all at once
			defer timer.Stop()

			for {
				select {
				case <-ctx.Done():
					return
				case <-done:
					return
				case <-timer.C:
				}

				r.click(ctx, c)
				timer.Reset(between(minThink, maxThink))
			}
		})
	}

	err := do(ctx)

	close(done)
	clickers.Wait()

	return err
}

func (r *run) click(ctx context.Context, c *clicker) {
	calls := r.server.callsOf[c.user.Identifier]
	before := calls.Load()
	start := time.Now()
	done := click{phase: int(r.phase.Load())}

	r.pending[done.phase].Add(1)
	defer r.pending[done.phase].Add(-1)

	answer, err := c.billing(ctx, r.client, r.app.url)
	if ctx.Err() != nil {
		return
	}

	done.took = time.Since(start)
	done.calls = calls.Load() - before

	var minted time.Time

	if err == nil {
		done.status = answer.Status
		minted, err = Judge(&r.server.ledger, c.user.Identifier, answer)
	}

	if err != nil {
		done.wrong = err.Error()
	}

	if at := r.awaited.Load(); !minted.IsZero() && at != nil && minted.After(*at) && r.awaited.CompareAndSwap(at, nil) {
		r.success <- time.Now()
	}

	c.clicks = append(c.clicks, done)
}

// phases goes through the phases, and waits after each for the app to recover.
func (r *run) phases(ctx context.Context, report *Report) error {
	report.Phases = make([]PhaseReport, r.warming)

	for i, phase := range r.plan.Phases {
		report.Phases[i].Name = phase.Name
		report.Phases[i].Healthy = phase.healthy()

		start := time.Now()

		// In this order, so that no click of the phase was answered before it.
		r.server.behave(phase)
		r.phase.Store(int32(i))

		if err := wait(ctx, phase.For); err != nil {
			return err
		}

		report.Phases[i].For = time.Since(start)
		r.phase.Store(int32(r.recovering)) //nolint:gosec // there are not that many

		start = time.Now()

		if err := r.recover(ctx, phase, &report.Phases[i]); err != nil {
			return fmt.Errorf("after the phase %q: %w", phase.Name, err)
		}

		if err := r.settled(ctx, i); err != nil {
			return fmt.Errorf("after the phase %q: %w", phase.Name, err)
		}

		report.Phases[r.recovering].For += time.Since(start)
	}

	report.Phases[r.recovering].Name = "recovering"

	return nil
}

// recover makes Kanuu healthy, and waits until the app has noticed.
func (r *run) recover(ctx context.Context, phase Phase, report *PhaseReport) error {
	if phase.healthy() {
		return nil
	}

	back, err := r.server.recover(phase)
	if err != nil {
		return err
	}

	r.awaited.Store(&back)

	select {
	case at := <-r.success:
		report.Recovered = at.Sub(back)
	case <-time.After(patience):
		return fmt.Errorf("no click succeeded in %v", patience)
	case <-ctx.Done():
		return ctx.Err()
	}

	return wait(ctx, afterglow)
}

// settled waits until every click that began in a phase is answered.
func (r *run) settled(ctx context.Context, phase int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	for r.pending[phase].Load() > 0 {
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}

	return nil
}

// watch looks at the app five times a second; the function that it returns ends
// that, and returns what was seen, by phase.
func (r *run) watch(ctx context.Context) func() ([]Usage, error) {
	peaks := slices.Repeat([]Usage{unknown()}, r.warming+1)
	done, ended := make(chan struct{}), make(chan error, 1)

	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()

		for {
			select {
			case <-done:
				ended <- nil

				return
			case <-ticker.C:
			}

			now, _, err := r.app.usage(ctx, false)
			if err != nil {
				ended <- err

				return
			}

			peak := &peaks[r.phase.Load()]
			peak.RSS = max(peak.RSS, now.RSS)
			peak.Sockets = max(peak.Sockets, now.Sockets)
			peak.Goroutines = max(peak.Goroutines, now.Goroutines)
		}
	}()

	return func() ([]Usage, error) {
		close(done)

		return peaks, <-ended
	}
}

// count adds the clicks up.
func (r *run) count(report *Report, usages []Usage) {
	took := make([][]time.Duration, len(report.Phases))

	for _, c := range r.swarm {
		for _, click := range c.clicks {
			report.Clicks++

			if click.wrong != "" {
				report.Wrong++
				if len(report.Samples) < 5 {
					report.Samples = append(report.Samples, click.wrong)
				}
			}

			if r.own {
				report.MostCalls = max(report.MostCalls, click.calls)
			}

			if click.phase == r.warming {
				continue
			}

			phase := &report.Phases[click.phase]
			phase.add(click)
			took[click.phase] = append(took[click.phase], click.took)

			if r.own {
				phase.MostCalls = max(phase.MostCalls, click.calls)
			}
		}
	}

	for i := range report.Phases {
		phase := &report.Phases[i]
		phase.P50, phase.P99 = percentile(took[i], 50), percentile(took[i], 99)
		phase.Calls = r.server.calls[i].Load()
		phase.Dialed = r.server.dialed[i].Load()
		phase.Peak = usages[i]
	}

	report.MostOpen = r.server.most.Load()
	report.Minted, report.Lost = r.server.ledger.Counts()
}

func percentile(of []time.Duration, p int) time.Duration {
	if len(of) == 0 {
		return 0
	}

	slices.Sort(of)

	return of[(len(of)-1)*p/100]
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
