using System.Runtime.InteropServices;

namespace RpcNet.Transports.Ngtcp2.Internal.Native;

// The shapes of libngtcp2 1.x, GnuTLS 3.7 and the Linux kernel on 64-bit machines, field by field in C's order: a test
// compares them with what a C compiler printed. Fields are spelled as in C, in this language's casing.

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgCid
{
    public const int MaxLength = 20;

    public nuint DataLen;
    public fixed byte Data[MaxLength];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgVec
{
    public byte* Base;
    public nuint Len;
}

// C aligns it to 8 bytes.
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct NgPacketInfo
{
    public byte Ecn;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NgSockAddrIn
{
    public ushort SinFamily;
    public ushort SinPort;
    public uint SinAddr;
    public ulong SinZero;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgSockAddrIn6
{
    public ushort Sin6Family;
    public ushort Sin6Port;
    public uint Sin6FlowInfo;
    public fixed byte Sin6Addr[16];
    public uint Sin6ScopeId;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgPreferredAddr
{
    public NgCid Cid;
    public NgSockAddrIn Ipv4;
    public NgSockAddrIn6 Ipv6;
    public byte Ipv4Present;
    public byte Ipv6Present;
    public fixed byte StatelessResetToken[16];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgVersionInfo
{
    public uint ChosenVersion;
    public byte* AvailableVersions;
    public nuint AvailableVersionsLen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgTransportParams
{
    public NgPreferredAddr PreferredAddr;
    public NgCid OriginalDcid;
    public NgCid InitialScid;
    public NgCid RetryScid;
    public ulong InitialMaxStreamDataBidiLocal;
    public ulong InitialMaxStreamDataBidiRemote;
    public ulong InitialMaxStreamDataUni;
    public ulong InitialMaxData;
    public ulong InitialMaxStreamsBidi;
    public ulong InitialMaxStreamsUni;
    public ulong MaxIdleTimeout;
    public ulong MaxUdpPayloadSize;
    public ulong ActiveConnectionIdLimit;
    public ulong AckDelayExponent;
    public ulong MaxAckDelay;
    public ulong MaxDatagramFrameSize;
    public byte StatelessResetTokenPresent;
    public byte DisableActiveMigration;
    public byte OriginalDcidPresent;
    public byte InitialScidPresent;
    public byte RetryScidPresent;
    public byte PreferredAddrPresent;
    public fixed byte StatelessResetToken[16];
    public byte GreaseQuicBit;
    public NgVersionInfo VersionInfo;
    public byte VersionInfoPresent;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgSettings
{
    public nint QlogWrite;
    public int CcAlgo;
    public ulong InitialTs;
    public ulong InitialRtt;
    public nint LogPrintf;
    public nuint MaxTxUdpPayloadSize;
    public byte* Token;
    public nuint TokenLen;
    public int TokenType;
    public nint RandCtx;
    public ulong MaxWindow;
    public ulong MaxStreamWindow;
    public nuint AckThresh;
    public byte NoTxUdpPayloadSizeShaping;
    public ulong HandshakeTimeout;
    public uint* PreferredVersions;
    public nuint PreferredVersionsLen;
    public uint* AvailableVersions;
    public nuint AvailableVersionsLen;
    public uint OriginalVersion;
    public byte NoPmtud;
    public uint InitialPktNum;
    public ushort* PmtudProbes;
    public nuint PmtudProbesLen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgAddr
{
    public byte* Addr;
    public uint AddrLen;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NgPath
{
    public NgAddr Local;
    public NgAddr Remote;
    public nint UserData;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgVersionCid
{
    public uint Version;
    public byte* Dcid;
    public nuint DcidLen;
    public byte* Scid;
    public nuint ScidLen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgPacketHeader
{
    public NgCid Dcid;
    public NgCid Scid;
    public long PktNum;
    public byte* Token;
    public nuint TokenLen;
    public nuint PktNumLen;
    public nuint Len;
    public uint Version;
    public byte Type;
    public byte Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgConnectionCloseError
{
    public int Type;
    public ulong ErrorCode;
    public ulong FrameType;
    public byte* Reason;
    public nuint ReasonLen;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NgConnectionInfo
{
    public ulong LatestRtt;
    public ulong MinRtt;
    public ulong SmoothedRtt;
    public ulong RttVar;
    public ulong Cwnd;
    public ulong SsThresh;
    public ulong BytesInFlight;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NgCryptoConnRef
{
    public delegate* unmanaged[Cdecl]<NgCryptoConnRef*, nint> GetConn;
    public nint UserData;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NgMemory
{
    public nint UserData;
    public nint Malloc;
    public nint Free;
    public nint Calloc;
    public nint Realloc;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NgInfo
{
    public int Age;
    public int VersionNum;
    public nint VersionStr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NgCallbacks
{
    public nint ClientInitial;
    public nint RecvClientInitial;
    public nint RecvCryptoData;
    public nint HandshakeCompleted;
    public nint RecvVersionNegotiation;
    public nint Encrypt;
    public nint Decrypt;
    public nint HpMask;
    public nint RecvStreamData;
    public nint AckedStreamDataOffset;
    public nint StreamOpen;
    public nint StreamClose;
    public nint RecvStatelessReset;
    public nint RecvRetry;
    public nint ExtendMaxLocalStreamsBidi;
    public nint ExtendMaxLocalStreamsUni;
    public nint Rand;
    public nint GetNewConnectionId;
    public nint RemoveConnectionId;
    public nint UpdateKey;
    public nint PathValidation;
    public nint SelectPreferredAddr;
    public nint StreamReset;
    public nint ExtendMaxRemoteStreamsBidi;
    public nint ExtendMaxRemoteStreamsUni;
    public nint ExtendMaxStreamData;
    public nint DcidStatus;
    public nint HandshakeConfirmed;
    public nint RecvNewToken;
    public nint DeleteCryptoAeadCtx;
    public nint DeleteCryptoCipherCtx;
    public nint RecvDatagram;
    public nint AckDatagram;
    public nint LostDatagram;
    public nint GetPathChallengeData;
    public nint StreamStopSending;
    public nint VersionNegotiation;
    public nint RecvRxKey;
    public nint RecvTxKey;
    public nint TlsEarlyDataRejected;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GnuTlsDatum
{
    public byte* Data;
    public uint Size;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVec
{
    public byte* IovBase;
    public nuint IovLen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MsgHdr
{
    public byte* MsgName;
    public uint MsgNameLen;
    public IoVec* MsgIov;
    public nuint MsgIovLen;
    public byte* MsgControl;
    public nuint MsgControlLen;
    public int MsgFlags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MMsgHdr
{
    public MsgHdr Hdr;
    public uint Len;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CMsgHdr
{
    public nuint Len;
    public int Level;
    public int Type;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PollFd
{
    public int Fd;
    public short Events;
    public short REvents;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    public long TvSec;
    public long TvNsec;
}
