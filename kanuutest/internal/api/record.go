package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	maxRequests = 10_000
	maxRecorded = 16 << 20 // bytes of all requests together
	maxBody     = 1 << 20
)

// Request is one call of the API as it arrived.
type Request struct {
	Time   time.Time // by the fake's clock
	Method string
	Path   string // "/api/nonce", without the base path of the mount; another one was a 404
	Header http.Header
	Body   []byte // at most the first MiB
	Status int    // of the response; 0: none yet, or none at all
}

// Identifier is the one in the body; empty when there is none.
func (r Request) Identifier() string {
	var body struct {
		Identifier string `json:"identifier"`
	}
	_ = json.Unmarshal(r.Body, &body) // nothing is set then
	return body.Identifier
}

// size is about how much memory a record of the request takes.
func (r *Request) size() int {
	n := len(r.Path) + len(r.Body)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n
}

// record keeps the newest requests, of which the oldest make room.
type record struct {
	mu   sync.Mutex
	list []*Request
	size int
}

// noted is the request with its status.
func (n *noting) noted() Request {
	n.record.mu.Lock()
	defer n.record.mu.Unlock()
	return *n.request
}

// add returns the writer that notes the status of the response.
func (rec *record) add(w http.ResponseWriter, r Request) *noting {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.list = append(rec.list, &r)
	rec.size += r.size()
	for len(rec.list) > maxRequests || rec.size > maxRecorded {
		rec.size -= rec.list[0].size()
		rec.list[0] = nil // the array lives on until append moves house
		rec.list = rec.list[1:]
	}
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

// Requests returns copies of the recorded calls, in the order of arrival.
func (a *API) Requests() []Request {
	a.record.mu.Lock()
	defer a.record.mu.Unlock()
	list := make([]Request, len(a.record.list))
	for i, r := range a.record.list {
		list[i] = *r
		list[i].Header = r.Header.Clone()
		list[i].Body = bytes.Clone(r.Body)
	}
	return list
}

// Reset removes the recorded calls and the faults.
func (a *API) Reset() {
	a.Recover()
	a.record.mu.Lock()
	defer a.record.mu.Unlock()
	a.record.list, a.record.size = nil, 0
}
