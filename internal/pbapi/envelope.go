package pbapi

import (
	"context"
	"errors"
	"iter"
)

// data is the envelope of every request and of a reply with one resource.
type data[T any] struct {
	Data T `json:"data"`
}

type fieldsOf[T any] struct {
	Fields T `json:"fields"`
}

func wrap[T any](fields T) data[fieldsOf[T]] { return data[fieldsOf[T]]{fieldsOf[T]{fields}} }

// resource is a reply with one resource, which must at least say that it is
// there.
type resource[T interface{ present() bool }] data[T]

func (r *resource[T]) complete() error {
	if !r.Data.present() {
		return errors.New("no data")
	}
	return nil
}

// wireReference is the answer to a create or an update.
type wireReference struct {
	ID string `json:"id"`
}

func (w wireReference) present() bool { return w.ID != "" }

// one sends a request and returns the resource of its reply.
func one[T interface{ present() bool }](ctx context.Context, s *Session, r request) (T, error) {
	var out resource[T]
	if err := s.do(ctx, r, &out); err != nil {
		var none T
		return none, err
	}
	return out.Data, nil
}

// convert maps the items of a sequence.
func convert[A, B any](seq iter.Seq2[A, error], f func(A) B) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		for item, err := range seq {
			if !yield(f(item), err) {
				return
			}
		}
	}
}
