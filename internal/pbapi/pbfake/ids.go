package pbfake

import (
	"fmt"
	"math/rand/v2"
)

// idSource makes UUIDs that are the same for the same seed.
type idSource struct{ rand *rand.Rand }

func newIDSource(seed uint64) *idSource {
	return &idSource{newRand(seed, 0x1d5)}
}

// newRand makes a stream of random numbers that a seed repeats.
func newRand(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // to be repeatable, nothing here is secret
}

// next makes a random (version 4) UUID.
func (s *idSource) next() string {
	hi, lo := s.rand.Uint64(), s.rand.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc<<60) | 0x8<<60
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}
