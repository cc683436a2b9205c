package text

import (
	"strconv"
	"strings"
)

// Colors lists what a button can be coloured with: Productboard's seven.
func Colors() []string {
	return []string{"gray", "blue", "green", "yellow", "orange", "red", "purple"}
}

// NearestColor maps a tracker's own colour ("#007acc", with or without the #,
// also "#07c") to one of Colors. It is "" for what is no colour, and for white
// and black, which say nothing.
func NearestColor(hex string) string {
	r, g, b, ok := parseHex(hex)
	if !ok {
		return ""
	}
	high, low := max(r, g, b), min(r, g, b)
	spread := high - low
	switch {
	case low > 240 || high < 24:
		return ""
	case spread*100 < high*20: // next to no colour in it
		return "gray"
	}
	switch hue := hue(r, g, b, high, spread); {
	case hue < 15 || hue >= 330:
		return "red"
	case hue < 43:
		return "orange"
	case hue < 68:
		return "yellow"
	case hue < 170:
		return "green"
	case hue < 250:
		return "blue"
	default:
		return "purple"
	}
}

// hue is the angle on the colour wheel, 0 (red) to 359.
func hue(r, g, b, high, spread int) int {
	var at int
	switch high {
	case r:
		at = 60 * (g - b) / spread
	case g:
		at = 120 + 60*(b-r)/spread
	default:
		at = 240 + 60*(r-g)/spread
	}
	return (at + 360) % 360
}

func parseHex(s string) (r, g, b int, ok bool) {
	s = strings.TrimPrefix(s, "#")
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 6 {
		return 0, 0, 0, false
	}
	return int(n >> 16), int(n >> 8 & 0xff), int(n & 0xff), true
}
