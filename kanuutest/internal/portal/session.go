package portal

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// maxLinks bounds the links and the sessions; beyond it the oldest end.
const maxLinks = 10_000

// sessions are the one-time links and the sessions that they opened.
type sessions struct {
	mu       sync.Mutex
	links    bounded[link]
	sessions bounded[session]
}

type link struct {
	identifier string
	used       bool
}

type session struct {
	identifier string
	flash      badge // for the next page
}

// visitor is a browser with a session.
type visitor struct {
	session    string
	identifier string
}

func (s *sessions) mint(identifier string) (nonce string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	nonce = secret()
	s.links.put(nonce, link{identifier: identifier})
	return nonce
}

// open uses an unused nonce up and starts a session for its identifier.
func (s *sessions) open(nonce string) (v visitor, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.links.byKey[nonce]
	if !ok || found.used {
		return visitor{}, false
	}
	s.links.put(nonce, link{identifier: found.identifier, used: true})
	v = visitor{secret(), found.identifier}
	s.sessions.put(v.session, session{identifier: v.identifier})
	return v, true
}

// look reports whether there is such a nonce and whether it was used.
func (s *sessions) look(nonce string) (used, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.links.byKey[nonce]
	return found.used, known
}

// visit lets a session in again: to the bare portal (no nonce), or through a
// link that was made for its identifier.
func (s *sessions) visit(id, nonce string) (v visitor, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions.byKey[id]
	if nonce != "" {
		from, known := s.links.byKey[nonce]
		ok = ok && known && from.identifier == found.identifier
	}
	return visitor{id, found.identifier}, ok
}

// flash replaces the message for the next page of the session, and returns the
// one that was there.
func (s *sessions) flash(v visitor, replace func(last badge) badge) (last badge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.sessions.byKey[v.session]; ok {
		last = found.flash
		found.flash = replace(last)
		s.sessions.put(v.session, found)
	}
	return last
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
