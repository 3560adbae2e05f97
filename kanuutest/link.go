package kanuutest

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"sync"
)

// maxLinks bounds the links, the sessions and the contacts that are
// remembered; beyond it the oldest are forgotten.
const maxLinks = 10_000

// links are the one-time links and the sessions that they opened.
type links struct {
	mu       sync.Mutex
	nonces   bounded[link]
	sessions bounded[session]
	people   bounded[contact] // by identifier
}

type link struct {
	identifier string
	used       bool
}

type session struct {
	identifier string
	flash      flash // for the next page
}

// visitor is somebody with a session.
type visitor struct {
	session    string
	identifier string
}

// contact is what came with a customer's newest nonce.
type contact struct {
	email        string
	supplemental map[string]string // not written to any more
}

func (l *links) mint(identifier string, c contact) (nonce string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	nonce = secret()
	l.nonces.put(nonce, link{identifier: identifier})
	l.people.put(identifier, c)
	return nonce
}

func (l *links) contact(identifier string) contact {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.people.byKey[identifier]
}

func (l *links) contacts() map[string]contact {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.people.byKey)
}

// open uses an unused nonce up and starts a session for its identifier.
func (l *links) open(nonce string) (v visitor, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.nonces.byKey[nonce]
	if !ok || found.used {
		return visitor{}, false
	}
	l.nonces.put(nonce, link{identifier: found.identifier, used: true})
	v = visitor{secret(), found.identifier}
	l.sessions.put(v.session, session{identifier: v.identifier})
	return v, true
}

// unused looks without using up.
func (l *links) unused(nonce string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.nonces.byKey[nonce]
	return ok && !found.used
}

// known reports whether there is such a nonce, used or not.
func (l *links) known(nonce string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.nonces.byKey[nonce]
	return ok
}

// visit lets a session in again: to the bare portal (no nonce), or through a
// link that was made for its identifier.
func (l *links) visit(id, nonce string) (v visitor, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.sessions.byKey[id]
	if nonce != "" {
		from, known := l.nonces.byKey[nonce]
		ok = ok && known && from.identifier == found.identifier
	}
	return visitor{id, found.identifier}, ok
}

// leave puts a message down for the next page of the session, and take takes
// it away.
func (l *links) leave(id string, f flash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.sessions.byKey[id]; ok {
		s.flash = f
		l.sessions.put(id, s)
	}
}

func (l *links) take(id string) flash {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sessions.byKey[id]
	if f := s.flash; f != (flash{}) {
		l.sessions.put(id, session{identifier: s.identifier})
		return f
	}
	return flash{}
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
