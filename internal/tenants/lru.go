package tenants

import "container/list"

// lru is a map that keeps its most recently used entries, at most a fixed
// number of them. It is not safe for concurrent use.
type lru[V any] struct {
	most  int
	order *list.List // of *lruEntry[V], most recently used first
	index map[string]*list.Element
}

type lruEntry[V any] struct {
	key   string
	value V
}

func newLRU[V any](most int) *lru[V] {
	return &lru[V]{most: most, order: list.New(), index: map[string]*list.Element{}}
}

func (l *lru[V]) get(key string) (V, bool) {
	el, ok := l.index[key]
	if !ok {
		var zero V
		return zero, false
	}
	l.order.MoveToFront(el)
	return el.Value.(*lruEntry[V]).value, true
}

func (l *lru[V]) put(key string, value V) {
	if el, ok := l.index[key]; ok {
		el.Value.(*lruEntry[V]).value = value
		l.order.MoveToFront(el)
		return
	}
	l.index[key] = l.order.PushFront(&lruEntry[V]{key, value})
	if l.order.Len() > l.most {
		l.remove(l.order.Back().Value.(*lruEntry[V]).key)
	}
}

func (l *lru[V]) remove(key string) {
	if el, ok := l.index[key]; ok {
		l.order.Remove(el)
		delete(l.index, key)
	}
}
