package rc

import (
	"maps"
	"sync/atomic"
)

// A table is a map that interpreters share until one of them changes it. A
// holder has the map for itself if it is the only one: only holders make others.
type table[V any] struct {
	holders atomic.Int32
	m       map[string]V
}

func newTable[V any](size int) *table[V] {
	t := &table[V]{m: make(map[string]V, size)}
	t.holders.Store(1)
	return t
}

// share gives the table to one more holder.
func (t *table[V]) share() *table[V] {
	t.holders.Add(1)
	return t
}

// drop gives it up.
func (t *table[V]) drop() { t.holders.Add(-1) }

// own gives the holder's table to change: the same or, of one that others hold
// too, a copy in its stead.
func (t *table[V]) own() *table[V] {
	if t.holders.Load() == 1 {
		return t
	}
	n := &table[V]{m: maps.Clone(t.m)}
	n.holders.Store(1)
	t.holders.Add(-1)
	return n
}
