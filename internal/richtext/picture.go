package richtext

import (
	"strings"

	"golang.org/x/net/html"
)

// Remarks is what a document could not take over from its source. The set is
// closed; each field is a number of places, every one of which has a note in
// the text.
type Remarks struct {
	// EmbeddedPictures are part of the source itself (data: addresses).
	EmbeddedPictures int
	// InsecurePictures have an address without https. The note links to it.
	InsecurePictures int
	// LocalPictures have an address that means something in Productboard only,
	// or one of a scheme that browsers open nowhere else.
	LocalPictures int
}

func (r Remarks) plus(o Remarks) Remarks {
	return Remarks{r.EmbeddedPictures + o.EmbeddedPictures, r.InsecurePictures + o.InsecurePictures, r.LocalPictures + o.LocalPictures}
}

// image keeps an image as a link with its description: a picture that the
// reader of the issue opens, not one that every reader's browser fetches.
func (w *walker) image(t *html.Token) {
	text, address := w.picture(t)
	if text == "" {
		return
	}
	if w.pre != nil {
		if address != "" {
			text += " (" + address + ")"
		}
		w.pre.write(text)
		return
	}
	if w.href != "" {
		address = w.href
	}
	w.setStyle(address)
	w.space = collapse(&w.buf, text, w.space)
}

// picture returns what stands for an image and where that leads. A picture that
// others cannot open is named, so that nobody misses it without knowing.
func (w *walker) picture(t *html.Token) (text, address string) {
	src, alt := trimAddress(attr(t, "src")), strings.TrimSpace(cleanText(attr(t, "alt")))
	scheme, _, _ := strings.Cut(strings.ToLower(src), ":")
	switch {
	case src == "" || strings.HasPrefix(strings.ToLower(src), nodePrefix):
		return alt, ""
	case scheme == "https" || strings.HasPrefix(src, "//"):
		if address = linkAddress(src); address != "" && alt == "" {
			alt = "image"
		}
		if address != "" {
			return alt, address
		}
		w.remarks.LocalPictures++
	case scheme == "http":
		address = linkAddress(src)
		w.remarks.InsecurePictures++
	case scheme == "data":
		w.remarks.EmbeddedPictures++
	default:
		w.remarks.LocalPictures++
	}
	if alt == "" {
		return "(picture not included)", address
	}
	return "(picture not included: " + alt + ")", address
}
