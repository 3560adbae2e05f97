package kanuutest

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// maxLinks bounds the links and the sessions that are remembered; beyond it
// the oldest are forgotten.
const maxLinks = 10_000

// links are the one-time links and the sessions that they opened.
type links struct {
	mu       sync.Mutex
	nonces   bounded[link]
	sessions bounded[string] // session id → identifier
}

type link struct {
	identifier string
	used       bool
}

func (l *links) mint(identifier string) (nonce string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	nonce = secret()
	l.nonces.put(nonce, link{identifier: identifier})
	return nonce
}

// open uses an unused nonce up and starts a session for its identifier.
func (l *links) open(nonce string) (session, identifier string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.nonces.byKey[nonce]
	if !ok || found.used {
		return "", "", false
	}
	l.nonces.put(nonce, link{identifier: found.identifier, used: true})
	session = secret()
	l.sessions.put(session, found.identifier)
	return session, found.identifier, true
}

// unused looks without using up.
func (l *links) unused(nonce string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.nonces.byKey[nonce]
	return ok && !found.used
}

// visit lets a session in again: to the bare portal (no nonce), or through a
// link that was made for its identifier.
func (l *links) visit(session, nonce string) (identifier string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	identifier, ok = l.sessions.byKey[session]
	if nonce != "" {
		found, known := l.nonces.byKey[nonce]
		ok = ok && known && found.identifier == identifier
	}
	return identifier, ok
}

func secret() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: it crashes the program instead
	return hex.EncodeToString(b)
}

// bounded is a map of at most maxLinks entries; the oldest makes room.
type bounded[V any] struct {
	byKey map[string]V
	order []string
}

func (b *bounded[V]) put(key string, v V) {
	if b.byKey == nil {
		b.byKey = make(map[string]V)
	}
	if _, known := b.byKey[key]; !known {
		if len(b.order) >= maxLinks {
			delete(b.byKey, b.order[0])
			b.order = b.order[1:]
		}
		b.order = append(b.order, key)
	}
	b.byKey[key] = v
}
