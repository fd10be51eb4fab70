// Package systemd tells the service manager how the service is doing (sd_notify, unit Type=notify).
package systemd

import (
	"net"
	"os"
	"strings"
)

// Notify sends one state such as "READY=1". Does nothing without a service manager; failures are of no interest.
func Notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if strings.HasPrefix(path, "@") { // abstract namespace
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(state))
}
