// What the attach name stats gives of a server that is posted as ram:
//
//	/               0555
//	    ram         0444  what it has done, in counts and times: Server.Stats
//	    ram.log     0444  what its keeper should know, a line each: Server.Log
//	    ram.prom    0444  as ram, in the text format of Prometheus: Server.Metrics

package srv

// statsDir makes the directory. It has no log where that goes elsewhere.
func (s *Server) statsDir(name string) *Dir {
	d := NewDir().Add(name, s.Stats()).Add(name+".prom", s.Metrics(name))
	if s.Log == nil {
		log := NewLog(0o444)
		s.Log = log.Say
		d.Add(name+".log", log)
	}
	return d
}
