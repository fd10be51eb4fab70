package systemd

import (
	"net"
	"path/filepath"
	"testing"
)

func TestSendsTheStateToTheServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	Notify("READY=1")
	buffer := make([]byte, 64)
	n, err := listener.Read(buffer)
	if err != nil || string(buffer[:n]) != "READY=1" {
		t.Fatalf("received %q, %v", buffer[:n], err)
	}
}

func TestIsSilentWithoutAServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	Notify("READY=1")
}
