package report

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// reason why a target is missed, out of what was measured in the same run.
func (r *Results) reason(key string) string {
	for _, parts := range r.parts {
		switch key {
		case "objects " + parts.protocol:
			return "More than the limit: " + parts.over() + "."
		case "cpu " + parts.protocol:
			return r.cpuReason(parts)
		}
	}

	for _, load := range r.loads {
		if key == fmt.Sprintf("rate %d callers", load.callers) && load.protocol == "HTTP/1.1" {
			return rateReason(load)
		}
	}

	switch key {
	case "redirect time":
		return fmt.Sprintf("To tell a click from a prefetch, an image or a script, the handler reads the headers that its `Vary` names, "+
			"and it sets three more than the one. `http.Redirect` does neither, and takes %s ns.", figure(whole(r.visits[work.HTTPRedirect].time)))
	case "gate time":
		hits := r.gateHits()
		otter, _ := find(hits.rows, func(row hitRow) bool { return row.name == work.Otter })

		return fmt.Sprintf("The cache is otter, which alone takes %s × the map. The rest looks whether the entry is still fresh, "+
			"counts the hit, and looks at the subscription.", figure(otter.ratio))
	case "memory":
		otter, _ := find(r.memory, func(row row[float64]) bool { return row.name == work.Otter })

		return fmt.Sprintf("The cache is otter, which takes %s bytes for the same. Its tables grow in steps, so that an entry takes more or less by how many there are: "+
			"see “How cost grows”.", figure(whole(otter.value)))
	case "webhook time":
		hand := r.webhook[work.HandWebhook].time - r.webhook[work.RSA].time

		return fmt.Sprintf("The bound is in microseconds, so that the speed of this machine counts, and today a hand-written handler takes %s µs. "+
			"The library takes %s × that; the bound was set where it was 27 µs, of which it is %s ×.",
			figure(hand/1e3), figure(r.over.time/hand), figure(15.0/27))
	default:
		return "No reason is known."
	}
}

func (r *Results) cpuReason(parts partTable) string {
	sentences := []string{fmt.Sprintf("The library does what the limit leaves out: it checks the identity, writes and reads JSON, asks the circuit breaker, counts, "+
		"sets a deadline, and forgets the cached subscription. Again and again without a network, that takes %s µs; after a call of the limit, "+
		"when the processor has done other things meanwhile, it adds %s to its ratio.", figure(r.visits[work.Call].time/1e3), figure(parts.ratio(work.LimitAndAlone)-1))}

	for _, part := range []struct {
		name string
		adds float64
	}{
		{"The deadline", parts.ratio(work.LimitDeadline) - 1},
		{"The cache", parts.ratio(work.Kanuu) - parts.ratio(work.WithoutCache)},
	} {
		if shown(part.adds) > 0 { // else the noise is larger
			sentences = append(sentences, fmt.Sprintf("%s alone adds %s.", part.name, figure(part.adds)))
		}
	}

	return strings.Join(sentences, " ")
}

func rateReason(load loadTable) string {
	most := float64(load.callers) / latency.Seconds()
	limit := load.row(work.Limit).rate

	if limit > 0.9*most {
		return "No reason is known."
	}

	return fmt.Sprintf("%d callers who only waited would make %s calls a second, and the limit makes %s: the processors of this machine (%d, for client and server) are full, "+
		"so that it is the CPU of a call that counts.", load.callers, figure(whole(most)), figure(whole(limit)), runtime.NumCPU())
}
