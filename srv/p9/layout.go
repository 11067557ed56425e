package p9

import "strconv"

// A field is one place of a message. The same table of fields serves encoding,
// decoding, printing and parsing, so that the four cannot disagree.
type field struct {
	name string
	ptr  func(*Fcall) any // *uint8 ... *uint64, *string, *[]string, *Qid, *[]Qid, *[]byte or a struct
}

// Fields that travel as more than their bytes.
type (
	statBytes []byte // nstat[2] in front
	dataBytes []byte // count[4] in front
)

var (
	fFid     = &field{"fid", func(f *Fcall) any { return &f.Fid }}
	fNewfid  = &field{"newfid", func(f *Fcall) any { return &f.Newfid }}
	fDfid    = &field{"dfid", func(f *Fcall) any { return &f.Newfid }}
	fAfid    = &field{"afid", func(f *Fcall) any { return &f.Afid }}
	fMsize   = &field{"msize", func(f *Fcall) any { return &f.Msize }}
	fVersion = &field{"version", func(f *Fcall) any { return &f.Version }}
	fUname   = &field{"uname", func(f *Fcall) any { return &f.Uname }}
	fAname   = &field{"aname", func(f *Fcall) any { return &f.Aname }}
	fNuname  = &field{"nuname", func(f *Fcall) any { return &f.Nuname }}
	fOldtag  = &field{"oldtag", func(f *Fcall) any { return &f.Oldtag }}
	fEname   = &field{"ename", func(f *Fcall) any { return &f.Ename }}
	fErrno   = &field{"errno", func(f *Fcall) any { return &f.Errno }}
	fQid     = &field{"qid", func(f *Fcall) any { return &f.Qid }}
	fAqid    = &field{"aqid", func(f *Fcall) any { return &f.Qid }}
	fIounit  = &field{"iounit", func(f *Fcall) any { return &f.Iounit }}
	fWname   = &field{"wname", func(f *Fcall) any { return &f.Wname }}
	fWqid    = &field{"wqid", func(f *Fcall) any { return &f.Wqid }}
	fMode    = &field{"mode", func(f *Fcall) any { return &f.Mode }}
	fPerm    = &field{"perm", func(f *Fcall) any { return &f.Perm }}
	fFlags   = &field{"flags", func(f *Fcall) any { return &f.Flags }}
	fName    = &field{"name", func(f *Fcall) any { return &f.Name }}
	fTarget  = &field{"target", func(f *Fcall) any { return &f.Name2 }}
	fNewname = &field{"newname", func(f *Fcall) any { return &f.Name2 }}
	fGid     = &field{"gid", func(f *Fcall) any { return &f.Gid }}
	fMajor   = &field{"major", func(f *Fcall) any { return &f.Major }}
	fMinor   = &field{"minor", func(f *Fcall) any { return &f.Minor }}
	fOffset  = &field{"offset", func(f *Fcall) any { return &f.Offset }}
	fCount   = &field{"count", func(f *Fcall) any { return &f.Count }}
	fData    = &field{"data", func(f *Fcall) any { return (*dataBytes)(&f.Data) }}
	fStat    = &field{"stat", func(f *Fcall) any { return (*statBytes)(&f.Stat) }}
	fMask    = &field{"mask", func(f *Fcall) any { return &f.Mask }}
	fAttr    = &field{"attr", func(f *Fcall) any { return &f.Attr }}
	fSetattr = &field{"attr", func(f *Fcall) any { return &f.Setattr }}
	fStatfs  = &field{"statfs", func(f *Fcall) any { return &f.Statfs }}
	fLtype   = &field{"type", func(f *Fcall) any { return &f.Lock.Type }}
	fLflags  = &field{"flags", func(f *Fcall) any { return &f.Lock.Flags }}
	fLstart  = &field{"start", func(f *Fcall) any { return &f.Lock.Start }}
	fLlength = &field{"length", func(f *Fcall) any { return &f.Lock.Length }}
	fLproc   = &field{"proc", func(f *Fcall) any { return &f.Lock.ProcID }}
	fLclient = &field{"client", func(f *Fcall) any { return &f.Lock.ClientID }}
	fStatus  = &field{"status", func(f *Fcall) any { return &f.Status }}
	fSize    = &field{"size", func(f *Fcall) any { return &f.Size }}
	fSync    = &field{"datasync", func(f *Fcall) any { return &f.Sync }}
)

