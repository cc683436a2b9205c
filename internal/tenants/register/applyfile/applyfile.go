// Package applyfile reads the YAML file in which tenants and integrations are
// declared. It is strict: an unknown key, a wrong type, a text that is too long
// or a literal secret is an error. Each error has its line, column and path,
// and all come at once.
//
// What must not live here: what is done with a declaration (register), what a
// tracker's settings mean (targets).
package applyfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"pushbutton/config"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// Limits of a file.
const (
	// MaxSize is in bytes.
	MaxSize = 1 << 20
	// maxTokens bounds the parser's work, which grows faster than the file:
	// it is enough for some 800 integrations.
	maxTokens = 50_000
	// maxEmptyLines bounds a run of empty lines, for the same reason; a line
	// that ends in CR LF counts twice.
	maxEmptyLines = 200
	// maxKeys bounds the keys of one map on lines of their own, of which the
	// parser copies all that follow at each: no map here needs half as many. A
	// key with ? counts twice.
	maxKeys = 500
	// maxDocuments bounds --- likewise; one document alone may hold anything.
	maxDocuments = 16
	// maxDepth bounds nesting.
	maxDepth = 32
	// maxNodes bounds what aliases can multiply.
	maxNodes = 100_000
	// maxTenants and maxPerTenant bound the declaration.
	maxTenants   = 10_000
	maxPerTenant = tenants.MaxIntegrations
	// maxText bounds one text of a target's settings, in bytes.
	maxText = 64 << 10
	// maxProblems bounds what is reported.
	maxProblems = 100
	// maxWord bounds a key, a reference to a secret and a target's type, in
	// characters.
	maxWord = 255
)

// Options are what a file's contents may depend on.
type Options struct {
	// Lookup reads the environment, for "env:NAME"; nil: no variable is set.
	Lookup func(string) (string, bool)
	// ReadFile reads at most limit bytes of a file, for "file:PATH"; nil: no
	// file can be read. A path that is relative is relative to the file that
	// names it.
	ReadFile func(path string, limit int64) ([]byte, error)
	// CheckTarget says what is wrong with a target's type, settings and
	// credentials, without reaching out. Its error wraps settings.FieldErrors
	// whose paths begin with "type", "settings" or "credentials".
	CheckTarget func(tenants.TargetConfig) error
}

// Problem is one thing that is wrong with a file.
type Problem struct {
	File string
	// Line and Column count from 1; 0 means the file as a whole.
	Line, Column int
	// Path leads to the value: "tenants[0].integrations[0].name".
	Path string
	// Message goes after the path: "has 11 characters, at most 10".
	Message string
}

// Error is "file:line:column: path: message".
func (p Problem) Error() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		text += ": " + p.Path
	}
	return text + ": " + p.Message
}

// Problems is everything that is wrong with a file, in its order.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a declaration. name is the file's, for errors, and opts may be
// nil. The error is Problems.
func Parse(name string, data []byte, opts *Options) (register.Declaration, error) {
	r := &reader{name: name, places: map[string]place{}}
	if opts != nil {
		r.opts = *opts
	}
	if r.opts.Lookup == nil {
		r.opts.Lookup = func(string) (string, bool) { return "", false }
	}
	if r.opts.ReadFile == nil {
		r.opts.ReadFile = func(string, int64) ([]byte, error) { return nil, errors.New("no file can be read here") }
	}
	root := r.load(data)
	var declaration register.Declaration
	if len(r.problems) == 0 {
		declaration = r.file(root)
	}
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return register.Declaration{}, r.problems
	}
	return declaration, nil
}

func (r *reader) file(root value) register.Declaration {
	var declaration register.Declaration
	seen := map[string]bool{}
	r.object(root,
		field{name: "tenants", required: true, read: func(v value) {
			r.list(v, maxTenants, func(v value) {
				t := r.tenant(v)
				if t.ID != "" && seen[t.ID] {
					r.complain(v.at("id"), "the tenant %q is declared twice", t.ID)
				}
				seen[t.ID] = true
				declaration.Tenants = append(declaration.Tenants, t)
			})
			if len(declaration.Tenants) == 0 && len(r.problems) == 0 {
				r.complain(v, "must list at least one tenant")
			}
		}})
	return declaration
}

func (r *reader) tenant(v value) register.DesiredTenant {
	var t register.DesiredTenant
	seen := map[string]bool{}
	r.object(v,
		field{name: "id", required: true, read: func(v value) {
			t.ID = r.text(v, 1, tenants.MaxTenantID)
			if t.ID != "" && !tenants.ValidTenantID(t.ID) {
				r.complain(v, "must be made of a-z, 0-9 and - only")
			}
		}},
		field{name: "integrations", read: func(v value) {
			r.list(v, maxPerTenant, func(v value) {
				w := r.integration(v)
				if w.Integration.Name != "" && seen[w.Integration.Name] {
					r.complain(v.at("name"), "the integration %q is declared twice in this tenant", w.Integration.Name)
				}
				seen[w.Integration.Name] = true
				t.Integrations = append(t.Integrations, w)
			})
		}})
	return t
}

