package recent_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/internal/recent"
)

func TestKeepsWhatWasPutLast(t *testing.T) {
	t.Parallel()
	m := recent.New[int]()
	for i := range recent.Size + 5 {
		m.Put("k"+strconv.Itoa(i), i)
		m.Put("k0", -i)
	}
	m.Remove("k10002")
	m.Remove("never put")
	assert.Len(t, m.Keys(), recent.Size-1)
	for key, want := range map[string]bool{"k0": true, "k1": false, "k6": true, "k10002": false, "k10004": true} {
		_, ok := m.Get(key)
		assert.Equal(t, want, ok, key)
	}
	value, _ := m.Get("k0")
	assert.Equal(t, -(recent.Size + 4), value)
}