// A layout is a message's name and its fields in wire order. dotl marks those
// that only 9P2000.L has; plan9 those that it lacks. The n_uname of Tattach and
// Tauth is in 9P2000.L only: see fieldsOf.
type layout struct {
	name   string
	fields []*field
	dotl   bool
	plan9  bool
}

var layouts = [256]layout{
	Tversion: {name: "Tversion", fields: []*field{fMsize, fVersion}},
	Rversion: {name: "Rversion", fields: []*field{fMsize, fVersion}},
	Tauth:    {name: "Tauth", fields: []*field{fAfid, fUname, fAname, fNuname}},
	Rauth:    {name: "Rauth", fields: []*field{fAqid}},
	Tattach:  {name: "Tattach", fields: []*field{fFid, fAfid, fUname, fAname, fNuname}},
	Rattach:  {name: "Rattach", fields: []*field{fQid}},
	Rerror:   {name: "Rerror", fields: []*field{fEname}, plan9: true},
	Tflush:   {name: "Tflush", fields: []*field{fOldtag}},
	Rflush:   {name: "Rflush"},
	Twalk:    {name: "Twalk", fields: []*field{fFid, fNewfid, fWname}},
	Rwalk:    {name: "Rwalk", fields: []*field{fWqid}},
	Topen:    {name: "Topen", fields: []*field{fFid, fMode}, plan9: true},
	Ropen:    {name: "Ropen", fields: []*field{fQid, fIounit}, plan9: true},
	Tcreate:  {name: "Tcreate", fields: []*field{fFid, fName, fPerm, fMode}, plan9: true},
	Rcreate:  {name: "Rcreate", fields: []*field{fQid, fIounit}, plan9: true},
	Tread:    {name: "Tread", fields: []*field{fFid, fOffset, fCount}},
	Rread:    {name: "Rread", fields: []*field{fData}},
	Twrite:   {name: "Twrite", fields: []*field{fFid, fOffset, fData}},
	Rwrite:   {name: "Rwrite", fields: []*field{fCount}},
	Tclunk:   {name: "Tclunk", fields: []*field{fFid}},
	Rclunk:   {name: "Rclunk"},
	Tremove:  {name: "Tremove", fields: []*field{fFid}},
	Rremove:  {name: "Rremove"},
	Tstat:    {name: "Tstat", fields: []*field{fFid}, plan9: true},
	Rstat:    {name: "Rstat", fields: []*field{fStat}, plan9: true},
	Twstat:   {name: "Twstat", fields: []*field{fFid, fStat}, plan9: true},
	Rwstat:   {name: "Rwstat", plan9: true},

	Rlerror:      {name: "Rlerror", fields: []*field{fErrno}, dotl: true},
	Tstatfs:      {name: "Tstatfs", fields: []*field{fFid}, dotl: true},
	Rstatfs:      {name: "Rstatfs", fields: []*field{fStatfs}, dotl: true},
	Tlopen:       {name: "Tlopen", fields: []*field{fFid, fFlags}, dotl: true},
	Rlopen:       {name: "Rlopen", fields: []*field{fQid, fIounit}, dotl: true},
	Tlcreate:     {name: "Tlcreate", fields: []*field{fFid, fName, fFlags, fPerm, fGid}, dotl: true},
	Rlcreate:     {name: "Rlcreate", fields: []*field{fQid, fIounit}, dotl: true},
	Tsymlink:     {name: "Tsymlink", fields: []*field{fFid, fName, fTarget, fGid}, dotl: true},
	Rsymlink:     {name: "Rsymlink", fields: []*field{fQid}, dotl: true},
	Tmknod:       {name: "Tmknod", fields: []*field{fFid, fName, fPerm, fMajor, fMinor, fGid}, dotl: true},
	Rmknod:       {name: "Rmknod", fields: []*field{fQid}, dotl: true},
	Trename:      {name: "Trename", fields: []*field{fFid, fDfid, fName}, dotl: true},
	Rrename:      {name: "Rrename", dotl: true},
	Treadlink:    {name: "Treadlink", fields: []*field{fFid}, dotl: true},
	Rreadlink:    {name: "Rreadlink", fields: []*field{fTarget}, dotl: true},
	Tgetattr:     {name: "Tgetattr", fields: []*field{fFid, fMask}, dotl: true},
	Rgetattr:     {name: "Rgetattr", fields: []*field{fAttr}, dotl: true},
	Tsetattr:     {name: "Tsetattr", fields: []*field{fFid, fSetattr}, dotl: true},
	Rsetattr:     {name: "Rsetattr", dotl: true},
	Txattrwalk:   {name: "Txattrwalk", fields: []*field{fFid, fNewfid, fName}, dotl: true},
	Rxattrwalk:   {name: "Rxattrwalk", fields: []*field{fSize}, dotl: true},
	Txattrcreate: {name: "Txattrcreate", fields: []*field{fFid, fName, fSize, fFlags}, dotl: true},
	Rxattrcreate: {name: "Rxattrcreate", dotl: true},
	Treaddir:     {name: "Treaddir", fields: []*field{fFid, fOffset, fCount}, dotl: true},
	Rreaddir:     {name: "Rreaddir", fields: []*field{fData}, dotl: true},
	Tfsync:       {name: "Tfsync", fields: []*field{fFid, fSync}, dotl: true},
	Rfsync:       {name: "Rfsync", dotl: true},
	Tlock:        {name: "Tlock", fields: []*field{fFid, fLtype, fLflags, fLstart, fLlength, fLproc, fLclient}, dotl: true},
	Rlock:        {name: "Rlock", fields: []*field{fStatus}, dotl: true},
	Tgetlock:     {name: "Tgetlock", fields: []*field{fFid, fLtype, fLstart, fLlength, fLproc, fLclient}, dotl: true},
	Rgetlock:     {name: "Rgetlock", fields: []*field{fLtype, fLstart, fLlength, fLproc, fLclient}, dotl: true},
	Tlink:        {name: "Tlink", fields: []*field{fDfid, fFid, fName}, dotl: true},
	Rlink:        {name: "Rlink", dotl: true},
	Tmkdir:       {name: "Tmkdir", fields: []*field{fFid, fName, fPerm, fGid}, dotl: true},
	Rmkdir:       {name: "Rmkdir", fields: []*field{fQid}, dotl: true},
	Trenameat:    {name: "Trenameat", fields: []*field{fFid, fName, fDfid, fNewname}, dotl: true},
	Rrenameat:    {name: "Rrenameat", dotl: true},
	Tunlinkat:    {name: "Tunlinkat", fields: []*field{fFid, fName, fFlags}, dotl: true},
	Runlinkat:    {name: "Runlinkat", dotl: true},
}

// String gives the message's name, such as Twalk.
func (t Type) String() string {
	if n := layouts[t].name; n != "" {
		return n
	}
	return "type " + strconv.Itoa(int(t))
}

// Known reports whether the type is a message of the dialect.
func (t Type) Known(dotl bool) bool {
	l := &layouts[t]
	return l.name != "" && !(l.dotl && !dotl) && !(l.plan9 && dotl)
}

// fieldsOf gives the message's fields in the dialect. 9P2000 has no n_uname.
func fieldsOf(t Type, dotl bool) []*field {
	f := layouts[t].fields
	if !dotl && (t == Tattach || t == Tauth) {
		f = f[:len(f)-1]
	}
	return f
}
