package jirafake

import (
	"slices"
	"strconv"
	"testing"

	"pushbutton/internal/targets/targettest"
)

// fates is what can become of the issues in ENG, and of Mine's account.
func (f *Fake) fates() targettest.Fates {
	return targettest.Fates{
		Delete: func(_ *testing.T, id string) {
			f.Change(func(f *Fake) {
				f.Issues = slices.DeleteFunc(f.Issues, func(i *Issue) bool { return strconv.Itoa(i.ID) == id })
			})
		},
		Move:        func(_ *testing.T, id string) { f.Change(func(f *Fake) { f.move(id, "OPS", true) }) },
		Hide:        func(_ *testing.T, id string) { f.Change(func(f *Fake) { f.find(id).Secured = true }) },
		EndToken:    func(*testing.T) { f.Change(func(f *Fake) { f.Accounts[0].endTokens() }) },
		LoseProject: func(*testing.T) { f.Change(func(f *Fake) { f.Accounts[0].Projects = nil }) },
		Never: map[string]string{
			"Trash":         "Jira deletes an issue for good; only whole projects have a trash",
			"DisableIssues": "a Jira project always has issues",
		},
		DeletedLooksHidden: true,
	}
}

func (f *Fake) find(id string) *Issue {
	for _, i := range f.Issues {
		if strconv.Itoa(i.ID) == id {
			return i
		}
	}
	return nil
}

// move gives an issue a key in another project, which Mine sees or not. Its id
// and its old key still lead to it.
func (f *Fake) move(id, project string, visible bool) {
	i := f.find(id)
	i.OldKeys = append(i.OldKeys, i.Key)
	i.Project, i.Key = project, project+"-"+id
	if visible {
		f.Accounts[0].Projects = append(f.Accounts[0].Projects, project)
	}
}

// endTokens revokes what an account signs in with.
func (a *Account) endTokens() { a.APIToken, a.AccessToken, a.PAT = "", "", "" }
