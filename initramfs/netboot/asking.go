package netboot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// maxDHCP is the longest message that is looked at: what one Ethernet frame carries.
const maxDHCP = 1472

// A firmware is the kind of program that asks.
type firmware int

const (
	system firmware = iota // wants an address alone
	pxe                    // firmware, by TFTP
	uefi                   // firmware, by HTTP
	ipxe
)

// An asking is a message, taken apart.
type asking struct {
	*dhcpv4.DHCPv4
	machine
	by   firmware
	code uint16 // the architecture, RFC 4578
}

var (
	errShape = errors.New("not a request of an Ethernet machine")
	errLong  = errors.New("oversized")
)

// parseDHCP takes a message apart. What is no request of a machine is an error.
func parseDHCP(p []byte) (*asking, error) {
	if len(p) > maxDHCP {
		return nil, errLong
	}
	m, err := dhcpv4.FromBytes(p)
	if err != nil {
		return nil, err
	}
	if m.OpCode != dhcpv4.OpcodeBootRequest || m.HWType != 1 || len(m.ClientHWAddr) != 6 ||
		m.ClientHWAddr[0]&1 != 0 || bytes.Equal(m.ClientHWAddr, make([]byte, 6)) {
		return nil, errShape
	}
	a := &asking{DHCPv4: m, machine: machine{ether: hex.EncodeToString(m.ClientHWAddr)}}
	if id := m.Options.Get(dhcpv4.OptionClientMachineIdentifier); len(id) == 17 && id[0] == 0 {
		a.uuid = uuidText(id[1:])
	}
	class := m.ClassIdentifier()
	switch {
	case bytes.Contains(m.Options.Get(dhcpv4.OptionUserClassInformation), []byte("iPXE")):
		a.by = ipxe
	case strings.HasPrefix(class, "HTTPClient"):
		a.by = uefi
	case strings.HasPrefix(class, "PXEClient"):
		a.by = pxe
	}
	if b := m.Options.Get(dhcpv4.OptionClientSystemArchitectureType); len(b) >= 2 {
		a.code = uint16(b[0])<<8 | uint16(b[1])
		if a.by != system {
			a.arch, a.efi = archOf(a.code)
		}
	}
	return a, nil
}

// archOf names an architecture as iPXE's buildarch does, and says whether its firmware
// is UEFI: IANA's processor architecture types.
func archOf(code uint16) (name string, efi bool) {
	switch code {
	case 0, 20:
		return "i386", false
	case 6, 15:
		return "i386", true
	case 7, 9, 16, 17:
		return "x86_64", true
	case 10, 18:
		return "arm32", true
	case 11, 19:
		return "arm64", true
	case 25, 26:
		return "riscv32", true
	case 27, 28:
		return "riscv64", true
	}
	return fmt.Sprint("arch", code), false
}

// loaderOf is the name of iPXE's program for firmware.
func loaderOf(m machine) string {
	switch {
	case !m.efi && m.arch == "i386":
		return "undionly.kpxe"
	case m.efi && m.arch == "x86_64":
		return "ipxe.efi"
	}
	return "ipxe-" + m.arch + ".efi"
}

// uuidText writes a machine's identifier as SMBIOS has it: the first three fields are in
// little endian. One of all the same bytes is nobody's.
func uuidText(b []byte) string {
	if bytes.Equal(b, bytes.Repeat(b[:1], 16)) {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:])
}
