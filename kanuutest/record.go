package kanuutest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	maxRequests = 10_000
	maxBody     = 1 << 20
)

// Request is one call of the API as it arrived.
type Request struct {
	Time   time.Time // by the fake's clock
	Method string
	Path   string // "/api/nonce", without the base path of the mount; another one was a 404
	Header http.Header
	Body   []byte // at most the first MiB
	Status int    // of the answer; 0: none yet, or none at all
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
	list []*Request
}

// add returns the writer that notes the answer's status.
func (rec *record) add(w http.ResponseWriter, r Request) http.ResponseWriter {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.list) >= maxRequests {
		rec.list[0] = nil // the array lives on until append moves house
		rec.list = rec.list[1:]
	}
	rec.list = append(rec.list, &r)
	return &noting{ResponseWriter: w, record: rec, request: &r}
}

// noting notes a status before the caller can see it.
type noting struct {
	http.ResponseWriter
	record  *record
	request *Request
}

func (n *noting) WriteHeader(status int) {
	n.record.mu.Lock()
	n.request.Status = status
	n.record.mu.Unlock()
	n.ResponseWriter.WriteHeader(status)
}

func (rec *record) all() []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	list := make([]Request, len(rec.list))
	for i, r := range rec.list {
		list[i] = *r
		list[i].Header = r.Header.Clone()
		list[i].Body = bytes.Clone(r.Body)
	}
	return list
}

func (rec *record) reset() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.list = nil
}
