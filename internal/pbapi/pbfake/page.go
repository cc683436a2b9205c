package pbfake

import (
	"encoding/base64"
	"sort"
	"strings"
)

type listLinks struct {
	Next *string `json:"next"`
}

type listReply struct {
	Data  any       `json:"data"`
	Links listLinks `json:"links"`
}

// paginate cuts one page out of a sorted list. A cursor holds the key of the
// last item of the page. So a list that changes between two pages neither
// repeats nor skips what was there all the time. It is of use for the operation
// that made it only.
func paginate[T any](f *Fake, c *call, items []T, key func(T) string) (page []T, links listLinks, err *apiError) {
	if cursor := c.query.Get("pageCursor"); c.query.Has("pageCursor") {
		raw, derr := base64.RawURLEncoding.DecodeString(cursor)
		op, after, ok := strings.Cut(string(raw), "\n")
		if derr != nil || !ok || op != c.op.id {
			return nil, listLinks{}, badParameter("pageCursor", "The page cursor is not valid.")
		}
		items = items[sort.Search(len(items), func(i int) bool { return key(items[i]) > after }):]
	}
	if len(items) <= f.opts.PageSize {
		return items, listLinks{}, nil
	}
	items = items[:f.opts.PageSize]
	query := c.query
	query.Set("pageCursor", base64.RawURLEncoding.EncodeToString([]byte(c.op.id+"\n"+key(items[len(items)-1]))))
	next := f.link(c.r, strings.TrimPrefix(c.r.URL.Path, apiPrefix)) + "?" + query.Encode()
	return items, listLinks{&next}, nil
}

// mapped converts the items of a page; an empty page is [], never null.
func mapped[T, U any](items []T, convert func(T) U) []U {
	out := make([]U, 0, len(items))
	for _, it := range items {
		out = append(out, convert(it))
	}
	return out
}
