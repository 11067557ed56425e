package factotum

import "ninespace/srv"

// Pass hands out a user name and a password, quoted, in one read.
func passClient(c *conv) error {
	k, err := c.key(c.template(c.proto.prompt()...))
	if err != nil {
		return err
	}
	return c.send([]byte(srv.Quote(k.attrs.Get("user")) + " " + srv.Quote(string(k.secret("!password")))))
}
