package targets

// Composite is a driver whose optional abilities depend on its settings: each
// of its parts implements one of the optional interfaces, and only those that
// the settings give are there.
type Composite interface {
	Driver
	// Parts are the abilities. Those of a nil driver (Kind.Driver) are all
	// that its kind can have.
	Parts() []any
}

// Ability finds an optional ability (Reader, Closer, ...) of a driver. Every
// question whether a driver can do something is asked here.
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
