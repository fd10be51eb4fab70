package metrics

import (
	"net"
	"net/http/httptest"
	"testing"

	"odoo-tenants/connector/internal/commandline"
)

type configuration struct{}

func (configuration) JSON() []byte   { return []byte(`{"version":3}`) }
func (configuration) Version() int32 { return 3 }

func TestReadyFollowsTheConnections(t *testing.T) {
	counted := New("v")
	handler := Server(Source{Metrics: counted, ConnectorID: "id", Config: configuration{}}).Handler
	for _, step := range []struct {
		before func()
		status int
		body   string
	}{
		{func() {}, 503, `{"status":503,"readyConnections":0,"connectorId":"id"}`},
		{func() { counted.Connected(0, "x"); counted.Connected(1, "x") }, 200, `{"status":200,"readyConnections":2,"connectorId":"id"}`},
		{func() { counted.Disconnected(0); counted.Disconnected(1) }, 503, `{"status":503,"readyConnections":0,"connectorId":"id"}`},
	} {
		step.before()
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", "/ready", nil))
		if answer.Code != step.status || answer.Body.String() != step.body {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
}

func TestTheDefaultAddressGivesWayToWhoHasThePort(t *testing.T) {
	var taken []net.Listener
	for range len(knownPorts) + 1 {
		listener, err := Listen(commandline.DefaultMetrics)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, listener)
	}
	for _, listener := range taken {
		_ = listener.Close()
	}
	if _, err := Listen("127.0.0.1:99999"); err == nil {
		t.Error("listens on an impossible port")
	}
}
