package richtext

// maxRenders bounds how often a document is rendered to find out whether all of
// it fits, and then how much of it.
const maxRenders = 20

// startShare is which part of the limit the first attempt spends. A back-end
// may write sixty characters for one, of a line break in quotes for instance.
const startShare = 8

// search looks for the largest budget of characters whose rendering is within
// most.
type search struct {
	most   int
	count  func(string) int
	render func(Doc) string

	high, highSize int // a budget that does not fit, and what it renders to
	renders        int
}

// attempt renders the beginning of d that a budget buys, with more at its end.
func (s *search) attempt(d Doc, blocks []block, more Doc) (Fitted, int) {
	doc := Doc{blocks: blocks, remarks: d.remarks}.Append(more)
	text := s.render(doc)
	s.renders++
	return Fitted{Doc: doc, Text: text}, s.count(text)
}

// whole is all of d with footer, if it fits. It renders beginnings of d until
// one is too long: a beginning is never longer than the whole.
func (s *search) whole(d, footer Doc) (f Fitted, ok bool) {
	budget := max(s.most/startShare, 1)
	for s.renders < maxRenders/2 {
		blocks, c := cut(d.blocks, budget, s.most)
		if !c.done {
			blocks = d.blocks // with its long addresses
		}
		f, size := s.attempt(d, blocks, footer)
		if size > s.most {
			s.high, s.highSize = budget, size
			if !c.done {
				s.high -= c.left
			}
			return Fitted{}, false
		}
		if !c.done {
			return f, true
		}
		more := 2            // hardly a text is shorter than its budget
		if budget < s.most { // to a little over the limit
			more = min(max(more, s.most/max(size, 1)+1), startShare)
		}
		if c.over && budget >= s.most {
			break
		}
		budget *= more
	}
	s.high, s.highSize = 2*budget, s.most+1
	return Fitted{}, false
}

// beginning is the longest beginning of d that fits with tail. A text that
// leaves less than a two hundredth of the limit unused is not worth further
// attempts. Without any, ok is false.
func (s *search) beginning(d, tail Doc) (best Fitted, ok bool) {
	low, lowSize := -1, 0
	for even := true; s.renders < maxRenders && s.high-low > 1; even = !even {
		mid := low + (s.high-low)/2
		if even { // the other steps halve the distance, whatever the text
			mid = guess(low, lowSize, s.high, s.highSize, s.most-s.most/400)
		}
		blocks, _ := cut(d.blocks, mid, s.most)
		f, size := s.attempt(d, blocks, tail)
		if size > s.most {
			s.high, s.highSize = mid, size
			continue
		}
		best, ok, low, lowSize = f, true, mid, size
		if s.most-size <= s.most/200 {
			break
		}
	}
	if !ok {
		f, size := s.attempt(d, nil, tail)
		best, ok = f, size <= s.most
	}
	best.Cut = true
	return best, ok
}

// guess is the budget between low and high, neither included, at which a text
// that grows evenly has the size wanted.
func guess(low, lowSize, high, highSize, wanted int) int {
	share := float64(wanted-lowSize) / float64(max(highSize-lowSize, 1))
	return min(max(low+int(float64(high-low)*share), low+1), high-1)
}
