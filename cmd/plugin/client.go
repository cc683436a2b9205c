package main

import (
	"errors"
	"strings"

	"pushbutton/config"
	"pushbutton/internal/admin/client"
	"pushbutton/internal/secret"
)

// loadEither reads the configuration of a command that works through a running
// plugin, or on Redis, for which it needs more.
func (inv *invocation) loadEither(onRedis ...string) (config.Config, error) {
	cfg, err := inv.load(nil)
	switch {
	case err != nil:
		return cfg, err
	case cfg.Server != "":
		return inv.load(nil, config.AdminToken)
	case inv.flagValues["token"] != "":
		return cfg, &usageError{errors.New("--token is for a running plugin, which --server names")}
	default:
		return inv.load(nil, onRedis...)
	}
}

// client makes the client of the running plugin that is configured.
func (inv *invocation) client(cfg config.Config) (*client.Client, error) {
	token, err := inv.token(cfg.AdminToken)
	if err != nil {
		return nil, &usageError{errors.New(config.AdminToken + " (--token): " + err.Error())}
	}
	client, err := client.New(cfg.Server, token, &client.Options{Version: version})
	if err != nil {
		return nil, &usageError{err}
	}
	return client, nil
}

// token returns a token that may stand elsewhere. A token itself has no colon.
func (inv *invocation) token(s secret.String) (secret.String, error) {
	if !strings.Contains(s.Reveal(), ":") {
		return s, nil
	}
	return config.ResolveSecret(s.Reveal(), inv.env.lookup, readAtMost)
}
