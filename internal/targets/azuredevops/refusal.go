package azuredevops

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// refusedError keeps what was wrong with which fields.
type refusedError struct {
	message string
	rules   []rule
}

func (e *refusedError) Error() string { return "refused: " + e.message }

// rulesOf gives the broken rules of a refusal that is somewhere in err.
func rulesOf(err error) []rule {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.rules
	}
	return nil
}

// concerns tells whether a refusal is about a field.
func concerns(err error, field string) bool {
	return slices.ContainsFunc(rulesOf(err), func(r rule) bool { return r.Ref == field })
}

// missing tells whether a rule only asks for a value.
func (r rule) missing() bool {
	flags := strings.ToLower(r.Flags)
	return strings.Contains(flags, "required") && (strings.Contains(flags, "invalidempty") || !strings.Contains(flags, "invalid"))
}

// noItem and noProject are Azure DevOps' codes for an item and a project that
// it does not return.
const (
	noItem    = "TF401232"
	noProject = "TF200016"
)

// saysNoItem reports whether a refusal is Azure DevOps' own word that it has no
// such item, or does not show it.
func saysNoItem(err error) bool { return says(err, noItem) }

func says(err error, codes ...string) bool {
	var refused *refusedError
	return errors.As(err, &refused) && slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(refused.message, code) })
}

// remembered reports whether a create was refused for what was looked up
// earlier: the type, a field, or the account that the issue is given to.
func remembered(err error) bool {
	return says(err, "VS402323", "TF51535") || concerns(err, fieldAssignedTo)
}

// tooLong marks a refusal of a text for its length. No limit is named.
func (p *plan) tooLong(err error) error {
	for _, r := range rulesOf(err) {
		if !strings.Contains(strings.ToLower(r.Flags), "invalidtoolong") {
			continue
		}
		field := r.Ref
		if field == p.description {
			field = ""
		}
		return targets.TooLong(err, field, 0, "'"+r.label()+"' is too long")
	}
	return err
}

// label is what people call the rule's field. The message names it in English
// and in most other languages; else its reference name's last part will do.
func (r rule) label() string {
	if m := regexp.MustCompile(`Rule Error for field (.+?)\. Error code`).FindStringSubmatch(r.Message); m != nil {
		return m[1]
	}
	if m := regexp.MustCompile(`for field '([^']+)'`).FindStringSubmatch(r.Message); m != nil {
		return m[1]
	}
	return r.Ref[strings.LastIndexByte(r.Ref, '.')+1:]
}

// explain makes the sentence of a refusal. typeKeys and codes (TF…, VS…) are
// the same in every language, messages are not.
func (c client) explain(verdict *fault.Error, said failure) {
	rules := said.Custom.Rules
	if said.Custom.Reference != "" {
		rules = append(rules, rule{Ref: said.Custom.Reference, Flags: "invalidValue", Message: said.Message})
	}
	if said.Message != "" || len(rules) > 0 {
		verdict.Err = fmt.Errorf("%w: %w", verdict.Err, &refusedError{message: text.Title(said.Message, text.MaxPublic), rules: rules})
	}
	has := func(codes ...string) bool {
		return slices.ContainsFunc(codes, func(code string) bool {
			return strings.Contains(said.Message, code) || strings.Contains(said.TypeKey, code)
		})
	}
	switch {
	case has("TF26071", "RevisionMismatch"):
		verdict.Kind = fault.Conflict
	case has("TF401289", "CreateTag"):
		verdict.Kind = fault.Forbidden
		verdict.Public = fmt.Sprintf("Azure DevOps: the token's account may not create tags in project %s. Ask an Azure DevOps admin to allow it Create tag definition.", c.cfg.project)
	case has(noProject, "ProjectDoesNotExist"):
		verdict.Kind = fault.NotFound
		verdict.Public = fmt.Sprintf("Azure DevOps has no project %q, or does not show it to the token's account. Ask your admin to correct settings.project.", c.cfg.project)
	case has("VS402323", "WorkItemTypeNotFound"):
		verdict.Kind = fault.NotFound
		verdict.Public = fmt.Sprintf("Azure DevOps has no work item type %q in project %s. Ask your admin to correct settings.type.", c.cfg.typ, c.cfg.project)
	case has("TF401347"):
		verdict.Kind = fault.Invalid
		verdict.Public = "Azure DevOps does not have the area or iteration path. Ask your admin to correct " + c.pathSettings() + "."
	case has("VssVersionOutOfRange"):
		verdict.Public = sentenceWith(said.Message, ". Ask your admin to set settings.apiVersion.")
	case verdict.Kind == fault.Forbidden && said.Message != "":
		verdict.Public = sentenceWith(said.Message, ". Ask an Azure DevOps admin to allow it to the token's account.")
	case verdict.Kind == fault.Forbidden:
		verdict.Public = fmt.Sprintf("Azure DevOps does not allow this to the token's account in project %s. Ask an Azure DevOps admin to let it view and edit work items there.", c.cfg.project)
	case verdict.Kind == fault.NotFound:
		verdict.Public = fmt.Sprintf("Azure DevOps does not have what was asked for in project %s, or does not show it to the token's account. Ask your admin to check the integration's settings.", c.cfg.project)
	case len(rules) > 0:
		verdict.Public = c.ruleSentence(rules)
	case said.Message != "":
		verdict.Public = sentence(said.Message)
	}
}

func (c client) pathSettings() string {
	switch {
	case c.cfg.iteration == "":
		return "settings.areaPath"
	case c.cfg.area == "":
		return "settings.iterationPath"
	default:
		return "settings.areaPath or settings.iterationPath"
	}
}

// ruleSentence says what the fields want. Those that want a value come first:
// somebody can do something about them.
func (c client) ruleSentence(rules []rule) string {
	var missing, wrong []string
	for _, r := range rules {
		if r.missing() {
			missing = append(missing, "'"+r.label()+"'")
		} else {
			wrong = append(wrong, "'"+r.label()+"'")
		}
	}
	if len(missing) > 0 {
		return text.Advised(name, fmt.Sprintf("%s required in project %s", fieldsAre(missing), c.cfg.project), ". Ask your admin to map it in settings.fields.")
	}
	return text.Advised(name, fmt.Sprintf("%s not allowed the value given", fieldsAre(wrong)), ". Ask your admin to change the integration's settings.")
}

func fieldsAre(names []string) string {
	if len(names) == 1 {
		return "field " + names[0] + " is"
	}
	return "fields " + strings.Join(names, ", ") + " are"
}

// sentence is Azure DevOps' own message without its code.
func sentence(message string) string {
	return sentenceWith(message, ". Ask your admin to check the integration's settings.")
}

func sentenceWith(message, advice string) string {
	if m := regexp.MustCompile(`^(?:TF|VS)\d+: `).FindString(message); m != "" {
		message = message[len(m):]
	}
	return text.Advised(name, message, advice)
}

func invalid(op, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Public: fmt.Sprintf(format, args...)}
}
