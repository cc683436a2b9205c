package pbfake

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Seed adds n entities of a demo workspace: a product with nested components
// first, then features, subfeatures, initiatives and so on below and beside
// them. The same Options.Seed gives the same entities with the same ids.
func (f *Fake) Seed(n int) []Entity {
	s := &seeder{demo: newDemo(), rand: newRand(f.opts.Seed, 0x5eed), start: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), byType: map[string][]string{}}
	s.ids = &idSource{s.rand}
	for _, kind := range []string{"product", "component", "component", "component", "releaseGroup", "objective"} {
		s.add(kind)
	}
	for i := 0; len(s.entities) < n; i++ {
		s.add(s.demo.share[i%len(s.demo.share)])
	}
	added, err := f.AddEntities(s.entities[:n])
	if err != nil {
		panic(err) // the demo data is wrong: a test of this package sees it
	}
	return added
}

type seeder struct {
	demo     demo
	rand     *rand.Rand
	ids      *idSource
	start    time.Time
	entities []Entity
	byType   map[string][]string
}

func (s *seeder) add(kind string) {
	n := len(s.byType[kind])
	at := s.start.Add(time.Duration(len(s.entities)) * 37 * time.Minute)
	e := Entity{ID: s.ids.next(), Type: kind, Parent: s.parent(kind, n), Fields: map[string]any{}, CreatedAt: at, UpdatedAt: at.Add(48 * time.Hour)}
	for _, field := range FieldsOf(kind) {
		if v := s.value(kind, field.ID, n); v != nil {
			e.Fields[field.ID] = v
		}
	}
	if kind == "initiative" {
		e.Links = s.some("feature", 2)
	}
	if kind == "feature" && n%3 == 0 {
		e.Links = s.some("release", 1)
	}
	s.entities = append(s.entities, e)
	s.byType[kind] = append(s.byType[kind], e.ID)
}

// parent nests the second component in the first and the third in the second,
// so that nobody may count on a fixed number of steps.
func (s *seeder) parent(kind string, n int) string {
	if kind == "component" && n > 0 {
		return s.byType["component"][n-1]
	}
	if kind == "objective" && n%2 == 0 {
		return ""
	}
	for _, t := range []string{"component", "feature", "objective", "releaseGroup", "product"} {
		for _, parent := range parentsOf(kind) {
			if have := s.byType[t]; t == parent && len(have) > 0 {
				return have[n%len(have)]
			}
		}
	}
	return ""
}

func (s *seeder) some(kind string, n int) []string {
	have := s.byType[kind]
	var out []string
	for i := 0; i < n && i < len(have); i++ {
		out = append(out, have[(s.rand.IntN(len(have))+i)%len(have)])
	}
	return out
}

// value makes up a field's value; nil leaves it empty.
func (s *seeder) value(kind, field string, n int) any {
	switch field {
	case "name":
		return s.name(kind, n)
	case "description":
		return s.description(kind, n)
	case "owner":
		p := pick(n, s.demo.people)
		return map[string]any{"id": demoID("owner", p), "email": p}
	case "archived":
		return false
	case "status":
		return option("status", pick(n, s.demo.statuses))
	case "timeframe":
		month := time.Date(2026, time.Month(1+n%12), 1, 0, 0, 0, 0, time.UTC)
		return map[string]any{"startDate": month.Format(time.DateOnly), "endDate": month.AddDate(0, 1, -1).Format(time.DateOnly), "granularity": "month"}
	case "teams":
		return []any{option("team", pick(n, s.demo.teams))}
	case "tags":
		if n%4 == 3 {
			return nil
		}
		return []any{option("tag", pick(n, s.demo.tags)), option("tag", pick(n+3, s.demo.tags))}
	case "effort":
		return 1 + n%13
	case FieldImpact:
		return 10 * (1 + n%10)
	case FieldSegment:
		return option("segment", pick(n, []string{"Enterprise", "Mid-market", "Self-serve"}))
	case FieldAcceptance:
		if n%2 == 1 {
			return nil
		}
		return "<ul><li>It works with the keyboard alone.</li><li>It is measured.</li></ul>"
	case FieldGoLive:
		return s.start.AddDate(0, 0, 7*(1+n%20)).Format(time.DateOnly)
	}
	return nil
}

func pick(n int, from []string) string { return from[n%len(from)] }

// option is the value of a select field.
func option(kind, name string) map[string]any {
	return map[string]any{"id": demoID(kind, name), "name": name}
}

// demoID makes the same UUID for the same thing in every workspace.
func demoID(kind, name string) string {
	var h uint64 = 14695981039346656037 // FNV-1a
	for _, b := range []byte(kind + "\x00" + name) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return newIDSource(h).next()
}

func (s *seeder) name(kind string, n int) string {
	names := s.demo.names[kind]
	name := names[n%len(names)]
	if round := n / len(names); round > 0 {
		// Later rounds combine a name with where it applies.
		name = fmt.Sprintf("%s for %s", name, pick(round-1, s.demo.places))
		if round > len(s.demo.places) {
			name += fmt.Sprintf(" (%d)", round/len(s.demo.places)+1)
		}
	}
	return name
}

// description writes rich text; every kind of element that Productboard's
// editor has comes up within a few entities.
func (s *seeder) description(kind string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p>%s is wanted by <b>%d customers</b>, <i>most of them</i> on the %s plan.</p>", escape(s.name(kind, n)), 3+n%17, pick(n, []string{"Enterprise", "Pro", "Starter"}))
	if kind == "product" || kind == "component" || kind == "company" || kind == "user" {
		return b.String()
	}
	for i := range 3 {
		b.WriteString(s.demo.sections[(n+i)%len(s.demo.sections)])
	}
	return b.String()
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
