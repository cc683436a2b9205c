package check

import (
	"regexp"
	"strings"
)

// pinned is an image by its tag, which people read, and its digest, which nobody
// can move.
var pinned = regexp.MustCompile(`^[^@\s]+:[^@:\s]+@sha256:[0-9a-f]{64}$`)

// ours is the image that this repository makes: whoever deploys it names the
// digest of the one that was made.
const ours = "pushbutton/plugin:"

// image checks that somebody else's image cannot be another one tomorrow.
func (f *findings) image(where, image string) {
	if !strings.HasPrefix(image, ours) && !pinned.MatchString(image) {
		f.add("%s: its image %q has no tag with a digest", where, image)
	}
}

// dockerfile checks the images that a Dockerfile begins with.
func dockerfile(text string) []string {
	var f findings
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.EqualFold(fields[0], "FROM") {
			f.image("Dockerfile", fields[1])
		}
	}
	return f
}
