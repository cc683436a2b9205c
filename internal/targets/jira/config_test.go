package jira_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/jira"
	"pushbutton/internal/targets/jira/jirafake"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/targettest"
)

// driver makes the bare driver, for abilities that Target does not show.
func (r *rig) driver(t *testing.T) targets.Chooser {
	t.Helper()
	settings, login := settings.Values{"url": r.URL, "project": "ENG"}, jirafake.Cloud
	if r.dataCenter {
		settings["edition"], login = "datacenter", jirafake.PAT
	}
	own, credentials := login(true)
	maps.Copy(settings, own)
	driver, err := jira.Kind().New(targets.Config{Settings: settings, Credentials: credentials}, targets.Deps{HTTP: targettest.Client(t)})
	require.NoError(t, err)
	return driver.(targets.Chooser)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	const site = "https://example.atlassian.net"
	for name, c := range map[string]struct {
		settings    set
		credentials map[string]string
		want        []string
	}{
		"nothing": {set{}, nil, []string{
			"settings.url is required (for example https://example.atlassian.net)", "settings.project is required (for example ENG)"}},
		"no credential":        {set{"url": site, "project": "ENG"}, nil, []string{"credentials.apiToken is required (or accessToken)"}},
		"token, no address":    {set{"url": site, "project": "ENG"}, map[string]string{"apiToken": "t"}, []string{"settings.email is required with credentials.apiToken and must be an e-mail address"}},
		"address with a colon": {set{"url": site, "project": "ENG", "email": "a:b@example.com"}, map[string]string{"apiToken": "t"}, []string{"settings.email is required with credentials.apiToken and must be an e-mail address"}},
		"two credentials": {set{"url": site, "project": "ENG", "email": "a@example.com", "cloudId": "1"}, map[string]string{"apiToken": "t", "accessToken": "u"}, []string{
			"credentials.accessToken must not stand beside apiToken: which one counts?"}},
		"OAuth, no site id":  {set{"url": site, "project": "ENG"}, map[string]string{"accessToken": "t"}, []string{"settings.cloudId is required with credentials.accessToken"}},
		"PAT for Cloud":      {set{"url": site, "project": "ENG", "email": "a@example.com"}, map[string]string{"apiToken": "t", "personalAccessToken": "p"}, []string{"credentials.personalAccessToken is for settings.edition: datacenter; Jira Cloud takes apiToken or accessToken"}},
		"parent is no key":   {set{"url": site, "project": "ENG", "email": "a@example.com", "parent": "12"}, map[string]string{"apiToken": "t"}, []string{"settings.parent must be an issue's key (for example ENG-12)"}},
		"parent is a path":   {set{"url": site, "project": "ENG", "email": "a@example.com", "parent": "ENG-1/../2"}, map[string]string{"apiToken": "t"}, []string{"settings.parent must be an issue's key (for example ENG-12)"}},
		"unknown edition":    {set{"url": site, "project": "ENG", "edition": "server"}, map[string]string{"apiToken": "t"}, []string{"settings.edition must be one of cloud, datacenter"}},
		"Cloud taken for DC": {set{"url": site, "project": "ENG", "edition": "datacenter"}, map[string]string{"personalAccessToken": "p"}, []string{"settings.edition must be cloud: settings.url is a Jira Cloud site"}},
		"DC with Cloud's": {set{"url": "https://jira.example.com/jira", "project": "ENG", "edition": "datacenter", "email": "a@example.com", "cloudId": "1"}, map[string]string{"apiToken": "t", "accessToken": "u"}, []string{
			"credentials.personalAccessToken is required with settings.edition: datacenter", "settings.cloudId is for settings.edition: cloud", "settings.email is for settings.edition: cloud",
			"credentials.apiToken is for settings.edition: cloud; Data Center takes personalAccessToken", "credentials.accessToken is for settings.edition: cloud; Data Center takes personalAccessToken"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			credentials := map[string]secret.String{}
			for k, v := range c.credentials {
				credentials[k] = secret.New(v)
			}
			_, err := jira.Kind().Open(c.settings, credentials, targets.Deps{})
			var fields settings.FieldErrors
			require.ErrorAs(t, err, &fields)
			var got []string
			for _, f := range fields {
				got = append(got, f.Error())
			}
			slices.Sort(got)
			slices.Sort(c.want)
			require.Equal(t, c.want, got)
		})
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	t.Parallel()
	kind := jira.Kind()
	for _, f := range append(kind.AllSettings(), kind.Credentials...) {
		require.NotEmpty(t, f.Help, f.Name)
		require.NotEmpty(t, f.Example, f.Name)
	}
	for _, c := range kind.Credentials {
		require.True(t, c.Secret, c.Name)
	}
	for _, s := range []string{kind.Guide.Permissions, kind.Guide.Token} {
		require.Greater(t, len(strings.Fields(s)), 10)
	}
}
