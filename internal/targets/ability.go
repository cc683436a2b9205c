package targets

// Composite is a driver whose optional abilities depend on its settings. Each of
// its parts implements one of the optional interfaces. A part exists only where
// the settings describe it.
type Composite interface {
	Driver
	// Parts returns the abilities. A nil driver (Kind.Driver) returns all that its
	// kind can have.
	Parts() []any
}

// Ability finds an optional ability (Reader, Closer, ...) of a driver. It is
// the only place that asks whether a driver can do something.
func Ability[T any](d Driver) (T, bool) {
	if c, ok := d.(Composite); ok {
		for _, part := range c.Parts() {
			if able, ok := part.(T); ok {
				return able, true
			}
		}
	}
	able, ok := d.(T)
	return able, ok
}
