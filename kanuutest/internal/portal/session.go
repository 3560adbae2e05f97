package portal

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// maxSessions bounds the links and the sessions together; beyond it the oldest
// end.
const maxSessions = 10_000

// sessions are the one-time links and the sessions that they opened, by their
// secrets.
type sessions struct {
	mu    sync.Mutex
	all   map[string]*session
	order []string
}

type session struct {
	secret     string
	identifier string
	isLink     bool
	used       bool  // a link
	flash      badge // for the next page
}

// add makes a link or a session.
func (s *sessions) add(identifier string, isLink bool) *session {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: it crashes the program instead
	made := &session{secret: hex.EncodeToString(b), identifier: identifier, isLink: isLink}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]*session)
	}
	s.all[made.secret] = made
	s.order = append(s.order, made.secret)
	if len(s.order) > maxSessions {
		delete(s.all, s.order[0])
		s.order = s.order[1:]
	}
	return made
}

// open uses an unused nonce up and starts a session for its identifier.
func (s *sessions) open(nonce string) *session {
	s.mu.Lock()
	found, ok := s.all[nonce]
	ok = ok && found.isLink && !found.used
	if ok {
		found.used = true
	}
	s.mu.Unlock()
	if !ok {
		return nil
	}
	return s.add(found.identifier, false)
}

// look reports whether there is such a nonce and whether it was used.
func (s *sessions) look(nonce string) (used, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[nonce]
	return ok && found.used, ok && found.isLink
}

// visit lets a session in again: to the bare portal (no nonce), or through a
// link that was made for its identifier; else it returns nil.
func (s *sessions) visit(secret, nonce string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, from := s.all[secret], s.all[nonce]
	if found == nil || found.isLink || nonce != "" && (from == nil || from.identifier != found.identifier) {
		return nil
	}
	return found
}

// setFlash replaces the message for the next page of a session, and returns the
// one that was there.
func (s *sessions) setFlash(v *session, replace func(last badge) badge) (last badge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last = v.flash
	v.flash = replace(last)
	return last
}
