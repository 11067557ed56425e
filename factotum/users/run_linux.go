package users

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
)

// As has a command run as u: with his numbers and groups and no others, in his directory,
// and with an environment that has nothing of this process's. What cmd.Env has already is
// kept, in front of what names the user. Without root only the process's own user can be
// run as: others are EPERM at the start.
func (u *User) As(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	if !u.own() {
		// Setgroups, setgid, setuid: as root is given up last, and for good, since the
		// kernel sets the real, effective and saved numbers and clears all capabilities.
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.Uid, Gid: u.Gid, Groups: u.Groups}
		cmd.SysProcAttr.AmbientCaps = nil
	}
	shell := u.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	cmd.Env = append(slices.Clip(cmd.Env), "USER="+u.Name, "LOGNAME="+u.Name, "HOME="+u.Home, "SHELL="+shell)
	if !slices.ContainsFunc(cmd.Env, func(s string) bool { return len(s) > 4 && s[:5] == "PATH=" }) {
		cmd.Env = append(cmd.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if cmd.Dir == "" {
		cmd.Dir = "/"
		if fi, err := os.Stat(u.Home); err == nil && fi.IsDir() {
			cmd.Dir = u.Home
		}
	}
}

// own tells whether u is whom the process runs as, root apart, who may have groups to
// give up.
func (u *User) own() bool {
	return os.Geteuid() != 0 && u.Uid == uint32(os.Geteuid()) && u.Uid == uint32(os.Getuid())
}
