package targets

import (
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"pushbutton/internal/fault"
)

const markerPrefix = "pb-"

// markerSpace is the name space of our markers (a random UUID). It must never
// change: markers made with it are in issues all over the world.
const markerSpace = "6f1f5a0e-6d0b-4b0e-9b5e-3c1d8f0a7e42"

// NewMarker derives the marker of one desired issue: "pb-" and 26 characters
// of lower-case base32 (RFC 4648) over the UUIDv5 of integration, entity and
// epoch. The epoch counts how often the person asked for a new issue (pushed
// again after an unlink); retries of one push keep it.
func NewMarker(integrationID, entityID string, epoch int) Marker {
	name := integrationID + "\x00" + entityID + "\x00" + strconv.Itoa(epoch)
	id := uuid.NewSHA1(uuid.MustParse(markerSpace), []byte(name))
	return Marker(markerPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id[:])))
}

// How a marker stands in a text, in a comment that is not shown.
const (
	commentOpens  = "<!-- pushbutton: "
	commentCloses = " -->"
)

// Comment is the marker for the end of an issue's text, for trackers whose
// Markdown hides HTML comments and that have no better place for it.
func (m Marker) Comment() string { return commentOpens + string(m) + commentCloses }

// MarkerIn reads the marker off an issue's text that ends with its Comment; ""
// if there is none. It is the last one there, since the text before ours may
// quote another issue's.
func MarkerIn(text string) Marker {
	at := strings.LastIndex(text, commentOpens)
	if at < 0 {
		return ""
	}
	marker, _, ok := strings.Cut(text[at+len(commentOpens):], commentCloses)
	if !ok || !Marker(marker).Valid() {
		return ""
	}
	return Marker(marker)
}

// Valid reports whether the marker has the form that drivers may rely on: 1 to
// 64 characters of [a-z0-9-].
func (m Marker) Valid() bool {
	if len(m) == 0 || len(m) > 64 {
		return false
	}
	for _, c := range []byte(m) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func validMarker(m Marker) *fault.Error {
	if m.Valid() {
		return nil
	}
	return &fault.Error{Kind: fault.Internal, Err: fmt.Errorf("marker %q is not valid", string(m))}
}
