package bench_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/kanuu-io/kanuu-go"
)

// BenchmarkGate measures a gated page whose subscription is cached: the whole handler, from the
// request to the page, which finds the subscription in its context. Peers are the page without a
// gate and a hand-written middleware with a map.
func BenchmarkGate(b *testing.B) {
	ids := newIdentifiers(1_000)
	client, hand, next := newOfflineClient(b), newMapCache(ids), 0
	who := func(*http.Request) (kanuu.Identity, error) {
		next++
		return kanuu.Identity{Identifier: ids[next%len(ids)]}, nil
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	byHand := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := who(r)
		subscription, known := hand.get(id.Identifier)
		if admit(subscription, known) != nil {
			http.Error(w, "payment required", http.StatusPaymentRequired)
			return
		}
		page(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, subscription)))
	})
	visit := func(handler http.Handler) func(int) error {
		serve := handle(handler, click("/pro"), http.StatusOK)
		return func(int) error { return serve() }
	}
	base := visit(byHand)
	for _, p := range []peer{
		{"none", visit(page), nil},
		{"hand", visit(byHand), nil},
		{"kanuu", visit(kanuu.NewGate(client, nil).Handler(kanuu.IdentifierResolverFunc(who), page)), nil},
	} {
		b.Run("peer="+p.name, func(b *testing.B) {
			for i := range ids { // fills the cache
				if err := p.do(i); err != nil {
					b.Fatal(err)
				}
			}
			took := rounds(b, base, p.do)
			median(b, "cpu-ns/op", took, cpu)
			median(b, "cpu/hand", took, perBase)
		})
	}
}
