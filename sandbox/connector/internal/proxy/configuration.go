// Package proxy passes visitors' requests on to the origins that the tunnel's configuration names.
package proxy

import (
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"

	"odoo-tenants/connector/internal/ingress"
)

// Update is a configuration as the edge sends it.
type Update struct {
	Version int32           `json:"version"`
	Config  json.RawMessage `json:"config"`
}

// Applied answers an Update. Err is null when the version was taken or was known already.
type Applied struct {
	LastAppliedVersion int32   `json:"lastAppliedVersion"`
	Err                *string `json:"err"`
}

// Configuration holds the newest rules; a request keeps those it began with.
type Configuration struct {
	current atomic.Pointer[version]
	lock    sync.Mutex
	log     *slog.Logger
}

type version struct {
	number int32
	config json.RawMessage
	rules  *ingress.Ruleset
}

// NewConfiguration begins at version -1 (any from the edge is newer) and answers 503 to everything.
func NewConfiguration(log *slog.Logger) *Configuration {
	configuration := &Configuration{log: log}
	configuration.current.Store(&version{number: -1, config: json.RawMessage(`{}`), rules: ingress.NoRules()})
	return configuration
}

// Apply takes a version if it is newer and valid; otherwise the one in force stays.
func (c *Configuration) Apply(update Update) Applied {
	c.lock.Lock()
	defer c.lock.Unlock()
	before := c.current.Load()
	if update.Version <= before.number {
		return Applied{LastAppliedVersion: before.number}
	}
	rules, err := ingress.Parse(update.Config)
	if err != nil {
		c.log.Error("Failed to update ingress", "error", err, "version", update.Version, "config", string(update.Config))
		text := err.Error()
		return Applied{LastAppliedVersion: before.number, Err: &text}
	}
	c.current.Store(&version{number: update.Version, config: update.Config, rules: rules})
	before.rules.Close()
	c.log.Info("Updated to new configuration", "version", update.Version, "config", string(update.Config))
	return Applied{LastAppliedVersion: update.Version}
}

// Version in force; -1 before the first.
func (c *Configuration) Version() int32 { return c.current.Load().number }

// JSON is the version in force as /config shows it.
func (c *Configuration) JSON() []byte {
	current := c.current.Load()
	text, err := json.Marshal(Update{Version: current.number, Config: current.config})
	if err != nil {
		return []byte(`{}`)
	}
	return text
}