func (r *reader) integration(v value) register.Desired {
	in := tenants.Integration{Answer: tenants.AnswerV2, OnUnlink: tenants.UnlinkLeave}
	r.object(v,
		field{name: "name", required: true, read: func(v value) { in.Name = r.text(v, 1, pbapi.MaxIntegrationName) }},
		field{name: "type", read: func(v value) { in.Type = r.domain(v) }},
		field{name: "enabled", read: func(v value) { in.Disabled = !r.flag(v) }},
		field{name: "answer", read: func(v value) {
			in.Answer = tenants.AnswerShape(r.choice(v, string(tenants.AnswerV2), string(tenants.AnswerV1)))
		}},
		field{name: "onUnlink", read: func(v value) {
			in.OnUnlink = tenants.OnUnlink(r.choice(v, string(tenants.UnlinkLeave), string(tenants.UnlinkComment), string(tenants.UnlinkClose)))
		}},
		field{name: "refresh", read: func(v value) { in.Refresh = r.refresh(v) }},
		field{name: "hooks", read: func(v value) {
			in.Hooks = tenants.HookMode(r.choice(v, string(tenants.HooksAuto), string(tenants.HooksManual), string(tenants.HooksOff)))
		}},
		field{name: "button", required: true, read: func(v value) {
			r.object(v, field{name: "label", required: true, read: func(v value) { in.ButtonLabel = r.text(v, 1, pbapi.MaxButtonLabel) }})
		}},
		field{name: "productboard", required: true, read: func(v value) {
			in.Productboard = r.productboard(v)
		}},
		field{name: "target", required: true, read: func(v value) { in.Target = r.target(v) }})
	return register.Desired{Integration: in, Origin: r.origin(v.path)}
}

func (r *reader) refresh(v value) tenants.RefreshSettings {
	var out tenants.RefreshSettings
	r.object(v,
		field{name: "enabled", read: func(v value) { out.Off = !r.flag(v) }},
		field{name: "onDeleted", read: func(v value) {
			out.ResetDeleted = r.choice(v, tenants.DeletedShow, tenants.DeletedReset) == tenants.DeletedReset
		}})
	return out
}

func (r *reader) target(v value) tenants.TargetConfig {
	before := len(r.problems)
	target := tenants.TargetConfig{Settings: map[string]any{}, Credentials: map[string]secret.String{}}
	r.object(v,
		field{name: "type", required: true, read: func(v value) { target.Type = r.text(v, 1, maxWord) }},
		field{name: "settings", read: func(v value) {
			if settings, ok := r.plain(v).(map[string]any); ok {
				target.Settings = settings
			} else if len(r.problems) == before {
				r.complain(v, "must be a map of names to values")
			}
		}},
		field{name: "credentials", read: func(v value) {
			r.entries(v, func(name string, v value) { target.Credentials[name] = r.secret(v) })
		}})
	if len(r.problems) > before || r.opts.CheckTarget == nil {
		return target
	}
	if err := r.opts.CheckTarget(target); err != nil {
		var fields settings.FieldErrors
		if !errors.As(err, &fields) {
			r.complain(v, "%s", err)
		}
		for _, f := range fields {
			r.complain(value{path: v.path + "." + f.Path}, "%s", f.Message)
		}
	}
	return target
}

// origin makes a Desired.Origin: the place of a field, or of the closest one
// around it that the file has.
func (r *reader) origin(path string) func(field string) string {
	return func(field string) string {
		p := r.problem(path+"."+field, "")
		return strings.TrimSuffix(p.Error(), ": ")
	}
}

func (r *reader) secret(v value) secret.String {
	ref := r.text(v, 1, maxWord)
	if ref == "" {
		return secret.String{}
	}
	s, err := config.ResolveSecret(ref, r.opts.Lookup, r.opts.ReadFile)
	if err != nil {
		r.complain(v, "%s", err)
	}
	return s
}

// domain reads Productboard's type: a reversed domain name.
func (r *reader) domain(v value) string {
	s := r.text(v, 1, pbapi.MaxIntegrationType)
	labels := strings.Split(s, ".")
	invalid := len(labels) < 2
	for _, label := range labels {
		invalid = invalid || label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != ""
	}
	if s != "" && invalid {
		r.complain(v, "must be a reversed domain name, such as com.example.push")
	}
	return s
}
