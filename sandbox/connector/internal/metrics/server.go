package metrics

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"odoo-tenants/connector/internal/commandline"
)

// knownPorts are tried in turn when no address is given; all taken, any free port serves.
var knownPorts = []int{20241, 20242, 20243, 20244, 20245}

// Listen opens the given address, or the first free one of the known ports for the default address.
func Listen(address string) (net.Listener, error) {
	if address == commandline.DefaultMetrics {
		for _, port := range knownPorts {
			if listener, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", port)); err == nil {
				return listener, nil
			}
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("failed to bind to address (%s): %w", address, err)
	}
	return listener, nil
}

// Source of what the pages show.
type Source struct {
	Metrics     *Metrics
	ConnectorID string
	TunnelID    string
	Config      interface {
		JSON() []byte
		Version() int32
	}
}

// Server shows /ready, /healthcheck, /metrics, /config and /diag/tunnel.
func Server(source Source) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthcheck", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "OK") })
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		connections, status := source.Metrics.Connections(), http.StatusOK
		if connections == 0 {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, struct {
			Status           int    `json:"status"`
			ReadyConnections int64  `json:"readyConnections"`
			ConnectorID      string `json:"connectorId"`
		}{status, connections, source.ConnectorID})
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		source.Metrics.write(w, source.Config.Version())
	})
	mux.HandleFunc("/config", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(source.Config.JSON()) })
	mux.HandleFunc("/diag/tunnel", func(w http.ResponseWriter, _ *http.Request) {
		type connection struct {
			IsConnected bool   `json:"isConnected"`
			Protocol    string `json:"protocol"`
			Index       int    `json:"index"`
		}
		connections := []connection{}
		for index, connected := range source.Metrics.connectionStates() {
			connections = append(connections, connection{connected, "http2", index})
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"tunnelID": source.TunnelID, "connectorID": source.ConnectorID, "connections": connections,
		})
	})
	return &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
