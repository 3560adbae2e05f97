package kanuutest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
)

const (
	maxRequests = 10_000
	maxBody     = 1 << 20
)

// Request is one call of the API as it arrived.
type Request struct {
	Method string
	Path   string // the API's own path, "/api/nonce", without a base path
	Header http.Header
	Body   []byte // at most the first MiB
}

// Identifier is the identifier that the body asks about; empty when there is
// none or the body is no JSON object.
func (r Request) Identifier() string {
	var body map[string]json.RawMessage
	var id string
	if json.Unmarshal(r.Body, &body) != nil || json.Unmarshal(body["identifier"], &id) != nil {
		return ""
	}
	return id
}

// Requests returns every call of the API since the start or the last
// [Kanuu.Reset], in the order of arrival: refused and faulty ones too, visits
// of the portal not. A call is in it before it is answered. It keeps the
// newest 10,000 calls, and what it returns is a copy.
func (k *Kanuu) Requests() []Request { return k.record.all() }

type record struct {
	mu   sync.Mutex
	list []Request
}

func (rec *record) add(r Request) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.list) >= maxRequests {
		rec.list[0] = Request{} // the array lives on until append moves house
		rec.list = rec.list[1:]
	}
	rec.list = append(rec.list, r)
}

func (rec *record) all() []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	list := make([]Request, len(rec.list))
	for i, r := range rec.list {
		r.Header = r.Header.Clone()
		r.Body = bytes.Clone(r.Body)
		list[i] = r
	}
	return list
}

func (rec *record) reset() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.list = nil
}
