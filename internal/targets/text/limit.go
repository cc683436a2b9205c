package text

import (
	"regexp"
	"strconv"
	"strings"
)

// MinStated is the least number that StatedLimit should take for the limit of
// a whole description.
const MinStated = 200

// SaysTooLong reports whether an English sentence complains about the length of
// a text.
func SaysTooLong(sentence string) bool {
	s := strings.ToLower(sentence)
	for _, words := range []string{"too long", "too large", "maximum length", "max length", "exceeds the", "longer than"} {
		if strings.Contains(s, words) {
			return true
		}
	}
	return false
}

// StatedLimit is the smallest number in a sentence, from least on, which can be
// the limit of a text ("10,000 characters", "10.000 Zeichen"); 0: there is none.
func StatedLimit(sentence string, least int) int {
	smallest := 0
	for _, m := range regexp.MustCompile(`\d{1,3}(?:[.,'’\s\x{a0}\x{202f}]\d{3})+\b|\d+`).FindAllString(sentence, 20) {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, m)
		if n, err := strconv.Atoi(digits); err == nil && n >= least && (smallest == 0 || n < smallest) {
			smallest = n
		}
	}
	return smallest
}
