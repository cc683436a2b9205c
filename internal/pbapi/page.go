package pbapi

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/url"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

// Bounds of a list that is read page by page.
const (
	maxPages  = 10_000
	maxCursor = 4096 // bytes
	// maxPageItems is how many things are expected on one page.
	maxPageItems = 100
)

// page is one page of a list. A missing links.next means the last one, like
// null: the published example of relationships leaves it out.
type page[T any] struct {
	Data  []T `json:"data"`
	Links struct {
		Next *string `json:"next"`
	} `json:"links"`
}

// cursor takes the cursor out of links.next, "" for the last page. It is all
// that is taken: the address itself is never followed.
func (p *page[T]) cursor() (string, error) {
	if p.Links.Next == nil || *p.Links.Next == "" {
		return "", nil
	}
	u, err := url.Parse(*p.Links.Next)
	if err != nil {
		return "", errors.New("links.next is not a URL")
	}
	c := u.Query().Get("pageCursor")
	if c == "" || len(c) > maxCursor {
		return "", errors.New("links.next holds no usable pageCursor")
	}
	return c, nil
}

// complete refuses a reply without a list or without a way on, so that half a
// list is never taken for a whole one.
func (p *page[T]) complete() error {
	if p.Data == nil {
		return errors.New("no data")
	}
	_, err := p.cursor()
	return err
}

// list reads page after page, each when it is needed. An error is yielded once
// and ends the sequence.
func list[T any](ctx context.Context, s *Session, r request) iter.Seq2[T, error] {
	query := r.query
	if r.bound == (outbound.Bound{}) {
		r.bound = outbound.Items(maxPageItems)
	}
	return func(yield func(T, error) bool) {
		var zero T
		r := r // the sequence can be run again, from the first page
		r.query = url.Values{}
		maps.Copy(r.query, query)
		seen := map[string]bool{}
		for range maxPages {
			var p page[T]
			if err := s.do(ctx, r, &p); err != nil {
				yield(zero, err)
				return
			}
			for _, item := range p.Data {
				if !yield(item, nil) {
					return
				}
			}
			cursor, _ := p.cursor() // complete has looked at it
			if cursor == "" {
				return
			}
			if seen[cursor] {
				yield(zero, endless(r.op, "the same page was named twice"))
				return
			}
			seen[cursor] = true
			r.query.Set("pageCursor", cursor)
		}
		yield(zero, endless(r.op, "too many pages"))
	}
}

func endless(op, why string) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Side: fault.SideProductboard, Err: errors.New(why),
		Public: "Productboard's list does not end. Please try again later."}
}

// failed is the sequence of a request that cannot be sent.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}
