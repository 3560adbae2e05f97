package load

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Ledger of the portal URLs: for whom each was minted, and whether somebody
// has it. The zero value is empty.
type Ledger struct {
	mu    sync.Mutex
	links map[string]*link
}

type link struct {
	identifier string
	minted     time.Time
	handed     bool
}

// Mint notes that url was made for identifier.
func (l *Ledger) Mint(url, identifier string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.links == nil {
		l.links = make(map[string]*link)
	}

	l.links[url] = &link{identifier: identifier, minted: time.Now()}
}

// Hand notes that identifier was sent to url, and returns when that was minted.
// The error says why identifier should not have been.
func (l *Ledger) Hand(url, identifier string) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	found, ok := l.links[url]

	switch {
	case !ok:
		return time.Time{}, errors.New("a URL that Kanuu did not mint")
	case found.identifier != identifier:
		return time.Time{}, fmt.Errorf("the URL of %s for %s", found.identifier, identifier)
	case found.handed:
		return time.Time{}, errors.New("a URL that somebody has already")
	}

	found.handed = true

	return found.minted, nil
}

// Counts how many URLs were minted, and how many of them nobody was sent to.
func (l *Ledger) Counts() (minted, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()

	for _, link := range l.links {
		if !link.handed {
			lost++
		}
	}

	return len(l.links), lost
}
