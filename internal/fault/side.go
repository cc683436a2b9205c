package fault

// Side says who has to act on a failure. It is stored, shown and compared;
// the name of the peer that failed is Error.Peer.
type Side string

// The sides. The empty Side means the caller, or that nobody has set it yet.
const (
	// SidePlugin is this deployment: its code, its configuration and what the
	// operator runs for it, such as Redis or a proxy.
	SidePlugin Side = "plugin"
	// SideProductboard is Productboard, or the credential for it.
	SideProductboard Side = "productboard"
	// SideTracker is the tracker, or the credential for it.
	SideTracker Side = "tracker"
)

// Sides lists every side.
func Sides() []Side { return []Side{SidePlugin, SideProductboard, SideTracker} }

// ParseSide reads a stored side. Any other text is the empty Side.
func ParseSide(s string) Side {
	for _, side := range Sides() {
		if string(side) == s {
			return side
		}
	}
	return ""
}

// UnmarshalText reads a side as ParseSide does.
func (s *Side) UnmarshalText(text []byte) error {
	*s = ParseSide(string(text))
	return nil
}

// Name is what sentences and logs call the side; "" for the empty Side.
func (s Side) Name() string {
	switch s {
	case SidePlugin:
		return "this plugin"
	case SideProductboard:
		return "Productboard"
	case SideTracker:
		return "the tracker"
	default:
		return ""
	}
}

// Blame sets who has to act on a failed call to a peer, unless the call itself
// has set it. peer is its name, "" where the side's own will do.
func (e *Error) Blame(side Side, peer string) {
	if e.Side == "" {
		e.Side = side
		if e.Kind == Internal || e.Kind == Canceled || e.Kind == Blocked {
			e.Side = SidePlugin // the peer has refused nothing
		}
	}
	if e.Peer == "" && e.Side == side {
		e.Peer = peer
	}
}

// Party is the name of who failed: the peer, or else the side.
func (e *Error) Party() string {
	if e.Peer != "" {
		return e.Peer
	}
	return e.Side.Name()
}
