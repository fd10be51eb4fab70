// Package metrics counts what the connector does and shows it over HTTP as cloudflared does.
package metrics

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// Metrics of one connector. Names and labels are cloudflared's.
type Metrics struct {
	Version string

	requests, errors      atomic.Int64
	concurrent, connected atomic.Int64
	registered, refused   atomic.Int64

	lock      sync.Mutex
	responses map[int]int64
	locations map[int]string
	states    map[int]bool
}

// New returns metrics that are all zero.
func New(version string) *Metrics {
	return &Metrics{Version: version, responses: map[int]int64{}, locations: map[int]string{}, states: map[int]bool{}}
}

func (m *Metrics) RequestStarted() { m.requests.Add(1); m.concurrent.Add(1) }
func (m *Metrics) RequestEnded()   { m.concurrent.Add(-1) }
func (m *Metrics) RequestFailed()  { m.errors.Add(1) }

func (m *Metrics) Response(status int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.responses[status]++
}

// Connected notes a registered connection.
func (m *Metrics) Connected(index int, location string) {
	m.registered.Add(1)
	m.connected.Add(1)
	m.lock.Lock()
	defer m.lock.Unlock()
	m.locations[index] = location
	m.states[index] = true
}

// Disconnected notes that a registered connection is gone.
func (m *Metrics) Disconnected(index int) {
	m.connected.Add(-1)
	m.lock.Lock()
	defer m.lock.Unlock()
	m.states[index] = false
}

// Refused notes that the edge did not register a connection.
func (m *Metrics) Refused() { m.refused.Add(1) }

// Connections that are registered now.
func (m *Metrics) Connections() int64 { return m.connected.Load() }

// Concurrent requests now.
func (m *Metrics) Concurrent() int64 { return m.concurrent.Load() }

func (m *Metrics) connectionStates() map[int]bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	return maps.Clone(m.states)
}

// write writes the Prometheus text format.
func (m *Metrics) write(out io.Writer, configVersion int32) {
	single := func(name string, kind string, help string, value int64) {
		_, _ = fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %d\n", name, help, name, kind, name, value)
	}
	family := func(name string, kind string, help string) {
		_, _ = fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	family("build_info", "gauge", "Build and version information")
	_, _ = fmt.Fprintf(out, "build_info{goversion=%q,revision=\"\",type=\"sandbox\",version=%q} 1\n", runtime.Version(), m.Version)
	single("cloudflared_orchestration_config_version", "gauge", "Configuration Version", int64(configVersion))
	single("cloudflared_tunnel_ha_connections", "gauge", "Number of active ha connections", m.connected.Load())
	single("cloudflared_tunnel_total_requests", "counter", "Amount of requests proxied through all the tunnels", m.requests.Load())
	single("cloudflared_tunnel_request_errors", "counter", "Count of error proxying to origin", m.errors.Load())
	single("cloudflared_tunnel_concurrent_requests_per_tunnel", "gauge", "Concurrent requests proxied through each tunnel", m.concurrent.Load())
	family("cloudflared_tunnel_tunnel_register_success", "counter", "Count of successful tunnel registrations")
	_, _ = fmt.Fprintf(out, "cloudflared_tunnel_tunnel_register_success{rpcName=\"registerConnection\"} %d\n", m.registered.Load())
	family("cloudflared_tunnel_tunnel_register_fail", "counter", "Count of tunnel registration errors by type")
	_, _ = fmt.Fprintf(out, "cloudflared_tunnel_tunnel_register_fail{error=\"server_error\",rpcName=\"registerConnection\"} %d\n", m.refused.Load())

	m.lock.Lock()
	defer m.lock.Unlock()
	family("cloudflared_tunnel_response_by_code", "counter", "Count of responses by HTTP status code")
	for _, code := range slices.Sorted(maps.Keys(m.responses)) {
		_, _ = fmt.Fprintf(out, "cloudflared_tunnel_response_by_code{status_code=%q} %d\n", strconv.Itoa(code), m.responses[code])
	}
	family("cloudflared_tunnel_server_locations", "gauge", "Where each tunnel is connected to. 1 means current location, 0 means previous locations.")
	for _, index := range slices.Sorted(maps.Keys(m.locations)) {
		_, _ = fmt.Fprintf(out, "cloudflared_tunnel_server_locations{connection_id=%q,edge_location=%q} 1\n", strconv.Itoa(index), m.locations[index])
	}
}
